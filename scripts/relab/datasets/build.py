"""Making one part of a data set: read, split, leave out duplicates of later splits, sample."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from relab.corpora.splitting import split_size
from relab.datasets import pairs, preferences, retrieval, speeches, tables
from relab.datasets.draws import SAMPLE, TEST, VALIDATION, random_keys, stratified_sample
from relab.datasets.duplicates import Texts, duplicate_groups, find_duplicates
from relab.datasets.storage import CHOICE, CLASSIFICATION, PAIRS, PREFERENCES, write
from relab.errors import UserError
from relab.settings.datasets import AnyDataset, NextSpeechDataset, Split

Rows = list[dict[str, Any]]
#: Rows in their splits.
Splits = dict[str, Rows]
#: What turns a table into rows, by kind of data set.
ROWS = {
    "classification": tables.classification_rows,
    "choice": tables.choice_rows,
    "pairs": pairs.pair_rows,
    "preferences": preferences.preference_rows,
}
#: What rows are left out for in some kinds of data sets (:mod:`relab.datasets.pairs`, :mod:`relab.datasets.preferences`).
LEFT_OUT = {
    "merged": "merged into one of the same source",
    "outside_limits": "outside the limits",
    "equal_sides": "equal sides",
    "other_label": "of another label",
    "repeated": "repeated",
    "without_partner": "without a partner",
    "broken": "with broken references",
    "unanswered": "unanswered",
}
#: The schemas of rows that are no questions with choices.
SCHEMAS = {"classification": CLASSIFICATION, "pairs": PAIRS, "preferences": PREFERENCES}


def build(files: Sequence[str | os.PathLike], dataset: AnyDataset, part: str, path: str | os.PathLike) -> dict[str, Any]:
    """Write one part of a data set as Parquet and return what was counted on the way.

    The settings may lack what concerns other parts only. Rows of a split that are duplicates of rows in a later one (train,
    validation, test) are left out, so that the later splits stay as published; where splits are drawn, duplicates are drawn
    together (:mod:`relab.datasets.duplicates`).

    Returns:
        Counts of rows: ``rows`` written, ``available`` before sampling, ``read``, ``bad`` ones left out, ``duplicates`` and
        ``near_duplicates`` of later splits left out, ``grouped``: available ones drawn together with a duplicate; and what the
        kind of data set adds (``classes``, ``plays``, …; :data:`LEFT_OUT`).

    Raises:
        UserError: files or rows that are not what the settings say; a split that would be empty.
    """
    if dataset.kind == "retrieval":
        return retrieval.build(files, dataset, part, path)
    splits, counts = (_from_plays if dataset.kind == "next_speech" else _from_tables)(files, dataset, part)
    rows, left_out = _without_later_duplicates(splits, dataset, part)
    counts |= {"available": len(rows), "grouped": sum(row.get("grouped", False) for row in rows), **left_out}
    rows = _sample(rows, dataset, part)
    if not rows:
        counted = f"{counts['read']} rows read, {counts.get('bad', 0)} bad, {sum(left_out.values())} duplicates of later splits"
        raise UserError(f"the {part} split is empty: {counted}{left_out_by_kind(counts)}")
    write(path, rows, SCHEMAS.get(dataset.kind, CHOICE))
    if dataset.kind == "classification":
        counts["classes"] = dict(Counter(row["label"] for row in rows))
    return {"bad": 0, **counts, "rows": len(rows)}


def left_out_by_kind(counts: Mapping[str, Any]) -> str:
    """What was counted in some kinds of data sets alone, for messages; nothing for others."""
    return "".join(f", {counts[key]:,} {noun}" for key, noun in LEFT_OUT.items() if key in counts)


def _from_tables(files: Sequence[str | os.PathLike], dataset: Split, part: str) -> tuple[Splits, dict[str, Any]]:
    """The rows of the tables that the settings name, in splits; splits that are not published are drawn."""
    reader = tables.TableReader(files, dataset)
    splits = {name: ROWS[dataset.kind](reader, table, dataset) for name, table in dataset.tables.items()}
    seed = dataset.draw.seed
    if "all" in splits:
        train = _with_duplicate_groups(splits.pop("all"), dataset)
        count = len(train)
        test, train = _draw_split(train, split_size(count, dataset.draw.test), seed, TEST)
        validation, train = _draw_split(train, split_size(count, dataset.draw.validation), seed, VALIDATION)
        # drawn by groups, no row has a duplicate in another split: the others need not be searched
        splits = {part: {"train": train, "validation": validation, "test": test}[part]}
    elif "validation" not in splits and "train" in splits:
        published = _with_duplicate_groups(splits["train"], dataset)
        drawn, train = _draw_split(published, split_size(len(published), dataset.draw.validation), seed, VALIDATION)
        splits |= {"train": train, "validation": drawn}
    if part not in splits:
        raise UserError(f"tables: expected a table of the {part} split, or of all rows, found {', '.join(dataset.tables)}")
    return splits, dict(reader.counts)


def _with_duplicate_groups(rows: Rows, dataset: Split) -> Rows:
    """The rows with the ``group`` of duplicates that each belongs to, and whether it is ``grouped`` with another row."""
    group_of = duplicate_groups([_compared_texts(row, dataset) for row in rows], dataset.duplicates).tolist() if rows else []
    sizes = Counter(group_of)
    for row, group in zip(rows, group_of, strict=True):  # in place: copies of all rows take as much memory again
        row |= {"group": group, "grouped": sizes[group] > 1}
    return rows


def _draw_split(rows: Rows, number: int, seed: int, stream: int) -> tuple[Rows, Rows]:
    """``number`` rows, drawn with classes in proportion, and the rest; all rows of a group go where its first row goes."""
    if len(rows) < 2:
        raise UserError(f"a split is to be drawn from {len(rows)} rows, expected at least two")
    chosen = stratified_sample([row.get("label") for row in rows], number, random_keys(len(rows), seed, stream))
    side: dict[int, bool] = {}
    for row, drawn in zip(rows, chosen.tolist(), strict=True):
        side.setdefault(row["group"], drawn)
    return [row for row in rows if side[row["group"]]], [row for row in rows if not side[row["group"]]]


def _from_plays(files: Sequence[str | os.PathLike], dataset: NextSpeechDataset, part: str) -> tuple[Splits, dict[str, Any]]:
    """The questions made of the plays of a split and of the splits after it, play by play."""
    speeches_by_play = speeches.read_plays(files)
    names = sorted(speeches_by_play)
    plays = speeches.split_plays(names, dataset)
    needed_splits = {"train": ("train", "validation", "test"), "validation": ("validation", "test"), "test": ("test",)}[part]
    questions = {
        name: [
            {**row, "play": play}
            for play in plays[name]
            for row in speeches.play_questions(speeches_by_play[play], dataset, names.index(play))
        ]
        for name in needed_splits
    }
    return questions, {"read": len(questions[part]), "plays": len(plays[part])}


def _without_later_duplicates(splits: Splits, dataset: Split | NextSpeechDataset, part: str) -> tuple[Rows, dict[str, int]]:
    """The rows of a split without duplicates of rows in later splits, and how many were left out as equal or as near ones."""
    later_splits = {"train": ("validation", "test"), "validation": ("test",), "test": ()}[part]
    texts = [_compared_texts(row, dataset) for row in splits[part]]
    later_texts = [_compared_texts(row, dataset) for name in later_splits for row in splits.get(name, ())]
    equal, near = find_duplicates(texts, later_texts, dataset.duplicates)
    rows = [row for row, left_out in zip(splits[part], (equal | near).tolist(), strict=True) if not left_out]
    return rows, {"duplicates": int(equal.sum()), "near_duplicates": int(near.sum())}


def _compared_texts(row: dict[str, Any], dataset: Split | NextSpeechDataset) -> Texts:
    """The texts by which rows are compared: a text; a question with its choices in any order, or with its answer alone where
    the other choices were drawn; the source of a pair, since one that is known betrays its target, whichever is recorded;
    the prompt of answers likewise."""
    if dataset.kind == "preferences":
        return (row["prompt"],)
    if dataset.kind == "pairs":
        return (row["source"],)
    if dataset.kind == "classification":
        return (row["text"],)
    if dataset.kind == "next_speech":
        return row["question"], row["choices"][row["answer"]]
    return row["question"], *sorted(row["choices"])


def _sample(rows: list[dict[str, Any]], dataset: Any, part: str) -> list[dict[str, Any]]:
    """Rows up to the limit of the split, drawn with classes (or plays) in proportion, in their order."""
    limit = getattr(dataset.limit, part)
    if limit is None or limit >= len(rows):
        return rows
    groups = [row.get("label", row.get("play")) for row in rows]
    chosen = stratified_sample(groups, limit, random_keys(len(rows), dataset.draw.seed, SAMPLE))
    return [rows[index] for index in np.flatnonzero(chosen)]
