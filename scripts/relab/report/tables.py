"""Tables on their way into the page: the rows of a CSV file as text, and columns as the page shows them."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from relab.companion_columns import BEST, NAMES, PERHAPS, YES, companions
from relab.errors import UserError
from relab.report.axis import Axis
from relab.report.text import number
from relab.settings.writeups import Column

#: Shown where a field is empty.
MISSING = "–"

#: Texts of at most so many characters are not broken into lines.
SHORT = 24


class Record(dict):
    """One row of a table; asking for a column that it lacks is a user's error that names the file."""

    def __init__(self, path: str, fields: dict[str, str]):
        super().__init__(fields)
        self.path = path

    def __missing__(self, column: str) -> str:
        raise no_column(self.path, column, list(self))

    def number(self, column: str, spec: str = "") -> str:
        """The number in a column as the page shows it; a dash where the field is empty.

        Raises:
            UserError: where it is not a number or does not fit the format ``spec``.
        """
        try:
            return number(self[column], spec) if self[column] else MISSING
        except ValueError as error:
            expected = f"a number for the format {spec!r}" if spec else "a number"
            raise UserError(f"{self.path}: column {column!r}: expected {expected} ({error})") from None

    def estimate(self, column: str, spec: str = "") -> Cell:
        """The number in a column with its 95 % interval, if ``{column}_low`` and ``{column}_high`` hold it."""
        ends = [f"{column}_{end}" for end in ("low", "high")]
        interval = f"[{', '.join(self.number(end, spec) for end in ends)}]" if self[column] and self[ends[0]] else ""
        return Cell(self.number(column, spec), interval)


@dataclass(frozen=True)
class Cell:
    """A field as the page shows it: a value, and its interval and number of observations where it has them."""

    value: str
    interval: str = ""
    count: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.value, self.interval, self.count)))


def no_column(path: str, column: str, known: list[str]) -> UserError:
    return UserError(f"{path}: no column {column!r}, which its columns or its template ask for; it has {', '.join(known)}")


@dataclass(frozen=True)
class Data:
    """A CSV file: the names of its columns, its records, all fields as text."""

    path: str
    names: list[str]
    records: list[Record]

    def require(self, *columns: str) -> str:
        """Refuse a table that lacks one of these columns; returns an empty text, so that templates can call it."""
        for column in columns:
            if column not in self.names:
                raise no_column(self.path, column, self.names)
        return ""

    def values(self, column: str) -> list[str]:
        """The fields of a column, in order."""
        self.require(column)
        return [record[column] for record in self.records]

    def distinct(self, column: str) -> list[str]:
        """The values of a column without repetition, in order of appearance."""
        return list(dict.fromkeys(self.values(column)))

    def filled(self, column: str) -> Record:
        """The first record in which a column is not empty, or else the first."""
        return next((record for record in self.records if record[column]), self.records[0])

    def where(self, **fields: str) -> list[Record]:
        """The records whose columns have these values."""
        return [record for record in self.records if all(record[column] == value for column, value in fields.items())]


