"""Turning rows of published tables into rows of a data set's schema; errors name file and row."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from relab.comparable import comparable
from relab.errors import UserError
from relab.settings.datasets import ChoiceDataset, ClassificationDataset, Documents, Judgments, Table
from relab.tabular import LocatedRow, TableFormat, cell_value, matches, read_rows


class BadRow(Exception):
    """What is wrong with a row; the message follows the row's location."""

    #: What it is counted as where such rows are left out.
    counted = "bad"


class TableReader:
    """Reads rows of an asset's tables; bad rows raise an error, or are left out and counted, as the data set's settings say."""

    def __init__(self, files: Sequence[str | os.PathLike], bad_rows: str):
        """``files``: the files of the asset, looked up by name."""
        self.files = {Path(path).name: Path(path) for path in files}
        self.drop = bad_rows == "drop"
        self.counts: Counter[str] = Counter()

    def read(
        self, table: Table, columns: Sequence[str], parse: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Yield what ``parse`` makes of each row.

        Raises:
            UserError: a file that does not exist or cannot be read; a bad row, unless such rows are left out.
        """
        return self.parse(self.located_rows(table, columns), parse)

    def path(self, file: str) -> Path:
        """The path of a file of the asset.

        Raises:
            UserError: it is not among the files.
        """
        if file not in self.files:
            raise UserError(f"--input: expected the file {file}, found {', '.join(self.files) or 'none'}")
        return self.files[file]

    def located_rows(self, table: Table, columns: Sequence[str]) -> Iterator[LocatedRow]:
        """Yield the rows of a table that its settings keep, each with its location."""
        header = tuple(table.header) if table.header else None
        table_format = TableFormat(table.delimiter, header, table.sql, table.encoding or "utf-8-sig")
        rows = read_rows(self.path(table.file), [*columns, *table.where], table_format)
        return islice((located for located in rows if matches(located[1], table.where)), table.first)

    def parse(
        self, rows: Iterable[LocatedRow], parse: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Yield what ``parse`` makes of each row; bad rows as :meth:`read`."""
        for location, row in rows:
            self.counts["read"] += 1
            try:
                parsed = _check_unicode(parse(row))
            except BadRow as bad_row:
                self.reject(location, str(bad_row), bad_row.counted)
                continue
            yield parsed

    def reject(self, location: str, reason: str, counted: str = "bad") -> None:
        """Count a bad row, or raise it as an error."""
        if not self.drop:
            raise UserError(f"{location}: {reason}; mend it, or leave such rows out with the data set's `bad_rows: drop`")
        self.counts[counted] += 1


def classification_rows(reader: TableReader, table: Table, dataset: ClassificationDataset) -> list[dict[str, Any]]:
    """The rows ``text, label`` of a table; the label is the name of the class."""
    text_columns = [dataset.text] if isinstance(dataset.text, str) else dataset.text

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        label = comparable(cell_value(row, dataset.label))
        if label not in dataset.labels:
            raise BadRow(f"column {dataset.label!r}: expected one of {', '.join(dataset.labels)}, found {label!r}")
        return {"text": join_texts(row, text_columns), "label": dataset.labels[label]}

    return list(reader.read(table, [*text_columns, dataset.label], parse))


def choice_rows(reader: TableReader, table: Table, dataset: ChoiceDataset) -> list[dict[str, Any]]:
    """The rows ``question, choices, answer`` of a table; the answer is the index of the right choice, from 0."""
    question = [dataset.question] if isinstance(dataset.question, str) else dataset.question
    choices_in_list = isinstance(dataset.choices, str)
    choice_columns = [dataset.choices] if choices_in_list else list(dataset.choices)

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        choices = (
            text_list(row, choice_columns[0]) if choices_in_list else [join_texts(row, [column]) for column in choice_columns]
        )
        names = (
            list(map(comparable, text_list(row, dataset.names)))
            if dataset.names
            else [str(index) for index in range(len(choices))]
        )
        if len(choices) < 2 or not all(choice.strip() for choice in choices):
            raise BadRow(f"column {choice_columns[0]!r}: expected at least two choices with text, found {choices!r}")
        answer = comparable(cell_value(row, dataset.answer))
        if answer not in names[: len(choices)]:
            raise BadRow(f"column {dataset.answer!r}: expected one of {', '.join(names[: len(choices)])}, found {answer!r}")
        texts = [" ".join(choice.split()) for choice in choices]
        return {"question": join_texts(row, question), "choices": texts, "answer": names.index(answer)}

    return list(
        reader.read(table, [*question, *choice_columns, dataset.answer, *([dataset.names] if dataset.names else [])], parse)
    )


def read_documents(reader: TableReader, table: Documents) -> dict[str, str]:
    """The texts of a table by id.

    Raises:
        UserError: also for an id with two texts.
    """
    columns = [table.text] if isinstance(table.text, str) else table.text
    texts: dict[str, str] = {}
    for row in reader.read(
        table, [table.id, *columns], lambda row: {"id": _id(row, table.id), "text": join_texts(row, columns)}
    ):
        if texts.setdefault(row["id"], row["text"]) != row["text"]:
            reader.reject(f"{table.file}, column {table.id!r}", f"two texts have the id {row['id']!r}")
    return texts


def read_judgments(reader: TableReader, table: Judgments) -> Iterator[dict[str, Any]]:
    """The rows ``query, document, relevance`` of a table, graded 1 where it has no grades."""
    columns = [table.query, table.document, *([table.relevance] if table.relevance else [])]

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        grade = cell_value(row, table.relevance) if table.relevance else 1
        try:
            number = int(grade)
        except (TypeError, ValueError):
            raise BadRow(f"column {table.relevance!r}: expected a whole number, found {grade!r}") from None
        return {"query": _id(row, table.query), "document": _id(row, table.document), "relevance": number}

    return reader.read(table, columns, parse)


def _check_unicode(row: dict[str, Any]) -> dict[str, Any]:
    """The row, checked to hold valid Unicode; JSON may hold half of a surrogate pair, as of an emoji that was cut in two."""
    for column, value in row.items():
        for text in value if isinstance(value, list) else [value]:
            try:
                str(text).encode()
            except UnicodeEncodeError as error:
                raise BadRow(f"expected Unicode in its {column}, found {error.object[error.start]!r} alone") from None
    return row


def join_texts(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The texts of some columns joined by a blank, without blanks at the ends.

    Raises:
        BadRow: a cell that is no text; no text at all.
    """
    parts = []
    for column in columns:
        value = cell_value(row, column)
        if value is not None and not isinstance(value, str):
            raise BadRow(f"column {column!r}: expected a text, found {value!r}")
        parts.append((value or "").strip())
    text = " ".join(filter(None, parts))
    if not text:
        raise BadRow(f"column {' and '.join(map(repr, columns))}: expected a text, found none")
    return text


def text_list(row: Mapping[str, Any], column: str) -> list[str]:
    """The texts of a column of lists.

    Raises:
        BadRow: a cell that is no list of texts.
    """
    value = cell_value(row, column)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadRow(f"column {column!r}: expected a list of texts, found {value!r}")
    return value


def _id(row: Mapping[str, Any], column: str) -> str:
    identifier = comparable(cell_value(row, column))
    if not identifier:
        raise BadRow(f"column {column!r}: expected an id, found none")
    return identifier
