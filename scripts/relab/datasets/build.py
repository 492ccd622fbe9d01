"""Making one part of a data set: read, split, part from what later splits hold, sample."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from relab.datasets import retrieval, speeches, tables
from relab.datasets.draws import keys, share, stratified
from relab.datasets.duplicates import Texts, duplicates, groups
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

    The settings may lack what only concerns other parts. Rows of training (and validation) that are duplicates of one of test
    (or validation) are left out, so that the later splits stay as published; where splits are drawn, duplicates are drawn
    together (:mod:`relab.datasets.duplicates`).

    Returns:
        ``rows`` written, ``available`` before sampling, ``read``, ``bad`` rows left out; ``duplicates`` and
        ``near_duplicates`` of later splits left out, ``grouped`` among the available ones: drawn together with a duplicate;
        and what the kind of data set adds (``classes``, ``plays``, …).

    Raises:
        UserError: for files or rows that are not what the settings say, or where a split would be empty.
    """
    if dataset.kind == "retrieval":
        return retrieval.build(files, dataset, part, path)
    splits, counts = (_next_speech if dataset.kind == "next_speech" else _from_tables)(files, dataset, part)
    rows, left_out = _without_later(splits, dataset, part)
    counts |= {"available": len(rows), "grouped": sum(row.get("grouped", False) for row in rows), **left_out}
    rows = _sampled(rows, dataset, part)
    if not rows:
        counted = f"{counts['read']} rows read, {counts.get('bad', 0)} bad, {sum(left_out.values())} duplicates of later splits"
        raise UserError(f"the {part} split is empty: {counted}")
    write(path, rows, CLASSIFICATION if dataset.kind == "classification" else CHOICE)
    if dataset.kind == "classification":
        counts["classes"] = dict(Counter(row["label"] for row in rows))
    return {"bad": 0, **counts, "rows": len(rows)}


def _from_tables(files: Sequence[str | os.PathLike], dataset: Split, part: str) -> tuple[Splits, dict[str, Any]]:
    """The rows of the tables that the settings name, in splits; those that are not published are drawn."""
    read = tables.classification if dataset.kind == "classification" else tables.choice
    rows = tables.Rows(files, dataset.bad_rows)
    splits = {name: read(rows, table, dataset) for name, table in dataset.tables.items()}
    seed = dataset.draw.seed
    if "all" in splits:
        rest = _grouped(splits.pop("all"), dataset)
        number = len(rest)
        of_test, rest = _drawn(rest, share(number, dataset.draw.test), seed, TEST)
        of_validation, rest = _drawn(rest, share(number, dataset.draw.validation), seed, VALIDATION)
        splits = {"train": rest, "validation": of_validation, "test": of_test}
    elif "validation" not in splits and "train" in splits:
        published = _grouped(splits["train"], dataset)
        drawn, rest = _drawn(published, share(len(published), dataset.draw.validation), seed, VALIDATION)
        splits |= {"train": rest, "validation": drawn}
    return splits, dict(rows.counts)


def _grouped(rows: Rows, dataset: Split) -> Rows:
    """The rows with the ``group`` of duplicates that each belongs to, and whether it is ``grouped`` with another one."""
    group_of = groups([_texts(row, dataset) for row in rows], dataset.duplicates).tolist() if rows else []
    sizes = Counter(group_of)
    return [{**row, "group": group, "grouped": sizes[group] > 1} for row, group in zip(rows, group_of, strict=True)]


def _drawn(rows: Rows, number: int, seed: int, stream: int) -> tuple[Rows, Rows]:
    """So many rows, drawn with classes in proportion, and the rest; all rows of a group go where its first one goes."""
    if len(rows) < 2:
        raise UserError(f"a split is to be drawn from {len(rows)} rows, expected at least two")
    chosen = stratified([row.get("label") for row in rows], number, keys(len(rows), seed, stream))
    side: dict[int, bool] = {}
    for row, drawn in zip(rows, chosen.tolist(), strict=True):
        side.setdefault(row["group"], drawn)
    return [row for row in rows if side[row["group"]]], [row for row in rows if not side[row["group"]]]


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


def _without_later(splits: Splits, dataset: Split | NextSpeechDataset, part: str) -> tuple[Rows, dict[str, int]]:
    """The rows of a split that are duplicates of none of a later one, and how many are equal to one and how many near one."""
    later = {"train": ("validation", "test"), "validation": ("test",), "test": ()}[part]
    texts = [_texts(row, dataset) for row in splits[part]]
    others = [_texts(row, dataset) for name in later for row in splits.get(name, ())]
    equal, near = duplicates(texts, others, dataset.duplicates)
    rows = [row for row, left_out in zip(splits[part], (equal | near).tolist(), strict=True) if not left_out]
    return rows, {"duplicates": int(equal.sum()), "near_duplicates": int(near.sum())}


def _texts(row: dict[str, Any], dataset: Split | NextSpeechDataset) -> Texts:
    """What rows are compared by: a text; a question with its choices in whatever order, or with its answer where the other
    choices were drawn."""
    if dataset.kind == "classification":
        return (row["text"],)
    if dataset.kind == "next_speech":
        return row["question"], row["choices"][row["answer"]]
    return row["question"], *sorted(row["choices"])


def _sampled(rows: list[dict[str, Any]], dataset: Any, part: str) -> list[dict[str, Any]]:
    """As many rows as the limit allows, drawn with classes (or plays) in proportion, in their order."""
    limit = getattr(dataset.limit, part)
    if limit is None or limit >= len(rows):
        return rows
    groups = [row.get("label", row.get("play")) for row in rows]
    chosen = stratified(groups, limit, keys(len(rows), dataset.draw.seed, SAMPLE))
    return [rows[place] for place in np.flatnonzero(chosen)]
