"""What is on this machine already: a user's own files, linked and never copied, and the standard library."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from relab.assets import cache as shelf
from relab.assets.pack import is_pattern, matcher, pack
from relab.assets.retry import Unavailable
from relab.files import sha256
from relab.settings.assets import AssetFile, Fetched, LocalSource, StdlibSource

#: Folders that are never looked into: those below the standard library that are not part of it.
FOREIGN = {"site-packages", "dist-packages", "__pycache__"}

AtHand = LocalSource | StdlibSource


def label(source: AtHand) -> str:
    """The source as messages call it."""
    return f"local {source.path}" if source.kind == "local" else "standard library"


def root(source: AtHand, checkout: Path = shelf.CHECKOUT) -> Path:
    """The file or folder that a source means.

    Raises:
        Unavailable: where it is not there, or a variable in its path is not set.
    """
    if source.kind == "stdlib":
        return Path(sysconfig.get_paths()["stdlib"])
    text = os.path.expanduser(os.path.expandvars(source.path))
    unset = re.search(r"\$\{?(\w+)", text)
    if unset:
        raise Unavailable(f"the variable {unset[1]} is not set")
    path = checkout / text
    if not path.exists():
        raise Unavailable(f"{path} does not exist")
    return path


def files(source: AtHand, declared: Fetched, name: str, checkout: Path = shelf.CHECKOUT) -> dict[str, Path]:
    """The files of this machine that make the asset's file ``name``, by their path inside the source.

    Raises:
        Unavailable: where there is none.
    """
    top, member = root(source, checkout), source.member(name)
    if top.is_file():
        if is_pattern(member) or len(declared.files) > 1:
            raise Unavailable(f"{top} is a file, expected a folder with {member}")
        return {top.name: top}
    if not is_pattern(member):
        if not (top / member).is_file():
            raise Unavailable(f"{top / member} is not a file")
        return {member: top / member}
    fits = matcher(member)
    found = {path: top / path for path in _walk(top) if fits(path)}
    if not found:
        raise Unavailable(f"no file in {top} matches {member}")
    return found


def _walk(top: Path) -> Iterator[str]:
    """Paths of all files below a folder, with ``/``."""
    for folder, inner, names in os.walk(top):
        inner[:] = sorted(one for one in inner if one not in FOREIGN)
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path.relative_to(top).as_posix()


def inputs(declared: Fetched, name: str, checkout: Path = shelf.CHECKOUT) -> list[str]:
    """The user's own files that make the asset's file ``name``; empty where nothing is there."""
    for source in declared.sources:
        if source.kind == "local":
            with contextlib.suppress(Unavailable):
                return [str(path) for path in files(source, declared, name, checkout).values()]
    return []


#: Own files up to this size in bytes are told apart by their content, larger ones by size and age.
SMALL = 10**6


def fingerprint(declared: Fetched, name: str, checkout: Path = shelf.CHECKOUT) -> str:
    """What tells one state of the user's own files behind the asset's file ``name`` from another, as a parameter of a rule.

    It holds no path, so that a run may be copied and a checkout moved. Empty where nothing is there: the job says why.
    """
    digest = hashlib.sha256()
    paths = inputs(declared, name, checkout)
    for path in sorted(map(Path, paths), key=lambda path: path.name):
        status = path.stat()
        state = sha256(path) if status.st_size <= SMALL else f"{status.st_size} {status.st_mtime_ns}"
        digest.update(f"{path.name} {state}\n".encode())
    return digest.hexdigest()[:16] if paths else ""


def take(source: AtHand, declared: Fetched, asset: str, name: str, cache: Path, checkout: Path = shelf.CHECKOUT) -> shelf.Entry:
    """The asset's file as this machine has it: a file is linked directly, what matches a pattern is packed into the cache.

    A pack lies in the cache under its own hash, as old as its newest member, so a changed member makes another pack.

    Raises:
        Unavailable: where it is not there, or is not what was declared.
    """
    wanted, found = declared.files[name], files(source, declared, name, checkout)
    address = source.path if source.kind == "local" else f"Python {platform.python_version()}"
    if not is_pattern(source.member(name)):
        (path,) = found.values()
        size, digest = shelf.check(path, wanted)
        return shelf.Entry(path, _facts(asset, name, wanted, size, digest, source, address))
    with shelf.locked(cache, asset):
        path, size, digest = _packed(found, wanted, cache / asset, name)
    return shelf.Entry(path, _facts(asset, name, wanted, size, digest, source, f"{address}: {source.member(name)}"))


def _facts(asset: str, name: str, wanted: AssetFile, size: int, digest: str, source: AtHand, address: str) -> dict:
    return {"asset": asset, "file": name, **shelf.facts_of(wanted, size, digest, source.kind, address, "nothing")}


def _packed(found: dict[str, Path], wanted: AssetFile, folder: Path, name: str) -> tuple[Path, int, str]:
    temporary = folder / f".{name}.pack"
    try:
        pack({member: (path.stat().st_size, partial(open, path, "rb")) for member, path in found.items()}, temporary)
        size, digest = shelf.check(temporary, wanted)
        path = folder / digest[:12] / name
        path.parent.mkdir(exist_ok=True)
        newest = max(one.stat().st_mtime_ns for one in found.values())
        os.utime(temporary, ns=(newest, newest))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path, size, digest
