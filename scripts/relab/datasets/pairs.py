"""Rows of pairs, ``source, target, references``: what tables and other files become, and which pairs are kept.

What is left out is counted: ``merged``: rows that became references of an earlier row with the same source;
``outside_limits``: pairs with a side that is too short, too long or not of the form asked for; ``equal_sides``: pairs that
only copy. References hold neither the target nor a text twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from relab.datasets import pair_files
from relab.datasets.tables import BadRow, TableReader, join_texts, text_list
from relab.settings.datasets import PairsDataset, PairSource, Side
from relab.tabular import LocatedRow, cell_value


def pair_rows(reader: TableReader, table: PairSource, dataset: PairsDataset) -> list[dict[str, Any]]:
    """The rows ``source, target, references`` of a table, or of another kind of file.

    Raises:
        UserError: a file that is not what its kind says; a bad row, such as one with an empty side, unless such rows are left
            out.
    """
    reader.counts.update(dict.fromkeys(("merged", "outside_limits", "equal_sides"), 0))
    if table.kind == "table":
        columns = _Columns(dataset)
        rows = reader.parse(reader.located_rows(table, columns.names), columns.pair, columns.names)
    else:
        rows = reader.parse(_located_rows(reader, table), _pair)
    if table.kind == "dictionary" or dataset.same_source == "merge":
        rows = _merge(rows, reader.counts)
    return [row for row in rows if _is_kept(row, dataset, reader.counts)]


class _Columns:
    """The columns of a table that hold the source, the target and the references."""

    def __init__(self, dataset: PairsDataset):
        self.source = [dataset.source] if isinstance(dataset.source, str) else dataset.source
        self.target = [dataset.target] if isinstance(dataset.target, str) else dataset.target
        self.references = dataset.references
        self.names = [*self.source, *self.target, *([self.references] if self.references else [])]

    def pair(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The pair of a row."""
        in_list = len(self.target) == 1 and isinstance(cell_value(row, self.target[0]), list)
        return _pair(
            {
                "source": join_texts(row, self.source),
                "target": text_list(row, self.target[0]) if in_list else join_texts(row, self.target),
                "references": _texts(row, self.references) if self.references else [],
            }
        )


def _texts(row: Mapping[str, Any], column: str) -> list[str]:
    """The texts of a column that holds a list of texts, one text, or none."""
    value = cell_value(row, column)
    if value is None:
        return []
    return [value] if isinstance(value, str) else text_list(row, column)


def _pair(row: Mapping[str, Any]) -> dict[str, Any]:
    """A pair of a ``source`` and targets, a text or a list of them; the first that has text is the target."""
    targets = row["target"] if isinstance(row["target"], list) else [row["target"]]
    texts = list(filter(None, (text.strip() for text in targets)))
    if not texts:
        raise BadRow("expected a target, found none")
    source = join_texts(row, ["source"])
    return {"source": source, "target": texts[0], "references": _distinct(texts[0], [*texts[1:], *row.get("references", [])])}


def _located_rows(reader: TableReader, table: Any) -> Iterator[LocatedRow]:
    """The rows of what is no table, with the columns ``source`` and ``target``."""
    paths = [reader.path(file) for file in table.files.values()]
    if table.kind == "lines":
        return pair_files.aligned_lines(paths, table.codec)
    if table.kind == "dictionary":
        return pair_files.dictionary_entries(paths[0], table.codec)
    return pair_files.docstrings(paths[0], table.exclude, reader.reject)


def _merge(rows: Iterable[dict[str, Any]], counts: Counter[str]) -> Iterable[dict[str, Any]]:
    """One row for each source, in the order in which they come: the first target, with all others as references."""
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        first = merged.setdefault(row["source"], row)
        if first is not row:
            counts["merged"] += 1
            first["references"] = _distinct(first["target"], [*first["references"], row["target"], *row["references"]])
    return merged.values()


def _distinct(target: str, references: Sequence[str]) -> list[str]:
    """The references, each once and without blanks at its ends, but for empty ones and the target itself."""
    return [text for text in dict.fromkeys(reference.strip() for reference in references) if text and text != target]


def _is_kept(row: Mapping[str, Any], dataset: PairsDataset, counts: Counter[str]) -> bool:
    sides = dataset.sides
    if not (fits(row["source"], sides.source) and fits(row["target"], sides.target)):
        counts["outside_limits"] += 1
        return False
    if sides.equal == "drop" and row["source"].split() == row["target"].split():
        counts["equal_sides"] += 1
        return False
    return True


def fits(text: str, side: Side) -> bool:
    """Whether a text is within the limits of its side."""
    if side.words and not side.words[0] <= len(text.split()) <= side.words[1]:
        return False
    if side.characters and not side.characters[0] <= len(text) <= side.characters[1]:
        return False
    return side.matches is None or re.fullmatch(side.matches, text) is not None
