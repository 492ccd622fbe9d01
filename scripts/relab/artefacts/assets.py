"""Downloads: files in the run, and the jobs that fetch them."""

from __future__ import annotations

from typing import Any

from relab.artefacts.kind import Artefacts, Files, Kind, Maker
from relab.settings.assets import Asset
from relab.settings.base import spec


def files(artefacts: Artefacts, asset: str) -> list[str]:
    """The links of an asset's files in the run."""
    return [f"results/assets/{asset}/{file}" for file in artefacts.assets[asset].settings.files]


def _fetched(artefacts: Artefacts, asset: str, **_: str) -> dict[str, Any]:
    return spec(artefacts.assets[asset].settings)


def _nothing(artefacts: Artefacts, **_: str) -> Files:
    return {}


KIND = Kind("assets", "asset", Asset, "Downloads", files, (Maker("fetch_asset", _nothing, _fetched),), swept=False)
