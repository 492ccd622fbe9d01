"""The contents of the report as files say them: a file a write-up in ``config/writeups/`` with its rows, prose and figures.

Importing this module stays cheap: Snakemake reads it on every start to learn what the report needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from relab.errors import UserError
from relab.settings.base import Name, Scalar, Settings, check
from relab.settings.layers import read_yaml

#: Chapter of what all rows rest on; a folder name beside those of the write-ups.
OVERVIEW = "overview"

#: The file of what is no write-up's: title, opening, the chapter of what all rows rest on.
REPORT = "report.yaml"


def _number_format(spec: str) -> str:
    for value in (0, 0.5):
        with suppress(ValueError):
            format(value, spec)
            return spec
    raise ValueError(f"expected a format of Python's for numbers such as .3f or ,d, found {spec!r}")


Format = Annotated[str, AfterValidator(_number_format)]


class Column(Settings):
    """How one column of a table is shown."""

    title: str = Field("", description="Heading; by default the column's name.")
    unit: str = Field("", description="Unit, shown in the heading.")
    format: Format = Field("", description="Format of its numbers in Python's notation, such as .3f or ,d.")
    interval: bool = Field(
        False,
        description="Show its 95 % interval in brackets: the ends are the columns {column}_low and {column}_high.",
    )
    count: str = Field("", description="Column of the number of observations behind the value, shown as n.")
    text: bool = Field(False, description="It holds generated text: monospaced, white space kept.")
    language: str = Field("", description="Language of its texts as a BCP 47 tag.")
    across: bool = Field(
        False, description="Of a grid: its values stand beside each other, and below each what the columns after it hold."
    )
    optional: bool = Field(False, description="Not every table of its kind has it: it is shown where there is one.")


class Table(Settings):
    """How a table is shown."""

    title: str = Field(description="Title.")
    caption: str = Field("", description="What it shows and how to read it (Markdown).")
    template: str = Field(
        "table",
        description="Template that draws it: of `scripts/relab/report/templates/tables`, or of the folder of its kind of row.",
        pattern=r"^[a-z_]+$",
    )
    columns: dict[str, Column] = Field({}, description="The columns shown, in this order; none means all, as they are.")
    language: str = Field("", description="Language of its generated texts as a BCP 47 tag.")
    folded: bool = Field(False, description="It opens folded: the page shows its title, and the table to who asks for it.")
    reported: bool = Field(False, description="It repeats the write-up's own figures; the page marks it so.")


class Figure(Settings):
    """How a figure is shown."""

    title: str = Field(description="Title.")
    caption: str = Field("", description="What it shows and how to read it (Markdown).")
    alternative: str = Field(description="Text for those who cannot see it: what is plotted and where to find the numbers.")
    data: list[str] = Field(description="Tables of the same row that it is drawn from.", min_length=1)
    folded: bool = Field(False, description="It opens folded: the page shows its title, and the figure to who asks for it.")


class Kind(Settings):
    """How the tables and figures of a kind of row are shown (``show.yaml`` in its folder), by their names there."""

    tables: dict[str, Table] = Field({}, description="Its tables.")
    figures: dict[str, Figure] = Field({}, description="Its figures.")


def _with_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Shown(Settings):
    """A table or figure of a row: the name of its file without its ending; or that, and what is said of it here alone."""

    name: Name = Field(description="Name of the file without its ending.")
    title: str | None = Field(None, description="Title.")
    caption: str | None = Field(None, description="What it shows and how to read it (Markdown).")
    alternative: str | None = Field(None, description="Of a figure: text for those who cannot see it.")
    columns: dict[str, Column] | None = Field(None, description="Of a table: the columns shown.")
    language: str | None = Field(None, description="Of a table: language of its generated texts as a BCP 47 tag.")
    folded: bool | None = Field(None, description="Whether it opens folded.")


AnyShown = Annotated[Shown, BeforeValidator(_with_name)]

#: Values that a write-up reports: by the name of a table of them, by the id of each, by what it is.
ReportedFigures = dict[Name, dict[str, dict[str, Scalar]]]


#: A reported figure in a text, with the format of its number: ``{ROW.TABLE.ID.VALUE:.2f}``.
FIGURE = re.compile(r"\{(\w+)\.([\w-]+)\.([\w-]+)\.(\w+)(?::([^}]+))?\}")


def fill_figures(text: str, figures: Mapping[str, Any]) -> str:
    """A text with its reported figures filled in; ``figures`` are tables of them by row and name.

    Raises:
        ValueError: naming one that is not reported.
    """

    def figure(match: re.Match) -> str:
        row, table, group, value, spec = match.groups()
        try:
            return format(figures[f"{row}.{table}"][group][value], spec or "")
        except KeyError:
            raise ValueError(f"{match[0]} is not among the reported figures") from None

    return FIGURE.sub(figure, text)


class Row(Settings):
    """One artefact of a write-up: a section of the report whose HTML id is the row's id."""

    id: Name = Field(description="Row id: the chapter's letter and a number.")
    title: str = Field(description="Title.")
    reported: str = Field(
        description="What the write-up reports (Markdown); {ROW.TABLE.ID.VALUE} stands for one of its reported figures."
    )
    reported_figures: ReportedFigures = Field(
        {}, description="The write-up's own figures, each stated here and nowhere else: tables, claims and prose read them."
    )
    added: str = Field("", description="What is added to it here (Markdown).")
    text: str = Field("", description="What this run does (Markdown).")
    notes: list[str] = Field([], description="Choices, traps and limits (Markdown).")
    figures: list[AnyShown] = Field([], description="Its figures, shown first.")
    tables: list[AnyShown] = Field([], description="Its tables.")

    @model_validator(mode="after")
    def _shows_something(self):
        if not self.figures and not self.tables:
            raise ValueError("a row needs at least one figure or table")
        return self


