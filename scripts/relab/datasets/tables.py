"""Rows of a published table as the schema of its kind has them; what is wrong with one names file and row."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from relab.errors import UserError
from relab.settings.datasets import ChoiceDataset, ClassificationDataset, Documents, Judgments, Table
from relab.tabular import Form, cell, keeps, read_rows


class BadRow(Exception):
    """What is wrong with a row, in words that follow its place."""


class Rows:
    """The rows of an asset's tables. Bad ones are an error, or left out and counted, as the data set's settings say."""

    def __init__(self, files: Sequence[str | os.PathLike], bad_rows: str):
        """``files`` are those of the asset, found by their names."""
        self.files = {Path(path).name: Path(path) for path in files}
        self.drop = bad_rows == "drop"
        self.counts: Counter[str] = Counter()

    def read(
        self, table: Table, columns: Sequence[str], parse: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Yield what ``parse`` makes of each row.

        Raises:
            UserError: a file that is not there or not of its form; a bad row, unless such rows are left out.
        """
        if table.file not in self.files:
            raise UserError(f"--input: expected the file {table.file}, found {', '.join(self.files) or 'none'}")
        header = tuple(table.header) if table.header else None
        kept = 0
        form = Form(table.delimiter, header, table.sql, table.encoding or "utf-8-sig")
        for place, row in read_rows(self.files[table.file], [*columns, *table.where], form):
            if not keeps(row, table.where):
                continue
            if table.first is not None and kept >= table.first:
                break
            kept += 1
            self.counts["read"] += 1
            try:
                parsed = _storable(parse(row))
            except BadRow as bad:
                self.bad(place, str(bad))
                continue
            yield parsed

    def bad(self, place: str, wrong: str) -> None:
        """Count a bad row, or raise it as an error."""
        if not self.drop:
            raise UserError(f"{place}: {wrong}; mend it, or leave such rows out with the data set's `bad_rows: drop`")
        self.counts["bad"] += 1


def classification(rows: Rows, table: Table, dataset: ClassificationDataset) -> list[dict[str, Any]]:
    """The rows ``text, label`` of a table; the label is the name of the class."""
    columns = [dataset.text] if isinstance(dataset.text, str) else dataset.text

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        found = _key(cell(row, dataset.label))
        if found not in dataset.labels:
            raise BadRow(f"column {dataset.label!r}: expected one of {', '.join(dataset.labels)}, found {found!r}")
        return {"text": _text(row, columns), "label": dataset.labels[found]}

    return list(rows.read(table, [*columns, dataset.label], parse))


def choice(rows: Rows, table: Table, dataset: ChoiceDataset) -> list[dict[str, Any]]:
    """The rows ``question, choices, answer`` of a table; the answer is the place of the right choice, counted from 0."""
    question = [dataset.question] if isinstance(dataset.question, str) else dataset.question
    listed = isinstance(dataset.choices, str)
    columns = [dataset.choices] if listed else list(dataset.choices)

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        choices = _list(row, columns[0]) if listed else [_text(row, [column]) for column in columns]
        names = _list(row, dataset.names) if dataset.names else [str(place) for place in range(len(choices))]
        if len(choices) < 2 or not all(one.strip() for one in choices):
            raise BadRow(f"column {columns[0]!r}: expected at least two choices with text, found {choices!r}")
        found = _key(cell(row, dataset.answer))
        if found not in names[: len(choices)]:
            raise BadRow(f"column {dataset.answer!r}: expected one of {', '.join(names[: len(choices)])}, found {found!r}")
        texts = [" ".join(one.split()) for one in choices]
        return {"question": _text(row, question), "choices": texts, "answer": names.index(found)}

    return list(rows.read(table, [*question, *columns, dataset.answer, *([dataset.names] if dataset.names else [])], parse))


def documents(rows: Rows, table: Documents) -> dict[str, str]:
    """The texts of a table by id.

    Raises:
        UserError: also for an id that stands twice.
    """
    columns = [table.text] if isinstance(table.text, str) else table.text
    found: dict[str, str] = {}
    for row in rows.read(table, [table.id, *columns], lambda row: {"id": _id(row, table.id), "text": _text(row, columns)}):
        if found.setdefault(row["id"], row["text"]) != row["text"]:
            rows.bad(f"{table.file}, column {table.id!r}", f"two texts have the id {row['id']!r}")
    return found


def judgments(rows: Rows, table: Judgments) -> Iterator[dict[str, Any]]:
    """The rows ``query, document, relevance`` of a table, graded 1 where it has no grades."""
    columns = [table.query, table.document, *([table.relevance] if table.relevance else [])]

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        grade = cell(row, table.relevance) if table.relevance else 1
        try:
            number = int(grade)
        except (TypeError, ValueError):
            raise BadRow(f"column {table.relevance!r}: expected a whole number, found {grade!r}") from None
        return {"query": _id(row, table.query), "document": _id(row, table.document), "relevance": number}

    return rows.read(table, columns, parse)


def _storable(row: dict[str, Any]) -> dict[str, Any]:
    """The row, where its texts can be written; JSON may hold half of a surrogate pair, as of an emoji that was cut in two."""
    for column, value in row.items():
        for text in value if isinstance(value, list) else [value]:
            try:
                str(text).encode()
            except UnicodeEncodeError as error:
                raise BadRow(f"expected Unicode in its {column}, found {error.object[error.start]!r} alone") from None
    return row


def _text(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The texts of some columns, joined by a blank, without blanks at the ends."""
    parts = []
    for column in columns:
        value = cell(row, column)
        if value is not None and not isinstance(value, str):
            raise BadRow(f"column {column!r}: expected a text, found {value!r}")
        parts.append((value or "").strip())
    text = " ".join(filter(None, parts))
    if not text:
        raise BadRow(f"column {' and '.join(map(repr, columns))}: expected a text, found none")
    return text


def _list(row: Mapping[str, Any], column: str) -> list[str]:
    value = cell(row, column)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadRow(f"column {column!r}: expected a list of texts, found {value!r}")
    return value


def _id(row: Mapping[str, Any], column: str) -> str:
    found = _key(cell(row, column))
    if not found:
        raise BadRow(f"column {column!r}: expected an id, found none")
    return found


def _key(value: Any) -> str:
    """A cell as the text that it is compared by: numbers as they are written, 1.0 like 1."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
