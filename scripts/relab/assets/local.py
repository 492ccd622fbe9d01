"""Assets that are on this machine already: a user's own files, linked and never copied, and the standard library."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sysconfig
import unicodedata
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from relab.assets import cache
from relab.assets.pack import is_pattern, pack, path_matcher
from relab.assets.retry import Unavailable, Unset
from relab.files import expanded, sha256
from relab.settings.assets import AssetFile, Fetched, LocalSource, StdlibSource

#: Folders that are left out: those below the standard library that are not part of it.
EXCLUDED_FOLDERS = {"site-packages", "dist-packages", "__pycache__"}

MachineSource = LocalSource | StdlibSource


def label(source: MachineSource) -> str:
    """The name of a source in messages."""
    return f"local {source.path}" if source.kind == "local" else "standard library"


def source_path(source: MachineSource, checkout: Path = cache.CHECKOUT) -> Path:
    """The path of the file or folder of a source.

    Raises:
        Unavailable: it does not exist, or a variable in its path is not set.
    """
    if source.kind == "stdlib":
        return Path(sysconfig.get_paths()["stdlib"])
    try:
        path = checkout / expanded(source.path)
    except ValueError as error:
        raise Unset(str(error)) from None
    if not path.exists():
        raise Unavailable(f"{path} does not exist")
    return path


def source_files(source: MachineSource, declared: Fetched, name: str, checkout: Path = cache.CHECKOUT) -> dict[str, Path]:
    """The files on this machine that make up the asset's file ``name``, by their path inside the source.

    Raises:
        Unavailable: there is none.
    """
    root, member = source_path(source, checkout), source.member(name)
    if root.is_file():
        if is_pattern(member) or len(declared.files) > 1:
            raise Unavailable(f"{root} is a file, expected a folder with {member}")
        return {root.name: root}
    if not is_pattern(member):
        return {member: _file(root / member)}
    matches = path_matcher(member)
    paths = {path: root / path for path in _walk(root) if matches(path)}
    if not paths:
        raise Unavailable(f"no file in {root} matches {member}")
    return paths


def _file(path: Path) -> Path:
    """A file of a name, whatever form of Unicode the name has on disk: a Mac's has its accents apart.

    Raises:
        Unavailable: there is none.
    """
    if path.is_file():
        return path
    name = unicodedata.normalize("NFC", path.name)
    for other in path.parent.iterdir() if path.parent.is_dir() else ():
        if unicodedata.normalize("NFC", other.name) == name and other.is_file():
            return other
    raise Unavailable(f"{path} is not a file")


def _walk(root: Path) -> Iterator[str]:
    """Paths of all files below a folder, with ``/``."""
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in EXCLUDED_FOLDERS)
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path.relative_to(root).as_posix()


def user_files(declared: Fetched, name: str, checkout: Path = cache.CHECKOUT) -> list[str]:
    """The user's own files that make up the asset's file ``name``; empty where there are none."""
    for source in declared.sources:
        if source.kind == "local":
            with contextlib.suppress(Unavailable):
                return [str(path) for path in source_files(source, declared, name, checkout).values()]
    return []


#: Fingerprints of a user's files up to this size in bytes are of their content, of larger ones of size and time stamp.
HASHED_UP_TO = 10**6


def fingerprint(declared: Fetched, name: str, checkout: Path = cache.CHECKOUT) -> str:
    """A digest of the user's own files behind the asset's file ``name``, as a parameter of a rule.

    It depends on no folder, so that a run may be copied and a checkout moved. Empty where there are none: the job says why.
    """
    digest = hashlib.sha256()
    paths = user_files(declared, name, checkout)
    for path in sorted(map(Path, paths), key=lambda path: path.name):
        status = path.stat()
        state = sha256(path) if status.st_size <= HASHED_UP_TO else f"{status.st_size} {status.st_mtime_ns}"
        digest.update(f"{path.name} {state}\n".encode())
    return digest.hexdigest()[:16] if paths else ""


def resolve(
    source: MachineSource, declared: Fetched, asset: str, name: str, cache_dir: Path, checkout: Path = cache.CHECKOUT
) -> cache.AvailableFile:
    """The asset's file on this machine: a file itself, or a zip in the cache of the files that match a pattern.

    The zip lies under its own hash, as old as its newest member, so that a changed member makes another zip.

    Raises:
        Unavailable: it does not exist, or is not what was declared.
    """
    expected, members = declared.files[name], source_files(source, declared, name, checkout)
    address = source.path if source.kind == "local" else f"Python {platform.python_version()}"
    if not is_pattern(source.member(name)):
        (path,) = members.values()
        size, digest = cache.check_file(path, expected)
        return cache.AvailableFile(path, _metadata(asset, name, expected, size, digest, source, address))
    with cache.locked(cache_dir, asset):
        path, size, digest = _pack_files(members, expected, cache_dir / asset, name)
    return cache.AvailableFile(
        path, _metadata(asset, name, expected, size, digest, source, f"{address}: {source.member(name)}")
    )


def _metadata(asset: str, name: str, expected: AssetFile, size: int, digest: str, source: MachineSource, address: str) -> dict:
    return {"asset": asset, "file": name, **cache.metadata_of(expected, size, digest, source.kind, address, "nothing")}


def _pack_files(members: dict[str, Path], expected: AssetFile, folder: Path, name: str) -> tuple[Path, int, str]:
    temporary = folder / f".{name}.pack"
    try:
        pack({member: (path.stat().st_size, partial(open, path, "rb")) for member, path in members.items()}, temporary)
        size, digest = cache.check_file(temporary, expected)
        path = folder / digest[:12] / name
        path.parent.mkdir(exist_ok=True)
        newest = max(path.stat().st_mtime_ns for path in members.values())
        os.utime(temporary, ns=(newest, newest))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path, size, digest
