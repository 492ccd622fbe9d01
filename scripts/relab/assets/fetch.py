"""Fetching one file of an asset: from this machine, from the cache, or from the first source that has it."""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from pathlib import Path

from relab.assets import cache, local
from relab.assets.log import format_size, log
from relab.assets.mirror import MirrorFetcher, mirror_folder
from relab.assets.retry import RETRY_POLICY, Denied, RetryPolicy, Unavailable, Unreachable
from relab.errors import UserError
from relab.files import write_text
from relab.settings.assets import Fetched

#: A source as messages call it, and why it failed.
Failure = tuple[str, Unavailable]


def fetch(
    asset: str,
    file: str,
    declared: Fetched,
    cache_dir: Path,
    *,
    checkout: Path = cache.CHECKOUT,
    policy: RetryPolicy = RETRY_POLICY,
) -> cache.AvailableFile:
    """One file of an asset; where the cache lacks it, the whole asset is fetched.

    Order: the user's own file or the standard library, the cache, ``RELAB_MIRROR``, then the sources as declared. One job
    at a time fetches an asset; a job that waited for one that failed fails with the same message.

    Raises:
        UserError: no source has it; the message names each source, why it failed and what to do.
    """
    if file not in declared.files:
        raise UserError(f"asset {asset}: it has no file {file!r}, only {', '.join(declared.files)}")
    failures: list[Failure] = []
    for source in declared.sources:
        if source.kind in ("local", "stdlib"):
            try:
                return local.resolve(source, declared, asset, file, cache_dir, checkout)
            except Unavailable as problem:
                failures.append((local.label(source), problem))
    available = cache.find_verified(cache_dir, asset, file, declared)
    if available is None:
        _fetch_all(AssetFetcher(asset, declared, cache_dir, policy, failures), file)
        available = cache.find(cache_dir, asset, file, declared)
    return available


def _fetch_all(fetcher: AssetFetcher, file: str) -> None:
    failure_note, started = fetcher.folder / ".failure", time.time()
    with cache.locked(fetcher.cache_dir, fetcher.asset) as waited:
        if cache.find_verified(fetcher.cache_dir, fetcher.asset, file, fetcher.declared):
            return
        if waited and failure_note.exists() and failure_note.stat().st_mtime >= started:
            raise UserError(failure_note.read_text("utf-8"))
        try:
            fetcher.run(file)
        except UserError as error:
            with contextlib.suppress(OSError):  # a full disk
                write_text(failure_note, str(error))
            raise
        failure_note.unlink(missing_ok=True)


class AssetFetcher:
    """Fetches one asset into the cache, in the job that holds its lock."""

    def __init__(self, asset: str, declared: Fetched, cache_dir: Path, policy: RetryPolicy, failures: list[Failure]):
        self.asset, self.declared, self.cache_dir, self.policy, self.failures = asset, declared, cache_dir, policy, failures
        self.folder = cache_dir / asset
        self.work = self.folder / ".work"
        self.unreachable: dict[int, Unreachable] = {}  # sources that are not asked again, by their number

    def run(self, file: str) -> None:
        """Fetch ``file``, and try to fetch every other file of the asset that the cache lacks.

        Raises:
            UserError: ``file`` cannot be had; any other missing file is an error of the job that needs it.
        """
        missing = [
            name
            for name in self.declared.files
            if name != file and not cache.find(self.cache_dir, self.asset, name, self.declared)
        ]
        shutil.rmtree(self.work, ignore_errors=True)  # what a killed job left
        self.work.mkdir(parents=True)
        try:
            self._check_space([file, *missing])
            fetchers = self._fetchers()
            self._fetch_file(file, fetchers)
            for name in missing:
                self._fetch_file(name, fetchers, needed=False)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UserError(
                f"asset {self.asset}: the disk of the cache {self.cache_dir} is full; free some space and start again "
                "(a download goes on where it stopped if the server allows it)"
            ) from None
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    def _fetchers(self) -> list:
        from relab.assets.http import UrlFetcher
        from relab.assets.hub import HubFetcher
        from relab.assets.wheel import WheelFetcher

        fetchers: list = [MirrorFetcher(self.asset)]
        for source in self.declared.sources:
            if source.kind == "wheel":
                fetchers.append(WheelFetcher(source, self.work / "wheel", self.policy))
            elif source.kind == "hub":
                fetchers.append(HubFetcher(source, self.policy))
            elif source.kind == "url":
                fetchers.append(UrlFetcher(source, self.policy))
        return fetchers

    def _fetch_file(self, name: str, fetchers: list, needed: bool = True) -> None:
        """Fetch one file from the first source that has it."""
        expected, failures = self.declared.files[name], list(self.failures)
        path = cache.file_path(self.cache_dir, self.asset, name, self.declared)
        path.parent.mkdir(exist_ok=True)
        for number, fetcher in enumerate(fetchers):
            source_kind = fetcher.label.split()[0]
            # half a download keeps its name until the next job; anything else is begun again
            temporary = path.with_name(f".{name}.{number}.part") if fetcher.resumable else self.work / name
            try:
                if number in self.unreachable:
                    raise self.unreachable[number]
                address, checked = fetcher.fetch(name, expected, temporary)
                cache.store(temporary, path, expected, source=source_kind, address=address, checked=checked)
                for partial in path.parent.glob(f".{name}.*.part*"):  # half a download from another source
                    partial.unlink()
                log(f"{self.asset}: {name} ({format_size(path.stat().st_size)}) from {fetcher.label}")
                return
            except Unavailable as problem:
                if isinstance(problem, Unreachable):
                    self.unreachable[number] = problem
                failures.append((fetcher.label, problem))
        if needed:
            raise UserError(failure_message(self.asset, name, self.declared, failures))
        log(f"{self.asset}: {name} did not come")

    def _check_space(self, names: list[str]) -> None:
        """Check the free disk; a wheel takes twice its size, since pip loads it into one folder and copies it to another."""
        wheels = [2 * source.size for source in self.declared.sources[:1] if source.kind == "wheel"]
        need = sum(self.declared.files[name].size or 0 for name in names) + sum(wheels)
        free = shutil.disk_usage(self.folder).free
        if need > free:
            raise UserError(
                f"asset {self.asset} needs {format_size(need)} in the cache {self.cache_dir}, where {format_size(free)} are "
                "free; free some space, or set RELAB_CACHE to a folder that has more"
            )


def failure_message(asset: str, file: str, declared: Fetched, failures: list[Failure]) -> str:
    """The error message when no source has a file: the asset, each source and why it failed, and what to do."""
    lines = [f"asset {asset}: {file} could not be had; tried in this order:"]
    lines += [f"  - {label}: {problem}" for label, problem in failures]
    advice = [declared.missing] if declared.missing else []
    if any(isinstance(problem, Denied) for _, problem in failures):
        advice.append("Where a source answers 401 or 403: accept its terms on its page and set HF_TOKEN to a token of yours.")
    folder = mirror_folder()
    if folder is not None:
        advice.append(f"Put the file at {folder / asset / file}, or connect to a network that reaches a source.")
    elif any(not label.startswith(("local", "standard", "mirror")) for label, _ in failures):
        advice.append(
            f"Connect to a network that reaches a source, or set RELAB_MIRROR to a folder that holds {asset}/{file} "
            "(results/assets of a machine that has it, copied with cp -rL, is one)."
        )
    return "\n".join([*lines, *advice])
