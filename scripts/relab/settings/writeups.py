"""The table of contents of the report: chapters, rows, and for each row its tables and figures (``config/writeups.yaml``).

Importing this module stays cheap: Snakemake reads it on every start to learn what the report needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from relab.errors import UserError
from relab.settings.base import Name, Settings, check

#: Folder of the templates of tables: one file a template, so that a new one is a new file.
TEMPLATES = Path(__file__).resolve().parents[1] / "report" / "templates" / "tables"

#: Chapter of what all rows rest on; a folder name beside those of the write-ups.
OVERVIEW = "overview"


def _format(spec: str) -> str:
    for value in (0, 0.5):
        try:
            format(value, spec)
            return spec
        except ValueError:
            continue
    raise ValueError(f"expected a format of Python's for numbers such as .3f or ,d, found {spec!r}")


def _template(name: str) -> str:
    known = sorted(path.name.removesuffix(".html.j2") for path in TEMPLATES.glob("*.html.j2"))
    if name not in known:
        raise ValueError(f"unknown template {name!r}; expected one of {', '.join(known)}")
    return name


Format = Annotated[str, AfterValidator(_format)]
Template = Annotated[str, AfterValidator(_template)]
RowId = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]+$")]


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


class Table(Settings):
    """A table of a row: results/tables/{write-up}/{name}.csv."""

    name: Name = Field(description="Name of the file without its ending.")
    title: str = Field(description="Title.")
    caption: str = Field("", description="What it shows and how to read it (Markdown).")
    template: Template = Field("table", description="Template of scripts/relab/report/templates/tables that draws it.")
    columns: dict[str, Column] = Field({}, description="The columns shown, in this order; none means all, as they are.")
    language: str = Field("", description="Language of its generated texts as a BCP 47 tag.")
    reported: bool = Field(False, description="It repeats the write-up's own figures; the page marks it so.")


class Figure(Settings):
    """A figure of a row: results/figures/{write-up}/{name}.svg."""

    name: Name = Field(description="Name of the file without its ending.")
    title: str = Field(description="Title.")
    caption: str = Field("", description="What it shows and how to read it (Markdown).")
    alternative: str = Field(description="Text for those who cannot see it: what is plotted and where to find the numbers.")
    data: list[Name] = Field(description="Tables of the same write-up that it is drawn from.", min_length=1)


class Row(Settings):
    """One artefact of a write-up: a section of the report whose HTML id is the row's id."""

    id: RowId = Field(description="Row id: the chapter's letter and a number.")
    title: str = Field(description="Title.")
    reported: str = Field(description="What the write-up reports (Markdown).")
    added: str = Field("", description="What is added to it here (Markdown).")
    text: str = Field("", description="What this run does (Markdown).")
    notes: list[str] = Field([], description="Choices, traps and limits (Markdown).")
    figures: list[Figure] = Field([], description="Its figures, shown first.")
    tables: list[Table] = Field([], description="Its tables.")

    @model_validator(mode="after")
    def _shows_something(self):
        if not self.figures and not self.tables:
            raise ValueError("a row needs at least one figure or table")
        return self


class Chapter(Settings):
    """A write-up."""

    id: str = Field(description="Letter of the write-up.", pattern=r"^[A-Z]$")
    key: Name = Field(description="Name of its folder under results/tables and results/figures.")
    title: str = Field(description="Title.")
    source: str = Field(description="Title of the write-up itself.")
    intro: str = Field("", description="What it is about (Markdown).")
    rows: list[Row] = Field(description="Its rows, in order.", min_length=1)

    @model_validator(mode="after")
    def _rows_belong_to_it(self):
        for row in self.rows:
            if row.id[0] != self.id:
                raise ValueError(f"row {row.id} stands in chapter {self.id}; its id must start with {self.id}")
        _unique([row.id for row in self.rows], "row ids")
        _unique([table.name for row in self.rows for table in row.tables], "table names")
        _unique([figure.name for row in self.rows for figure in row.figures], "figure names")
        return self


class Overview(Settings):
    """What all rows rest on: corpora, tokenizers, downloads."""

    title: str = Field("What the rows rest on", description="Title.")
    intro: str = Field("", description="Introduction (Markdown).")
    tables: list[Table] = Field([], description="Its tables, results/tables/overview/{name}.csv.")


