"""Tables of the artefacts that all rows use: corpora, data sets, features and downloads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from relab.corpora.statistics import table_row
from relab.errors import UserError
from relab.settings.base import Settings


class CorpusMetadata(Settings):
    """Metadata of a corpus."""

    title: str = Field(description="Title.")
    language: str = Field("", description="Language as an ISO 639-1 code.")


class AssetMetadata(Settings):
    """Metadata of an asset."""

    about: str = Field(description="What it is.")
    purpose: str = Field("", description="What it is for.")
    licence: str = Field(description="Licence of the data itself.")
    package_licence: str = Field("", description="Licence of the package that carries it.")


class DatasetMetadata(Settings):
    """Metadata of a data set."""

    title: str = Field(description="Title.")
    language: str = Field("", description="Language as an ISO 639-1 code.")
    kind: str = Field(description="Kind.")


class OverviewSpec(Settings):
    """Settings of the job that writes these tables: metadata by name."""

    corpora: dict[str, CorpusMetadata] = Field(description="The corpora.")
    datasets: dict[str, DatasetMetadata] = Field(description="The data sets.")
    assets: dict[str, AssetMetadata] = Field(description="The assets.")


def read_part_stats(paths: Iterable[Path], datasets: Collection[str], option: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Read files ``…/{data set}/{part}.json``: their contents by the folders below the stage's, and by part.

    Raises:
        UserError: a file of another data set; ``option`` is the name of the command-line option.
    """
    stats = {}
    for path in paths:
        if path.parent.name not in datasets:
            raise UserError(f"--{option}: {path.parent.name} is not among the data sets {', '.join(datasets)}")
        folders = path.parent.parts[path.parent.parts.index(option) + 1 :]
        stats[*folders, path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return stats


def corpora_table(metadata: Mapping[str, CorpusMetadata], stats: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """A row for each corpus, from its ``stats.json``, sorted by name."""
    rows = []
    for corpus in sorted(metadata):
        counted = {key.replace(" ", "_"): value for key, value in table_row(stats[corpus]).items()}
        rows.append({"corpus": corpus, "title": metadata[corpus].title, "language": metadata[corpus].language, **counted})
    return pd.DataFrame(rows)


def datasets_table(metadata: Mapping[str, DatasetMetadata], stats: Mapping[tuple[str, str], dict[str, Any]]) -> pd.DataFrame:
    """A row for each part of a data set: rows used, available and left out. ``stats`` is by data set and part."""
    return pd.DataFrame(
        {
            "dataset": dataset,
            "title": metadata[dataset].title,
            "kind": metadata[dataset].kind.replace("_", " "),
            "part": part,
            "rows": counts["rows"],
            "available": counts["available"],
            "bad": counts["bad"],
            "broken": counts.get("broken", 0),
            "unanswered": counts.get("unanswered", 0),
            "unsuitable": counts.get("outside_limits", 0) + counts.get("equal_sides", 0),
            "duplicates": counts["duplicates"],
            "near_duplicates": counts["near_duplicates"],
            "grouped": counts["grouped"],
            "classes": ", ".join(f"{name} {count:,}" for name, count in sorted(counts.get("classes", {}).items())),
        }
        for (dataset, part), counts in stats.items()
        if part != "qrels"
    )


def features_table(
    metadata: Mapping[str, DatasetMetadata], stats: Mapping[tuple[str, str, str], dict[str, Any]]
) -> pd.DataFrame:
    """A row for each encoded part: its texts and tokens, and how many were cut. ``stats`` is by encoder, data set and part."""
    return pd.DataFrame(
        {"encoder": encoder, "title": metadata[dataset].title, "part": part, **counts}
        for (encoder, dataset, part), counts in stats.items()
    )


def assets_table(metadata: Mapping[str, AssetMetadata], entries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row for each downloaded file, from its lock file; ``size`` in bytes, ``sha256`` as its first 12 digits.

    ``checked`` is what the file was compared with after its download.

    Raises:
        UserError: a lock file of an asset that is not in ``metadata``.
    """
    rows = []
    for entry in entries:
        if entry["asset"] not in metadata:
            raise UserError(f"--assets: {entry['asset']} is not among the assets {', '.join(sorted(metadata))}")
        asset = metadata[entry["asset"]]
        rows.append(
            {
                "asset": entry["asset"],
                "file": entry["file"],
                "about": asset.about,
                "purpose": asset.purpose,
                "source": f"{entry['source']}: {entry['address']}",
                "size": entry["size"],
                "sha256": entry["sha256"][:12],
                "pinned": "yes" if entry["pinned"] else "no",
                "checked": entry["checked"],
                "licence": asset.licence,
                "package_licence": asset.package_licence,
            }
        )
    return pd.DataFrame(rows)
