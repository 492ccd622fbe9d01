"""Tables of what all rows rest on: corpora and downloads."""

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


class CorpusWords(Settings):
    """What readers are told about a corpus."""

    title: str = Field(description="Title.")
    language: str = Field("", description="Language as an ISO 639-1 code.")


class AssetWords(Settings):
    """What readers are told about an asset."""

    about: str = Field(description="What it is.")
    purpose: str = Field("", description="What it is for.")
    licence: str = Field(description="Licence of the data itself.")
    package_licence: str = Field("", description="Licence of the package that carries it.")


class DatasetWords(Settings):
    """What readers are told about a data set."""

    title: str = Field(description="Title.")
    language: str = Field("", description="Language as an ISO 639-1 code.")
    kind: str = Field(description="Kind.")


class OverviewSpec(Settings):
    """Settings of the job that writes these tables: what readers are told, by name."""

    corpora: dict[str, CorpusWords] = Field(description="The corpora.")
    datasets: dict[str, DatasetWords] = Field(description="The data sets.")
    assets: dict[str, AssetWords] = Field(description="The assets.")


def part_stats(paths: Iterable[Path], datasets: Collection[str], what: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """The contents of files ``…/{data set}/{part}.json``, by the folders from below the stage and by part.

    Raises:
        UserError: a file of another data set; ``what`` is the option's name.
    """
    found = {}
    for path in paths:
        if path.parent.name not in datasets:
            raise UserError(f"--{what}: {path.parent.name} is not among the data sets {', '.join(datasets)}")
        folders = path.parent.parts[path.parent.parts.index(what) + 1 :]
        found[*folders, path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return found


def corpora_table(words: Mapping[str, CorpusWords], stats: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """A corpus a row, from its ``stats.json``, sorted by name."""
    rows = []
    for corpus in sorted(words):
        counted = {key.replace(" ", "_"): value for key, value in table_row(stats[corpus]).items()}
        rows.append({"corpus": corpus, "title": words[corpus].title, "language": words[corpus].language, **counted})
    return pd.DataFrame(rows)


def datasets_table(words: Mapping[str, DatasetWords], stats: Mapping[tuple[str, str], dict[str, Any]]) -> pd.DataFrame:
    """A part of a data set a row: rows used of those there are, and what was left out. ``stats`` is by data set and part."""
    return pd.DataFrame(
        {
            "dataset": dataset,
            "title": words[dataset].title,
            "kind": words[dataset].kind.replace("_", " "),
            "part": part,
            "rows": counts["rows"],
            "available": counts["available"],
            "bad": counts["bad"],
            "duplicates": counts["duplicates"],
            "near_duplicates": counts["near_duplicates"],
            "grouped": counts["grouped"],
            "classes": ", ".join(f"{name} {count:,}" for name, count in sorted(counts.get("classes", {}).items())),
        }
        for (dataset, part), counts in stats.items()
        if part != "qrels"
    )


def features_table(words: Mapping[str, DatasetWords], stats: Mapping[tuple[str, str, str], dict[str, Any]]) -> pd.DataFrame:
    """Features of a part a row: texts, how many differ, tokens read, texts cut. ``stats``: by encoder, data set and part."""
    return pd.DataFrame(
        {"encoder": encoder, "title": words[dataset].title, "part": part, **counts}
        for (encoder, dataset, part), counts in stats.items()
    )


def assets_table(words: Mapping[str, AssetWords], entries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A downloaded file a row, from the facts of its lock file; ``size`` in bytes, ``sha256`` as its first 12 digits.

    ``checked`` says what the file was compared with before it was taken.

    Raises:
        UserError: a lock file of an asset that is not among those asked for.
    """
    rows = []
    for entry in entries:
        if entry["asset"] not in words:
            raise UserError(f"--assets: {entry['asset']} is not among the assets {', '.join(sorted(words))}")
        about = words[entry["asset"]]
        rows.append(
            {
                "asset": entry["asset"],
                "file": entry["file"],
                "about": about.about,
                "purpose": about.purpose,
                "source": f"{entry['source']}: {entry['address']}",
                "size": entry["size"],
                "sha256": entry["sha256"][:12],
                "pinned": "yes" if entry["pinned"] else "no",
                "checked": entry["checked"],
                "licence": about.licence,
                "package_licence": about.package_licence,
            }
        )
    return pd.DataFrame(rows)
