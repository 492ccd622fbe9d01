"""Where declared rows stand: in which chapter, under which names, and what their write-up reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from relab.errors import UserError
from relab.rows.contract import Place, PlacedRow
from relab.rows.registry import row_kind
from relab.settings.base import Settings, check
from relab.settings.references import unknown
from relab.settings.writeups import ReportedFigures, Row, Writeups

#: The report itself has jobs of these names: ``score_claims``, ``tabulate_overview``.
TAKEN = ("claims", "overview")


class UserChapter(Settings):
    """A chapter of a user's own, after those of the write-ups."""

    title: str = Field(description="Title.", min_length=1)
    intro: str = Field("", description="What it is about (Markdown).")


def place_rows(
    declarations: Mapping[str, Any], writeups: Writeups, chapters: Mapping[str, UserChapter]
) -> dict[str, PlacedRow]:
    """The declared rows by key, each in its place.

    Raises:
        UserError: a declaration that does not fit its kind; an unknown kind or chapter; two rows of one name or file.
    """
    rows = {key: _placed(key, declaration, writeups, chapters) for key, declaration in declarations.items()}
    _check_distinct(rows)
    return {key: replace(row, place=replace(row.place, reported=_reported(row, writeups))) for key, row in rows.items()}


def _placed(key: str, declaration: Any, writeups: Writeups, chapters: Mapping[str, UserChapter]) -> PlacedRow:
    if not isinstance(declaration, dict):
        raise UserError(f"rows.{key}: expected a group of keys, found {declaration!r}")
    if "kind" not in declaration:
        raise UserError(f"rows.{key}.kind: this key is required")
    settings = check(row_kind(declaration["kind"], f"rows.{key}"), declaration, f"rows.{key}")
    place = Place(f"rows.{key}", _chapter(key, settings.chapter, writeups, chapters), settings.name or key, settings.files, {})
    return PlacedRow(place, settings)


def _chapter(key: str, named: str | None, writeups: Writeups, chapters: Mapping[str, UserChapter]) -> str:
    letters = {chapter.id: chapter.key for chapter in writeups.chapters}
    known = [*letters.values(), *chapters]
    if named is None:
        match = re.match(r"([A-Z])\d", key)
        if match is None or match[1] not in letters:
            raise UserError(
                f"rows.{key}.chapter: this key is required; expected one of {', '.join(known)}, or declare your own"
            )
        return letters[match[1]]
    if named not in known:
        raise unknown(named, known, "chapters", f"rows.{key}.chapter")
    return named


def _check_distinct(rows: Mapping[str, PlacedRow]) -> None:
    names: dict[str, str] = {}
    files: dict[str, str] = {}
    for key, row in rows.items():
        if row.place.name in TAKEN:
            raise UserError(f"rows.{key}.name: the report itself has jobs of the name {row.place.name!r}; expected another one")
        if (other := names.setdefault(row.place.name, key)) != key:
            raise UserError(f"rows.{key}.name: rows.{other} has the name {row.place.name!r} already; expected one of its own")
        for path in (path for step in row.settings.steps for path in row.outputs(step).values()):
            if (other := files.setdefault(path, key)) != key:
                raise UserError(
                    f"rows.{key}.files: rows.{other} makes {path} already; expected other names, such as with {{name}}"
                )


def sections(row: PlacedRow, writeups: Writeups) -> Iterable[Row]:
    """The sections of the write-ups that show a table or figure of a row."""
    for chapter in writeups.chapters:
        if chapter.key == row.place.chapter:
            for section in chapter.rows:
                if shown_in(row, section):
                    yield section


def shown_in(row: PlacedRow, section: Row) -> bool:
    """Whether a section shows a table or figure of a row of its chapter."""
    tables, figures = ({stem(path) for path in paths.values()} for paths in (row.tables, row.figures))
    return any(shown.name in tables for shown in section.tables) or any(shown.name in figures for shown in section.figures)


def stem(path: str) -> str:
    """The name of a file without its folder and ending."""
    return path.rpartition("/")[2].rpartition(".")[0]


def _reported(row: PlacedRow, writeups: Writeups) -> ReportedFigures:
    return {name: values for section in sections(row, writeups) for name, values in section.reported_figures.items()}
