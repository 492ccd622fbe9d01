"""The cache of downloads that all runs share, and the links into it.

A file lies at ``{cache}/{asset}/{key}/{file}``, where the key is the beginning of its SHA-256 where that is declared, and
of a digest of its sources where it is not: declarations that mean different files never meet, and a file whose hash
is known is found again whatever its sources. Beside it ``{file}.json`` records what came, from where and when.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relab.assets.retry import Unavailable
from relab.assets.talk import say
from relab.errors import UserError
from relab.files import sha256, write_json
from relab.settings.assets import AssetFile, Fetched
from relab.settings.base import canonical

#: The folder of the checkout that this library lies in.
CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Entry:
    """A file at hand: where it is, and the facts about it that stand in the lock file."""

    path: Path
    facts: dict[str, Any]


def default_folder() -> Path:
    """The cache: ``RELAB_CACHE``, or ``.cache`` in the checkout."""
    return Path(os.environ.get("RELAB_CACHE") or CHECKOUT / ".cache").expanduser()


def place(cache: Path, asset: str, file: str, declared: Fetched) -> Path:
    """Where a file lies in the cache, or would lie."""
    return cache / asset / _key(file, declared) / file


def _key(file: str, declared: Fetched) -> str:
    wanted = declared.files[file]
    if wanted.sha256:
        return wanted.sha256[:12]
    sources = [
        {**source.model_dump(exclude={"members"}), "member": source.member(file)}
        for source in declared.sources
        if source.kind not in ("local", "stdlib")
    ]
    text = canonical({"file": file, "size": wanted.size, "sources": sources})
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def present(cache: Path, asset: str, file: str, declared: Fetched) -> Entry | None:
    """The file as the cache has it, by its record and its size only."""
    path = place(cache, asset, file, declared)
    record = _read(_record(path))
    if record is None or not path.is_file() or path.stat().st_size != record["size"]:
        return None
    if declared.files[file].sha256 not in (None, record["sha256"]):
        return None
    return Entry(path, {"asset": asset, "file": file, **record})


def find(cache: Path, asset: str, file: str, declared: Fetched) -> Entry | None:
    """The file as the cache has it, read once more to see that it is what came."""
    entry = present(cache, asset, file, declared)
    if entry is None or sha256(entry.path) == entry.facts["sha256"]:
        return entry
    say(f"{entry.path} was damaged after it came; it is fetched again")
    return None


def check(path: Path, wanted: AssetFile) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file that must be as declared.

    Raises:
        Unavailable: where it is not.
    """
    size = path.stat().st_size
    if wanted.size is not None and size != wanted.size:
        raise Unavailable(f"its size is {size} bytes, expected {wanted.size}")
    found = sha256(path)
    if wanted.sha256 is not None and found != wanted.sha256:
        raise Unavailable(f"its sha256 is {found}, expected {wanted.sha256}")
    return size, found


def store(temporary: Path, path: Path, wanted: AssetFile, *, source: str, address: str, checked: str) -> None:
    """Check a file that came and give it its final name; the record is written first, so no file is without one.

    Raises:
        Unavailable: where it is not what was declared.
        UserError: where nothing is declared and it differs from what came from the same sources before.
    """
    try:
        size, found = check(temporary, wanted)
    except Unavailable:
        temporary.unlink()
        raise
    before = _read(_record(path))
    if before is not None and before["sha256"] != found:
        temporary.unlink()
        raise UserError(
            f"asset {path.parent.parent.name}: {path.name} from {source} {address} is not what came before: its sha256 is "
            f"{found}, then {before['sha256']}; remove {_record(path)} to accept the new one"
        )
    facts = facts_of(wanted, size, found, source, address, checked)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(_record(path), {**facts, "fetched": datetime.now(UTC).isoformat(timespec="seconds")})
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def facts_of(wanted: AssetFile, size: int, found: str, source: str, address: str, checked: str) -> dict[str, Any]:
    """What the lock file says of a file beside its name: the same for the same file from the same place."""
    pinned = wanted.sha256 is not None or source == "wheel"
    checked = "the declared sha256" if wanted.sha256 else checked
    return {"source": source, "address": address, "size": size, "sha256": found, "pinned": pinned, "checked": checked}


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _read(record: Path) -> dict[str, Any] | None:
    try:
        return json.loads(record.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise UserError(f"{record}: not JSON ({error}); remove it, and the file is fetched again") from None


@contextmanager
def locked(cache: Path, asset: str) -> Iterator[bool]:
    """Hold the asset's lock, so that one job at a time fetches it; yields whether another job had to be waited for."""
    from filelock import FileLock, Timeout

    folder = cache / asset
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    waited = False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"another job is fetching {asset}; waiting for it")
        lock.acquire()
        waited = True
    try:
        yield waited
    finally:
        lock.release()


def link(entry: Entry, output: Path, lock: Path, checkout: Path = CHECKOUT) -> None:
    """Make ``output`` a link to the file, and write its facts to ``lock``, both as old as the file itself.

    Their age keeps a new link from rerunning what was made from the file. The link is relative where both ends lie in the
    checkout, so that it survives a move of the checkout.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    target, folder, top = entry.path.absolute(), output.parent.resolve(), checkout.resolve()
    if folder.is_relative_to(top) and target.resolve().is_relative_to(top):
        target = Path(os.path.relpath(target.resolve(), folder))
    output.unlink(missing_ok=True)
    output.symlink_to(target)
    write_json(lock, {key: value for key, value in entry.facts.items() if key != "fetched"})
    age = entry.path.stat().st_mtime_ns
    os.utime(output, ns=(age, age), follow_symlinks=False)
    os.utime(lock, ns=(age, age))


def lock_entries(locks: Iterable[str | os.PathLike]) -> list[dict[str, Any]]:
    """What came, for the report: the facts of each lock file, sorted by asset and file.

    Keys: ``asset, file, source, address, size`` (bytes), ``sha256, pinned`` (whether its hash was known beforehand) and
    ``checked`` (what it was compared with).
    """
    entries = [json.loads(Path(path).read_text("utf-8")) for path in locks]
    return sorted(entries, key=lambda entry: (entry["asset"], entry["file"]))
