"""Making one part of a data set: read, split, part from what later splits hold, sample."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from relab.datasets import retrieval, speeches, tables
from relab.datasets.draws import keys, share, stratified
from relab.datasets.storage import CHOICE, CLASSIFICATION, write
from relab.errors import UserError
from relab.settings.datasets import AnyDataset, NextSpeechDataset, Split

#: Random streams of a data set's draws, so that none repeats another.
TEST, VALIDATION, SAMPLE = 0, 1, 2
Rows = list[dict[str, Any]]
#: Rows in their splits.
Splits = dict[str, Rows]


def build(files: Sequence[str | os.PathLike], dataset: AnyDataset, part: str, path: str | os.PathLike) -> dict[str, Any]:
    """Write one part of a data set as Parquet and return what was counted on the way.

    The settings may lack what only concerns other parts. Rows of training (and validation) that equal one of test (or
    validation) in all their texts are left out, so that the later splits stay as published.

    Returns:
        ``rows`` written, ``available`` before sampling, ``read``, ``bad`` rows left out, ``duplicates`` of later splits left
        out; and what the kind of data set adds (``classes``, ``plays``, …).

    Raises:
        UserError: for files or rows that are not what the settings say, or where a split would be empty.
    """
    if dataset.kind == "retrieval":
        return retrieval.build(files, dataset, part, path)
    if dataset.kind == "next_speech":
        found, counts = _next_speech(files, dataset, part)
    else:
        found, counts = _from_tables(files, dataset, part)
    rows, duplicates = _without_later(found, part)
    counts |= {"available": len(rows), "duplicates": duplicates}
    rows = _sampled(rows, dataset, part)
    if not rows:
        bad = counts.get("bad", 0)
        raise UserError(f"the {part} split is empty: {counts['read']} rows read, {bad} bad, {duplicates} duplicates")
    write(path, rows, CLASSIFICATION if dataset.kind == "classification" else CHOICE)
    if dataset.kind == "classification":
        counts["classes"] = dict(Counter(row["label"] for row in rows))
    return {"bad": 0, **counts, "rows": len(rows)}


def _from_tables(files: Sequence[str | os.PathLike], dataset: Split, part: str) -> tuple[Splits, dict[str, Any]]:
    """The rows of the tables that the settings name, in splits; those that are not published are drawn."""
    read = tables.classification if dataset.kind == "classification" else tables.choice
    rows = tables.Rows(files, dataset.bad_rows)
    found = {name: read(rows, table, dataset) for name, table in dataset.tables.items()}
    seed = dataset.draw.seed
    if "all" in found:
        rest = found.pop("all")
        of_test, rest = _drawn(rest, share(len(rest), dataset.draw.test), seed, TEST)
        of_all = len(of_test) + len(rest)
        of_validation, rest = _drawn(rest, share(of_all, dataset.draw.validation), seed, VALIDATION)
        found = {"train": rest, "validation": of_validation, "test": of_test}
    elif "validation" not in found and "train" in found:
        drawn, rest = _drawn(found["train"], share(len(found["train"]), dataset.draw.validation), seed, VALIDATION)
        found |= {"train": rest, "validation": drawn}
    return found, dict(rows.counts)


def _drawn(rows: Rows, number: int, seed: int, stream: int) -> tuple[Rows, Rows]:
    """So many rows, drawn with classes in proportion, and the rest."""
    if len(rows) < 2:
        raise UserError(f"a split is to be drawn from {len(rows)} rows, expected at least two")
    chosen = stratified([row.get("label") for row in rows], number, keys(len(rows), seed, stream))
    return [rows[place] for place in np.flatnonzero(chosen)], [rows[place] for place in np.flatnonzero(~chosen)]


def _next_speech(files: Sequence[str | os.PathLike], dataset: NextSpeechDataset, part: str) -> tuple[Splits, dict[str, Any]]:
    """The questions of the plays of one split and of those after it, a play after the other."""
    all_plays = speeches.plays(files)
    names = sorted(all_plays)
    plays = speeches.split(names, dataset)
    wanted = {"train": ("train", "validation", "test"), "validation": ("validation", "test"), "test": ("test",)}[part]
    found = {
        name: [
            {**row, "play": play}
            for play in plays[name]
            for row in speeches.questions(all_plays[play], dataset, names.index(play))
        ]
        for name in wanted
    }
    return found, {"read": len(found[part]), "plays": len(plays[part])}


def _without_later(found: Splits, part: str) -> tuple[list[dict[str, Any]], int]:
    """The rows of a split that equal none of a later one, and how many do."""
    later = {"train": ("validation", "test"), "validation": ("test",), "test": ()}[part]
    texts = {_texts(row) for name in later for row in found.get(name, ())}
    rows = [row for row in found[part] if _texts(row) not in texts]
    return rows, len(found[part]) - len(rows)


def _texts(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["text"],) if "text" in row else (row["question"], *row["choices"])


def _sampled(rows: list[dict[str, Any]], dataset: Any, part: str) -> list[dict[str, Any]]:
    """As many rows as the limit allows, drawn with classes (or plays) in proportion, in their order."""
    limit = getattr(dataset.limit, part)
    if limit is None or limit >= len(rows):
        return rows
    groups = [row.get("label", row.get("play")) for row in rows]
    chosen = stratified(groups, limit, keys(len(rows), dataset.draw.seed, SAMPLE))
    return [rows[place] for place in np.flatnonzero(chosen)]
