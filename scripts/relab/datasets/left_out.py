"""What a run ends with: which rows of its data sets were left out since they are bad or refer to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from relab.artefacts.kind import Member

#: What rows are counted as, and what a reader calls them.
NOUNS = {"bad": "bad", "broken": "with broken references"}


def left_out(datasets: Mapping[str, Member], since: float, folder: Path = Path("results/datasets")) -> list[str]:
    """A sentence for each data set of which a part was made after the time ``since`` and rows were left out."""
    sentences: dict[str, None] = {}  # parts that are read from the same tables have the same counts
    for name, dataset in datasets.items():
        for path in (folder / name / f"{part}.json" for part in dataset.settings.parts):
            if path.exists() and path.stat().st_mtime >= since and (counted := _counted(path)):
                sentences[f"datasets.{name}: left out {counted}"] = None
    return list(sentences)


def _counted(path: Path) -> str:
    counts = json.loads(path.read_text(encoding="utf-8"))
    parts: Iterable[str] = (f"{counts[key]:,} {noun}" for key, noun in NOUNS.items() if counts.get(key))
    rows = " and ".join(parts)
    return f"rows: {rows}, of {counts['read']:,} read" if rows else ""