def _filled(row: dict[str, Any], figures: Mapping[str, Any]) -> dict[str, Any]:
    filled = {key: fill_figures(row[key], figures) for key in ("reported", "added", "text") if isinstance(row.get(key), str)}
    notes = row.get("notes")
    if isinstance(notes, list):
        filled["notes"] = [fill_figures(note, figures) if isinstance(note, str) else note for note in notes]
    return {**row, **filled}


class Chapter(Settings):
    """A write-up."""

    id: str = Field(description="Letter of the write-up.", pattern=r"^[A-Z]$")
    key: Name = Field(description="Name of its folder under results/tables and results/figures.")
    title: str = Field(description="Title.")
    source: str = Field(description="Title of the write-up itself.")
    intro: str = Field("", description="What it is about (Markdown).")
    rows: list[Row] = Field(description="Its rows, in order.", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _figures_stand_once(cls, raw: Any) -> Any:
        rows = raw.get("rows") if isinstance(raw, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return raw
        figures = {
            f"{row.get('id')}.{name}": values for row in rows for name, values in (row.get("reported_figures") or {}).items()
        }
        return {**raw, "rows": [_filled(row, figures) for row in rows]}

    @model_validator(mode="after")
    def _rows_belong_to_it(self):
        for row in self.rows:
            if row.id[0] != self.id:
                raise ValueError(f"row {row.id} stands in chapter {self.id}; its id must start with {self.id}")
        check_distinct([row.id for row in self.rows], "row ids")
        check_distinct([table.name for row in self.rows for table in row.tables], "table names")
        check_distinct([figure.name for row in self.rows for figure in row.figures], "figure names")
        return self


class OverviewTable(Table):
    """A table of what all rows rest on."""

    name: Name = Field(description="Name of the file without its ending.")


class Overview(Settings):
    """What all rows rest on: corpora, tokenizers, downloads."""

    title: str = Field("What the rows rest on", description="Title.")
    intro: str = Field("", description="Introduction (Markdown).")
    tables: list[OverviewTable] = Field([], description="Its tables, results/tables/overview/{name}.csv.")


class Report(Settings):
    """The whole of ``config/writeups/report.yaml``."""

    title: str = Field(description="Title of the report.")
    opening: str = Field(description="What the report is, what its figures are not, how to change a number (Markdown).")
    overview: Overview = Field(Overview(), description="The chapter of what all rows rest on.")


class Writeups(Settings):
    """All files of ``config/writeups``."""

    report: Report
    chapters: list[Chapter]


def check_distinct(values: list[str], noun: str) -> None:
    """Refuse a value that stands twice.

    Raises:
        ValueError: naming it.
    """
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{twice[0]!r} stands twice among the {noun}")


def load(folder: str | Path) -> Writeups:
    """Read and check ``config/writeups``: the chapters in the order of their letters.

    Raises:
        UserError: one sentence naming the file, the key (or line) and what was expected.
    """
    folder = Path(folder)
    report = _checked(Report, folder / REPORT)
    files = [path for path in sorted(folder.glob("*.yaml")) if path.name != REPORT and not path.name.endswith(CLAIMS)]
    chapters = sorted((_checked(Chapter, path) for path in files), key=lambda chapter: chapter.id)
    try:
        check_distinct([chapter.id for chapter in chapters], "chapter letters")
        check_distinct([OVERVIEW, *(chapter.key for chapter in chapters)], "chapter keys")
    except ValueError as error:
        raise UserError(f"{folder}: {error}") from None
    return Writeups(report=report, chapters=chapters)


#: Ending of the file of a write-up's claims, beside its own.
CLAIMS = ".claims.yaml"


def claim_files(folder: str | Path, writeups: Writeups) -> list[Path]:
    """The files of the write-ups' claims that there are, in the order of the write-ups."""
    paths = [Path(folder) / f"{chapter.key}{CLAIMS}" for chapter in writeups.chapters]
    return [path for path in paths if path.is_file()]


def _checked(model: type[Settings], path: Path) -> Any:
    try:
        return check(model, read_yaml(path, model), "")
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix(': ')}") from None