class Writeups(Settings):
    """The whole of ``config/writeups.yaml``."""

    title: str = Field(description="Title of the report.")
    opening: str = Field(description="What the report is, what its figures are not, how to change a number (Markdown).")
    overview: Overview = Field(Overview(), description="The chapter of what all rows rest on.")
    writeups: list[Chapter] = Field(description="The chapters, in the order of the write-ups.", min_length=1)

    @field_validator("writeups")
    @classmethod
    def _chapters_are_distinct(cls, chapters: list[Chapter], info: ValidationInfo) -> list[Chapter]:
        _unique([chapter.id for chapter in chapters], "chapter letters")
        _unique([OVERVIEW, *(chapter.key for chapter in chapters)], "chapter keys")
        return chapters


class ReportSpec(Settings):
    """Settings of the job that builds the report."""

    scale: str = Field(description="Name of the scale.")
    about: str = Field("", description="What the scale is.")
    config: dict[str, Any] = Field({}, description="The configuration as it was written; the comparison of runs reads it.")


def _unique(values: list[str], what: str) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{twice[0]!r} stands twice among the {what}")


def load(path: str | Path) -> Writeups:
    """Read and check ``config/writeups.yaml``.

    Raises:
        UserError: one sentence naming the file, the key (or line) and what was expected.
    """
    return parse(_yaml(Path(path)), str(path))


def parse(raw: Any, place: str) -> Writeups:
    """Check what stands in ``config/writeups.yaml``; ``place`` is the file's name for messages."""
    try:
        return check(Writeups, raw, "")
    except UserError as error:
        raise UserError(f"{place}: {str(error).removeprefix(': ')}") from None


def _yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: not YAML ({error.problem or error.context})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: expected UTF-8 text") from None


@dataclass(frozen=True)
class Artefact:
    """A table or figure with its place: file, chapter and row; the row is ``None`` in the overview."""

    path: str
    entry: Table | Figure
    chapter: Chapter | Overview
    row: Row | None
    data: tuple[str, ...] = ()


def table_path(key: str, name: str) -> str:
    """File of a table, relative to the run's folder."""
    return f"results/tables/{key}/{name}.csv"


def figure_path(key: str, name: str) -> str:
    """File of a figure, relative to the run's folder."""
    return f"results/figures/{key}/{name}.svg"


def artefacts(writeups: Writeups) -> Iterator[Artefact]:
    """Every table and figure of the report, in its order."""
    for table in writeups.overview.tables:
        yield Artefact(table_path(OVERVIEW, table.name), table, writeups.overview, None)
    for chapter in writeups.writeups:
        for row in chapter.rows:
            for figure in row.figures:
                data = tuple(table_path(chapter.key, name) for name in figure.data)
                yield Artefact(figure_path(chapter.key, figure.name), figure, chapter, row, data)
            for table in row.tables:
                yield Artefact(table_path(chapter.key, table.name), table, chapter, row)


def targets(writeups: Writeups, key: str | None = None) -> tuple[list[str], list[str]]:
    """Files of the tables and of the figures that the report shows; with ``key``, those of one chapter only."""
    chosen = [one for one in artefacts(writeups) if key in (None, getattr(one.chapter, "key", OVERVIEW))]
    tables = [one.path for one in chosen if isinstance(one.entry, Table)]
    return tables, [one.path for one in chosen if isinstance(one.entry, Figure)]


def figure_data(writeups: Writeups, key: str | None = None) -> list[str]:
    """Files of the tables that the figures are drawn from, without repetition."""
    chosen = [one for one in artefacts(writeups) if key in (None, getattr(one.chapter, "key", OVERVIEW))]
    return list(dict.fromkeys(path for one in chosen for path in one.data))


def catalogue(writeups: Writeups) -> dict[str, dict[str, str]]:
    """For ``snakemake --report``: category, subcategory, title and caption (one line of reStructuredText) of each file."""
    return {
        one.path: {
            "category": f"{one.chapter.id} · {one.chapter.title}" if one.row else one.chapter.title,
            "subcategory": f"{one.row.id} · {one.row.title}" if one.row else "",
            "title": one.entry.title,
            "caption": re.sub(r"`([^`]+)`", r"``\1``", " ".join(one.entry.caption.split())),
        }
        for one in artefacts(writeups)
    }