def read(path: str) -> Data:
    """Read a CSV file with a header.

    Raises:
        UserError: not UTF-8, no header, a column twice, or a line with another number of fields.
    """
    try:
        with open(Path(path), encoding="utf-8", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            names = next(reader, [])
            if not names or len(set(names)) < len(names):
                raise UserError(f"{path}, line 1: expected a header of distinct column names, found {','.join(names)!r}")
            records = []
            for fields in reader:
                if len(fields) != len(names):
                    raise UserError(f"{path}, line {reader.line_num}: expected {len(names)} fields, found {len(fields)}")
                records.append(Record(path, dict(zip(names, fields, strict=True))))
    except UnicodeDecodeError:
        raise UserError(f"{path}: expected UTF-8 text") from None
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not CSV ({error})") from None
    return Data(path, names, records)


@dataclass(frozen=True)
class ShownColumn:
    """A column as the page shows it."""

    data: Data
    name: str
    settings: Column

    @property
    def title(self) -> str:
        return self.settings.title or self.name.replace("_", " ")

    @cached_property
    def numeric(self) -> bool:
        """Whether every field that is not empty is a number."""
        return not self.settings.text and _numeric(self.data.values(self.name))

    @cached_property
    def format(self) -> str:
        """The format of its numbers: that of the settings, else as many decimals as the file has, four at most."""
        ends = [f"{self.name}_{end}" for end in ("low", "high")] if self.settings.interval else []
        texts = [text for name in (self.name, *ends) for text in self.data.values(name) if text]
        if self.settings.format or not self.numeric or all(text.lstrip("+-").isdigit() for text in texts):
            return self.settings.format
        if any("e" in text.lower() or 0 < abs(float(text)) < 0.001 for text in texts):
            return ".4g"
        return f".{min(4, max(len(text.partition('.')[2]) for text in texts))}f"

    @cached_property
    def count(self) -> str:
        """The number of observations where it is the same in every row; stated once, in the heading."""
        counts = self.data.distinct(self.settings.count) if self.settings.count else []
        return self.data.records[0].number(self.settings.count) if len(counts) == 1 and counts[0] else ""

    @property
    def unit(self) -> str:
        """The line below the heading: the unit, whether there is an interval, the number of observations."""
        interval = "[95\u00a0%]" if self.settings.interval else ""
        count = f"n = {self.count}" if self.count else ""
        return ", ".join(filter(None, (self.settings.unit, interval, count)))

    @cached_property
    def kind(self) -> str:
        """The class of its cells: numbers stand at the right, short texts in one line."""
        if self.numeric:
            return "number"
        return "short" if all(len(text) <= SHORT for text in self.data.values(self.name)) else "long"

    def cell(self, record: Record) -> Cell:
        """The field of ``record``, with its interval and number of observations where the column has them."""
        if record[self.name] == "":
            return Cell(MISSING)
        if not self.numeric:
            return Cell(record[self.name])
        cell = (
            record.estimate(self.name, self.format) if self.settings.interval else Cell(record.number(self.name, self.format))
        )
        if self.settings.count and not self.count and record[self.settings.count]:
            return replace(cell, count=f"(n = {record.number(self.settings.count)})")
        return cell

    def artefact(self, record: Record) -> str:
        """The name of the artefact whose title stands in the field, where the table keeps it and it is another."""
        name = record.get(self.name + NAMES, "")
        return name if name != record[self.name] else ""

    @property
    def differences(self) -> bool:
        """Whether its numbers are written with their sign: those of differences are."""
        return self.settings.format.startswith("+")

    @cached_property
    def better(self) -> str:
        """Whether the higher or the lower of its values are better, where the table says which are best; else nothing."""
        ranked = (better for better, end in BEST.items() if self.name + end in self.data.names)
        return next((better for better in ranked if any(self.data.values(self.name + BEST[better]))), "")

    def rank(self, record: Record) -> str:
        """Whether ``record`` is best in it (``yes``), not told apart from the best (``perhaps``), or neither."""
        rank = record[self.name + BEST[self.better]] if self.better else ""
        return rank if rank in (YES, PERHAPS) else ""

    def decided(self, record: Record) -> bool:
        """Whether it is a difference whose interval does not hold 0."""
        ends = [float(record[f"{self.name}_{end}"]) for end in ("low", "high")] if self.cell(record).interval else []
        return self.differences and bool(ends) and (ends[0] > 0 or ends[1] < 0)

    @cached_property
    def axes(self) -> dict[str, Axis | None]:
        """The axis on which intervals are drawn, with 0 for differences, for each metric where the table names it."""
        spans: dict[str, list[list[float]]] = {}
        for record in self.data.records:
            if self.cell(record).interval:
                spans.setdefault(record.get("metric", ""), []).append(list(self._points(record).values()))
        return {metric: Axis.over(chain(*points)) for metric, points in spans.items() if len(points) > 1}

    def bar(self, record: Record) -> str:
        """Where the interval of ``record``, its value and for differences 0 lie on the axis, as properties of a style."""
        axis = self.axes.get(record.get("metric", ""))
        return axis.style(**self._points(record)) if axis and self.cell(record).interval else ""

    def _points(self, record: Record) -> dict[str, float]:
        points = {"low": record[f"{self.name}_low"], "high": record[f"{self.name}_high"], "value": record[self.name]}
        return {point: float(value) for point, value in points.items()} | ({"zero": 0.0} if self.differences else {})


def _numeric(texts: list[str]) -> bool:
    try:
        numbers = [float(text) for text in texts if text != ""]
    except ValueError:
        return False
    return bool(numbers) and not all(math.isnan(value) for value in numbers)


def shown_columns(data: Data, columns: dict[str, Column]) -> list[ShownColumn]:
    """The columns that the page shows: those of ``columns`` in their order, or all of them where there are none.

    Columns without a value in any record are left out: what a write-up reported, in a row that no write-up has.

    Raises:
        UserError: a column, or a column that it refers to, that the table lacks and that is not optional.
    """
    columns = {name: column for name, column in columns.items() if name in data.names or not column.optional}
    for name, column in columns.items():
        ends = (f"{name}_low", f"{name}_high") if column.interval else ()
        data.require(name, *ends, *filter(None, (column.count,)))
    beside = companions(data.names)
    names = columns or [name for name in data.names if name not in beside]
    filled = [name for name in names if not data.records or any(data.values(name))]
    return [ShownColumn(data, name, columns.get(name, Column())) for name in filled]
