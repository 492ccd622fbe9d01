"""Downloads: files in the run, and the jobs that fetch them."""

from __future__ import annotations

from relab.artefacts.kind import Artefacts, Kind, Maker, declared
from relab.settings.assets import Asset


def files(artefacts: Artefacts, asset: str) -> list[str]:
    """The links of an asset's files in the run."""
    return [f"results/assets/{asset}/{file}" for file in artefacts.assets[asset].settings.files]


FETCH = Maker("fetch_asset", lambda artefacts, **wildcards: {}, declared("assets", "asset"))

KIND = Kind("assets", "asset", Asset, "Downloads", files, (FETCH,), swept=False)
