"""Declared rows in their chapters: under which names, and what their write-up reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from relab.errors import UserError
from relab.rows.contract import DeclaredRow, RowPaths
from relab.rows.registry import row_kind
from relab.settings.base import Settings, check, missing_key
from relab.settings.references import unknown
from relab.settings.writeups import ReportedFigures, Row, Writeups

#: The report itself has jobs of these names: ``score_claims``, ``tabulate_overview``.
RESERVED_NAMES = ("claims", "overview")


class UserChapter(Settings):
    """A chapter of a user's own, after those of the write-ups."""

    title: str = Field(description="Title.", min_length=1)
    intro: str = Field("", description="What it is about (Markdown).")


def declared_rows(
    declarations: Mapping[str, Any], writeups: Writeups, chapters: Mapping[str, UserChapter]
) -> dict[str, DeclaredRow]:
    """The declared rows by key, each with its paths.

    Raises:
        UserError: a declaration that does not fit its kind; an unknown kind or chapter; two rows of one name or file.
    """
    rows = {key: _declared(key, declaration, writeups, chapters) for key, declaration in declarations.items()}
    _check_distinct(rows)
    return {key: replace(row, paths=replace(row.paths, reported=_reported(row, writeups))) for key, row in rows.items()}


def _declared(key: str, declaration: Any, writeups: Writeups, chapters: Mapping[str, UserChapter]) -> DeclaredRow:
    if not isinstance(declaration, dict):
        raise UserError(f"rows.{key}: expected a group of keys, found {declaration!r}")
    if "kind" not in declaration:
        raise UserError(missing_key(f"rows.{key}", "kind", declaration))
    settings = check(row_kind(declaration["kind"], f"rows.{key}"), declaration, f"rows.{key}")
    paths = RowPaths(
        f"rows.{key}", _chapter(key, settings.chapter, writeups, chapters), settings.name or key, settings.files, {}
    )
    return DeclaredRow(paths, settings)


def _chapter(key: str, declared: str | None, writeups: Writeups, chapters: Mapping[str, UserChapter]) -> str:
    letters = {chapter.id: chapter.key for chapter in writeups.chapters}
    known = [*letters.values(), *chapters]
    if declared is None:
        match = re.match(r"([A-Z])\d", key)
        if match is None or match[1] not in letters:
            raise UserError(
                f"rows.{key}.chapter: this key is required; expected one of {', '.join(known)}, or declare your own"
            )
        return letters[match[1]]
    if declared not in known:
        raise unknown(declared, known, "chapters", f"rows.{key}.chapter")
    return declared


def _check_distinct(rows: Mapping[str, DeclaredRow]) -> None:
    names: dict[str, str] = {}
    files: dict[str, str] = {}
    for key, row in rows.items():
        if row.paths.name in RESERVED_NAMES:
            raise UserError(f"rows.{key}.name: the report itself has jobs of the name {row.paths.name!r}; expected another one")
        if (owner := names.setdefault(row.paths.name, key)) != key:
            raise UserError(f"rows.{key}.name: rows.{owner} has the name {row.paths.name!r} already; expected one of its own")
        for path in row.files:
            if (owner := files.setdefault(path, key)) != key:
                raise UserError(
                    f"rows.{key}.files: rows.{owner} makes {path} already; expected other names, such as with {{name}}"
                )


def shown_in(row: DeclaredRow, section: Row) -> bool:
    """Whether a section shows a table or figure of a row of its chapter."""
    return any(
        shown.name == stem(path)
        for entries, paths in ((section.tables, row.tables), (section.figures, row.figures))
        for shown in entries
        for path in paths.values()
    )


def stem(path: str) -> str:
    """The name of a file without its folder and ending."""
    return path.rpartition("/")[2].rpartition(".")[0]


def _reported(row: DeclaredRow, writeups: Writeups) -> ReportedFigures:
    sections = [section for chapter in writeups.chapters if chapter.key == row.paths.chapter for section in chapter.rows]
    return {name: values for section in sections if shown_in(row, section) for name, values in section.reported_figures.items()}
