"""Turning rows of published tables into rows of a data set's schema; errors name file and row."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from relab.comparable import comparable
from relab.errors import UserError
from relab.settings.datasets import ChoiceDataset, ClassificationDataset, Dataset, Documents, Judgments, Table
from relab.tabular import LocatedRow, TableFormat, cell_value, has_column, matches, read_rows

_GRADE = re.compile(r"[+-]?[0-9]{1,9}")

#: So many bad rows of a table are no sign that the settings are wrong, whatever their share.
MOST_BAD = 2


class BadRow(Exception):
    """What is wrong with a row; the message follows the row's location."""

    #: What it is counted as where such rows are left out.
    counted = "bad"
    #: The setting that says what becomes of it.
    setting = "bad_rows"
    #: What to do about it.
    remedy = "mend it"


class UnknownLabel(BadRow):
    """A row of a class that the settings do not name."""

    remedy = "name it in `labels`, mend it"


class BrokenReference(BadRow):
    """A row that names a row of another table that is not there."""

    counted = "broken"
    setting = "broken_references"


class TableReader:
    """Reads rows of an asset's tables; bad rows raise an error, or are left out and counted, as the data set's settings say."""

    def __init__(self, files: Sequence[str | os.PathLike], dataset: Dataset):
        """``files``: the files of the asset, looked up by name."""
        self.files = {Path(path).name: Path(path) for path in files}
        self.dataset = dataset
        self.counts: Counter[str] = Counter(read=0)
        #: What is wrong with the rows that are left out, by setting.
        self.rejected: defaultdict[str, list[str]] = defaultdict(list)

    def read(
        self, table: Table, columns: Sequence[str], parse: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Yield what ``parse`` makes of each row.

        Raises:
            UserError: a file that does not exist or cannot be read; a bad row, unless such rows are left out.
        """
        return self.parse(self.located_rows(table, columns), parse, columns)

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
        rows = read_rows(self.path(table.file), [*columns, *table.where], TableFormat.of(table, table.sql))
        return islice((located for located in rows if matches(located[1], table.where)), table.first)

    def parse(
        self,
        rows: Iterable[LocatedRow],
        parse: Callable[[Mapping[str, Any]], dict[str, Any]],
        columns: Sequence[str] = (),
    ) -> Iterator[dict[str, Any]]:
        """Yield what ``parse`` makes of each row; bad rows as :meth:`read`, and too many of them are an error."""
        read = 0
        self.rejected.clear()
        for location, row in rows:
            read += 1
            self.counts["read"] += 1
            try:
                parsed = _check_unicode(parse(row))
            except BadRow as bad_row:
                lacks = any(not has_column(row, column) for column in columns)
                self.reject(location, f"{bad_row}{f' (its keys are {_listed(row)})' if lacks else ''}", bad_row)
                continue
            yield parsed
        self._check_share(read)

    def reject(self, location: str, reason: str, kind: BadRow | type[BadRow] = BadRow) -> None:
        """Count a bad row, or raise it as an error."""
        if getattr(self.dataset, kind.setting) != "drop":
            drop = f"leave such rows out with the data set's `{kind.setting}: drop`"
            raise UserError(f"{location}: {reason}; {kind.remedy}, or {drop}")
        self.counts[kind.counted] += 1
        self.rejected[kind.setting].append(f"{location}: {reason}")

    def _check_share(self, read: int) -> None:
        """Refuse to leave out more rows than the settings allow: then the settings are wrong rather than the rows."""
        for setting, reasons in self.rejected.items():
            number, share = len(reasons), self.dataset.bad_share
            if number > max(share * max(read, number), MOST_BAD):
                raise UserError(
                    f"{reasons[0]}; `{setting}: drop` would leave out {number:,} such rows of {max(read, number):,}, expected "
                    f"a share of at most {share:g} (the data set's `bad_share`)"
                )


def classification_rows(reader: TableReader, table: Table, dataset: ClassificationDataset) -> list[dict[str, Any]]:
    """The rows ``text, label`` of a table; the label is the name of the class."""
    text_columns = [dataset.text] if isinstance(dataset.text, str) else dataset.text

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        label = comparable(cell_value(row, dataset.label))
        if label not in dataset.labels:
            raise UnknownLabel(f"column {dataset.label!r}: expected one of {_listed(dataset.labels)}, found {label!r}")
        return {"text": join_texts(row, text_columns), "label": dataset.labels[label]}

    rows = list(reader.read(table, [*text_columns, dataset.label], parse))
    vanished = set(dataset.labels.values()) - {row["label"] for row in rows}
    if vanished and reader.rejected:
        labels = _listed(label for label, name in dataset.labels.items() if name in vanished)
        reason = next(iter(reader.rejected.values()))[0]
        raise UserError(f"{reason}; without such rows none is left of the label {labels}, expected rows of every label")
    return rows


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
            raise BadRow(f"column {dataset.answer!r}: expected one of {_listed(names[: len(choices)])}, found {answer!r}")
        texts = [" ".join(choice.split()) for choice in choices]
        return {"question": join_texts(row, question), "choices": texts, "answer": names.index(answer)}

    return list(
        reader.read(table, [*question, *choice_columns, dataset.answer, *([dataset.names] if dataset.names else [])], parse)
    )


def read_documents(reader: TableReader, table: Documents) -> dict[str, str | None]:
    """The texts of a table by id; None for one that is left out.

    Raises:
        UserError: also for an id with two texts.
    """
    columns = [table.text] if isinstance(table.text, str) else table.text
    texts: dict[str, str | None] = {}

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        name = _id(row, table.id)
        try:
            text = join_texts(row, columns)
        except BadRow:
            texts.setdefault(name)
            raise
        if (texts.get(name) or text) != text:
            raise BadRow(f"column {table.id!r}: two texts have the id {name!r}")
        texts[name] = text
        return {"id": name, "text": text}

    for _ in reader.read(table, [table.id, *columns], parse):
        pass
    return texts


def read_judgments(
    reader: TableReader, table: Judgments, texts: Mapping[str, Mapping[str, str | None]]
) -> Iterator[dict[str, Any]]:
    """The rows ``query, document, relevance`` of a table, graded 1 where it has no grades.

    A judgment that stands twice is counted; with two grades it is a bad row.

    ``texts``: the texts by id (:func:`read_documents`) that a ``query`` and a ``document`` are among.
    """
    columns = [table.query, table.document, *([table.relevance] if table.relevance else [])]
    grades: dict[tuple[str, str], int] = {}

    def parse(row: Mapping[str, Any]) -> dict[str, Any]:
        grade = _grade(row, table)
        names = {"query": _id(row, table.query), "document": _id(row, table.document)}
        for kind, name in names.items():
            judgment = f"judgment of {names['query']!r} on {names['document']!r}"
            if name not in texts[kind]:
                raise BrokenReference(f"{judgment}: there is no {kind} {name!r}")
            if texts[kind][name] is None:
                raise BadRow(f"{judgment}: the {kind} {name!r} has no text")
        key = (names["query"], names["document"])
        reader.counts["repeated"] += key in grades
        if grades.setdefault(key, grade) != grade:
            raise BadRow(f"{judgment}: expected one grade, found {grade} after {grades[key]}")
        return {**names, "relevance": grade}

    return reader.read(table, columns, parse)


def _grade(row: Mapping[str, Any], table: Judgments) -> int:
    """The grade of a judgment."""
    if table.relevance is None:
        return 1
    cell = cell_value(row, table.relevance)
    text = comparable(cell)
    if table.grades is not None:
        if text not in table.grades:
            raise BadRow(f"column {table.relevance!r}: expected one of {_listed(table.grades)}, found {cell!r}")
        return table.grades[text]
    if not _GRADE.fullmatch(text):
        raise BadRow(f"column {table.relevance!r}: expected a whole number, or `grades` that map it, found {cell!r}")
    return int(text)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


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
