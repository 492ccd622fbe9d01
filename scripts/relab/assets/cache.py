"""The cache of downloads that all runs share, and the links into it.

A file lies at ``{cache}/{asset}/{key}/{file}``, where the key is the beginning of its SHA-256 where that is declared, and
of a digest of its sources where it is not: declarations that mean different files never meet, and a file whose hash
is known is found again whatever its sources. ``{file}.json`` beside it records its source, its hash and when it came.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relab.assets.log import log
from relab.assets.retry import Unavailable
from relab.errors import UserError
from relab.files import CHECKOUT, environment_folder, sha256, short_digest, write_json
from relab.settings.assets import AssetFile, Fetched
from relab.settings.base import canonical

if TYPE_CHECKING:
    from filelock import FileLock


@dataclass(frozen=True)
class AvailableFile:
    """A file of an asset on this machine, with the metadata that go into its lock file."""

    path: Path
    metadata: dict[str, Any]


def default_folder() -> Path:
    """The cache: ``RELAB_CACHE``, or ``.cache`` in the checkout; the same for all runs."""
    return environment_folder("RELAB_CACHE") or CHECKOUT / ".cache"


def file_path(cache_dir: Path, asset: str, file: str, declared: Fetched) -> Path:
    """The path of a file in the cache, whether it is there or not."""
    return cache_dir / asset / _key(file, declared) / file


def _key(file: str, declared: Fetched) -> str:
    expected = declared.files[file]
    if expected.sha256:
        return expected.sha256[:12]
    sources = [
        {**source.model_dump(exclude={"members"}), "member": source.member(file)}
        for source in declared.sources
        if source.kind not in ("local", "stdlib")
    ]
    text = canonical({"file": file, "size": expected.size, "sources": sources})
    return short_digest(text)


def find(cache_dir: Path, asset: str, file: str, declared: Fetched) -> AvailableFile | None:
    """The file in the cache, checked by its record and its size only; None where the cache lacks it."""
    path = file_path(cache_dir, asset, file, declared)
    record = _read_record(_record_path(path))
    if record is None or not path.is_file() or path.stat().st_size != record["size"]:
        return None
    if declared.files[file].sha256 not in (None, record["sha256"]):
        return None
    return AvailableFile(path, {"asset": asset, "file": file, **record})


def find_verified(cache_dir: Path, asset: str, file: str, declared: Fetched) -> AvailableFile | None:
    """The file in the cache, checked by its SHA-256; None where the cache lacks it or holds a damaged one."""
    available = find(cache_dir, asset, file, declared)
    if available is None or sha256(available.path) == available.metadata["sha256"]:
        return available
    log(f"{available.path} was damaged after it came; it is fetched again")
    return None


def check_file(path: Path, expected: AssetFile) -> tuple[int, str]:
    """Check a file against its declaration; return its size in bytes and its SHA-256.

    Raises:
        Unavailable: its size or its SHA-256 is not the declared one.
    """
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        raise Unavailable(f"its size is {size} bytes, expected {expected.size}")
    digest = sha256(path)
    if expected.sha256 is not None and digest != expected.sha256:
        raise Unavailable(f"its sha256 is {digest}, expected {expected.sha256}")
    return size, digest


def store(temporary: Path, path: Path, expected: AssetFile, *, source: str, address: str, checked: str) -> None:
    """Check a downloaded file and give it its final name. Its record is written first, so that no file is without one.

    Raises:
        Unavailable: it is not what was declared.
        UserError: no hash is declared, and it differs from what the same sources gave before.
    """
    try:
        size, digest = check_file(temporary, expected)
    except Unavailable:
        temporary.unlink()
        raise
    earlier = _read_record(_record_path(path))
    if earlier is not None and earlier["sha256"] != digest:
        temporary.unlink()
        raise UserError(
            f"asset {path.parent.parent.name}: {path.name} from {source} {address} is not what came before: its sha256 is "
            f"{digest}, then {earlier['sha256']}; remove {_record_path(path)} to accept the new one"
        )
    metadata = metadata_of(expected, size, digest, source, address, checked)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(_record_path(path), {**metadata, "fetched": datetime.now(UTC).isoformat(timespec="seconds")})
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def metadata_of(expected: AssetFile, size: int, digest: str, source: str, address: str, checked: str) -> dict[str, Any]:
    """What the lock file says of a file besides its name; the same for the same file from the same source."""
    pinned = expected.sha256 is not None or source == "wheel"
    checked = "the declared sha256" if expected.sha256 else checked
    return {"source": source, "address": address, "size": size, "sha256": digest, "pinned": pinned, "checked": checked}


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _read_record(record: Path) -> dict[str, Any] | None:
    try:
        return json.loads(record.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise UserError(f"{record}: not JSON ({error}); remove it, and the file is fetched again") from None


@contextmanager
def locked(cache_dir: Path, asset: str) -> Iterator[bool]:
    """Hold the lock of an asset, so that one job at a time fetches it; yield whether this job had to wait for another one.

    Raises:
        UserError: the cache cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(cache_dir / asset / ".lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        waited = _acquire(lock, asset)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"the cache {cache_dir} cannot be written ({reason}): expected a folder of yours, which RELAB_CACHE names"
        ) from None
    try:
        yield waited
    finally:
        lock.release()


def _acquire(lock: FileLock, asset: str) -> bool:
    """Acquire a lock; returns whether another process had it."""
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        log(f"another job is fetching {asset}; waiting for it")
        lock.acquire()
        return True
    return False


def link(available: AvailableFile, output: Path, lock: Path, checkout: Path = CHECKOUT) -> None:
    """Make ``output`` a link to the file, and write its metadata to ``lock``, both as old as the file itself.

    Their age keeps a new link from rerunning what was made from the file. The link is relative where both ends lie in the
    checkout, so that it survives a move of the checkout.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    target, folder, top = available.path.absolute(), output.parent.resolve(), checkout.resolve()
    if folder.is_relative_to(top) and target.resolve().is_relative_to(top):
        target = Path(os.path.relpath(target.resolve(), folder))
    output.unlink(missing_ok=True)
    output.symlink_to(target)
    write_json(lock, {key: value for key, value in available.metadata.items() if key != "fetched"})
    age = available.path.stat().st_mtime_ns
    os.utime(output, ns=(age, age), follow_symlinks=False)
    os.utime(lock, ns=(age, age))


def lock_entries(locks: Iterable[str | os.PathLike]) -> list[dict[str, Any]]:
    """The contents of lock files, sorted by asset and file.

    Keys: ``asset, file, source, address, size`` (bytes), ``sha256, pinned`` (whether its hash was known beforehand) and
    ``checked`` (what it was compared with).
    """
    entries = [json.loads(Path(path).read_text("utf-8")) for path in locks]
    return sorted(entries, key=lambda entry: (entry["asset"], entry["file"]))
