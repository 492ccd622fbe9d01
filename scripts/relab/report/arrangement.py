"""How a table stands on the page: which way, how many of its lines at first, and what is said once since all lines share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from relab.errors import UserError
from relab.report.tables import Data, Record, ShownColumn

#: A table of more lines than the first number shows as many as the second, and opens. Lines of texts are high, and higher still
#: where texts stand beside each other or in groups.
LONG, LONG_OF_TEXTS, LONG_OF_GROUPS = (12, 6), (3, 3), (2, 2)

#: A table that would be wider than this, in characters, and has few records stands upright: a column a record.
ROOM = 120
#: A table has each interval beside its value up to this width: of lines without breaks more fits.
FLAT = 131

#: Records that may stand side by side.
ABREAST = 8

#: Characters that a cell of running text needs at least, and the gap between two columns.
TEXT, GAP = 14, 2


@dataclass(frozen=True)
class Arrangement:
    """A table with its columns apart from those that are the same in every record."""

    columns: list[ShownColumn]
    shared: list[ShownColumn]
    records: list[Record]

    @property
    def texts(self) -> bool:
        """Whether it holds texts, so that its lines are high."""
        return not self.upright and any(column.settings.text for column in self.columns)

    @property
    def flat(self) -> bool:
        """Whether there is room for each interval beside its value."""
        return not self.upright and self._across(whole=True) <= FLAT

    @property
    def upright(self) -> bool:
        """Whether a record is a column: one record alone, or a few that would make the table wider than the page."""
        if not self.records or len(self.columns) < 3:
            return False
        across = self._across()
        widest = max(_width(column, record) for column in self.columns for record in self.records)
        down = (widest + GAP) * len(self.records) + TEXT
        return len(self.records) == 1 or len(self.records) <= ABREAST and across > ROOM and across > down

    def _across(self, whole: bool = False) -> int:
        """Characters of the widest cells beside each other."""
        widths = [max((_width(column, record, whole) for record in self.records), default=0) for column in self.columns]
        return sum(width + GAP for width in widths)


class Opening(NamedTuple):
    """A table that shows its first lines until it is opened."""

    lines: int
    first: int


def opening(lines: int, limit: tuple[int, int]) -> Opening | None:
    """How many of its lines a table shows at first; ``None`` where it shows all."""
    longest, first = limit
    return Opening(lines, first) if lines > longest else None


@dataclass(frozen=True)
class Grid:
    """A table that sets the values of one column beside each other: the columns before it name the lines."""

    keys: list[ShownColumn]
    across: ShownColumn
    values: list[ShownColumn]  #: the first stands in the cells, the others below it

    @property
    def lines(self) -> list[tuple[Record, list[list[Record]]]]:
        """For each line a record that names it, and its records for each value across."""
        lines: dict[tuple[str, ...], list[Record]] = {}
        for record in self.across.data.records:
            lines.setdefault(tuple(record[column.name] for column in self.keys), []).append(record)
        names = self.across.data.distinct(self.across.name)
        return [
            (records[0], [[record for record in records if record[self.across.name] == name] for name in names])
            for records in lines.values()
        ]


def arrange_grid(data: Data, columns: list[ShownColumn]) -> tuple[Grid, list[ShownColumn]]:
    """The grid of a table with a column ``across``, and the columns that all records share.

    Raises:
        UserError: no column across, or none after it.
    """
    place = next((place for place, column in enumerate(columns[:-1]) if column.settings.across), None)
    if place is None:
        raise UserError(f"{data.path}: a grid needs a column that is `across`, and another after it")
    shared = [column for column in columns[:place] if _shared(data, column)] if place > 1 else []
    return Grid([column for column in columns[:place] if column not in shared], columns[place], columns[place + 1 :]), shared


def arrange(data: Data, columns: list[ShownColumn]) -> Arrangement:
    """Set apart what all records share: what stands in the heading of each column stays, and so does every estimate."""
    shared = [column for column in columns if _shared(data, column)]
    rest = [column for column in columns if column not in shared]
    if not any(not column.settings.interval for column in rest):  # then nothing would tell the records apart
        shared, rest = [], columns
    return Arrangement(rest, shared, data.records)


def _shared(data: Data, column: ShownColumn) -> bool:
    """Whether all fields are the same; a text may be missing, as the prompt of a text that has none."""
    values = set(data.values(column.name)) - ({""} if column.settings.text else set())
    return len(data.records) > 1 and not column.settings.interval and len(values) == 1


def _width(column: ShownColumn, record: Record, whole: bool = False) -> int:
    """Characters that a cell and its heading need at least: lines break between words, and unless ``whole`` at an interval."""
    cell = column.cell(record)
    words = f"{column.title} {column.unit}".split()
    if column.kind == "long":
        return max(min(len(cell.value), TEXT), *map(len, words))
    return max(len(str(cell)) if whole else max(map(len, (cell.value, cell.interval, cell.count))), *map(len, words))
