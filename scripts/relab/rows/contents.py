"""The contents of the report: chapters, their sections, and for each its tables and figures with the row that makes them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from relab.artefacts.registry import KINDS
from relab.errors import UserError
from relab.rows.contract import MAIN, DeclaredRow
from relab.rows.declared import UserChapter, shown_in, stem
from relab.rows.registry import display_settings
from relab.settings.base import check
from relab.settings.references import unknown
from relab.settings.writeups import (
    OVERVIEW,
    Chapter,
    Figure,
    Kind,
    Overview,
    Report,
    Row,
    Shown,
    Table,
    Writeups,
)

#: Ids of other parts of the page, and names of other targets of the menu.
RESERVED_IDS = (OVERVIEW, "content", "jobs", "ledger", "report", "features", "fetch", *KINDS)


#: What a section shows, in its order.
GROUPS = ("figures", "tables")


@dataclass(frozen=True)
class Artefact:
    """A table or figure with its file, chapter and row; the row is ``None`` in the overview."""

    path: str
    name: str
    entry: Table | Figure
    chapter: Chapter | Overview
    row: Row | None
    data: tuple[str, ...] = ()
    kind: str = ""  #: kind of the row that makes it, in whose folder its template may lie

    def within(self, folder: str) -> Artefact:
        """The same with its files below a folder: a module's prefix, or where a storage's files are copied to."""
        return replace(self, path=os.path.join(folder, self.path), data=tuple(os.path.join(folder, path) for path in self.data))


@dataclass(frozen=True)
class Contents:
    """What the report shows, in its order."""

    report: Report
    chapters: list[Chapter]
    rows: dict[str, DeclaredRow]  #: the rows that make it, by key

    @cached_property
    def artefacts(self) -> list[Artefact]:
        """Every table and figure."""
        made = {
            (row.paths.chapter, group, stem(path)): (row, name)
            for row in self.rows.values()
            for group in GROUPS
            for name, path in getattr(row, group).items()
        }
        overview = [
            Artefact(f"results/tables/{OVERVIEW}/{table.name}.csv", table.name, table, self.report.overview, None)
            for table in self.report.overview.tables
        ]
        return overview + [
            _artefact(entry, group, chapter, section, *made[chapter.key, group, entry.name])
            for chapter in self.chapters
            for section in chapter.rows
            for group in GROUPS
            for entry in getattr(section, group)
        ]

    def targets(self, chapter: str | None = None, section: str | None = None) -> tuple[list[str], list[str]]:
        """Files of the tables and of the figures; of one chapter or one section only, where it is named."""
        chosen = [
            artefact
            for artefact in self.artefacts
            if chapter in (None, getattr(artefact.chapter, "key", OVERVIEW))
            and (section is None or artefact.row and artefact.row.id == section)
        ]
        tables = [artefact.path for artefact in chosen if isinstance(artefact.entry, Table)]
        return tables, [artefact.path for artefact in chosen if isinstance(artefact.entry, Figure)]

    def with_overview(self, tables: Collection[str]) -> Contents:
        """The contents with some of the tables of what all rows rest on; others would be empty."""
        overview = self.report.overview
        kept = overview.model_copy(update={"tables": [table for table in overview.tables if table.name in tables]})
        return replace(self, report=self.report.model_copy(update={"overview": kept}))

    @property
    def figure_data(self) -> list[str]:
        """Files of the tables that the figures are drawn from, without repetition."""
        return list(dict.fromkeys(path for artefact in self.artefacts for path in artefact.data))

    @property
    def catalogue(self) -> dict[str, dict[str, str]]:
        """For ``snakemake --report``: category, subcategory, title and caption (one line of reStructuredText) of each file."""
        return {
            artefact.path: {
                "category": f"{chapter.id} · {chapter.title}" if row else chapter.title,
                "subcategory": f"{row.id} · {row.title}" if row else "",
                "title": artefact.entry.title,
                "caption": re.sub(r"`([^`]+)`", r"``\1``", " ".join(artefact.entry.caption.split())),
            }
            for artefact in self.artefacts
            for chapter, row in [(artefact.chapter, artefact.row)]
        }


def _artefact(entry: Shown, group: str, chapter: Chapter, section: Row, row: DeclaredRow, name: str) -> Artefact:
    """What a section shows: as the kind of the row that makes it says, but for what the section itself says."""
    of_kind = getattr(_kind(row.settings.kind), group).get(name)
    of_section = entry.model_dump(exclude={"name"}, exclude_none=True)
    model = Table if group == "tables" else Figure
    merged = check(model, {**(of_kind.model_dump() if of_kind else {}), **of_section}, f"{section.id}.{group}.{entry.name}")
    data = tuple(row.paths.table("" if table == MAIN else table) for table in getattr(merged, "data", ()))
    return Artefact(getattr(row, group)[name], entry.name, merged, chapter, section, data, row.settings.kind)


@cache
def _kind(name: str) -> Kind:
    return check(Kind, display_settings(name), f"relab/rows/{name}/show.yaml")


def contents(
    writeups: Writeups, chapters: Mapping[str, UserChapter], rows: Mapping[str, DeclaredRow], only: Sequence[str] | None = None
) -> Contents:
    """The contents of the report: the write-ups' chapters, then the user's; with ``only``, some of their sections alone.

    A row that no section names stands at the end of its chapter, with the title and the sentence of its declaration.

    Raises:
        UserError: a row without a title, two parts of one id, a name in ``only`` that is no section's.
    """
    whole = [_with_declared(chapter, rows) for chapter in writeups.chapters]
    whole += [_user_chapter(key, chapter) for key, chapter in chapters.items()]
    by_key = {chapter.key: chapter for chapter in whole}
    for key, row in rows.items():
        chapter = by_key[row.paths.chapter]
        if not any(shown_in(row, section) for section in chapter.rows):
            chapter.rows.append(_section(key, row))
    ids = _distinct_ids(whole)
    for name in only or ():
        if name not in ids:
            raise unknown(name, ids, "rows of the report", "report.rows")
    kept = [
        chapter.model_copy(update={"rows": [section for section in chapter.rows if only is None or section.id in only]})
        for chapter in whole
    ]
    kept = [chapter for chapter in kept if chapter.rows]
    shown_rows = {
        key: row
        for key, row in rows.items()
        if any(chapter.key == row.paths.chapter and shown_in(row, section) for chapter in kept for section in chapter.rows)
    }
    return Contents(writeups.report, kept, shown_rows)


def _distinct_ids(chapters: Sequence[Chapter]) -> list[str]:
    """The ids of the sections. They and the chapters are parts of one page, and targets of one menu."""
    owners = dict.fromkeys(RESERVED_IDS, "the report itself")
    for chapter in chapters:
        for name in {chapter.id, chapter.key}:
            _claim_id(owners, name, "a chapter", f"chapters.{chapter.key}")
    ids = [section.id for chapter in chapters for section in chapter.rows]
    for name in ids:
        _claim_id(owners, name, "a section of a write-up", f"rows.{name}")
    return ids


def _claim_id(owners: dict[str, str], name: str, owner: str, key: str) -> None:
    if name in owners:
        raise UserError(f"{key}: {owners[name]} has the name {name!r} already; expected another one")
    owners[name] = owner


def _with_declared(chapter: Chapter, rows: Mapping[str, DeclaredRow]) -> Chapter:
    """A chapter without what none of the declared rows makes: a run may leave rows out (``rows: {E5: null}``)."""
    own_rows = [row for row in rows.values() if row.paths.chapter == chapter.key]
    made = {group: {stem(path) for row in own_rows for path in getattr(row, group).values()} for group in GROUPS}
    sections = [
        section.model_copy(
            update={group: [shown for shown in getattr(section, group) if shown.name in names] for group, names in made.items()}
        )
        for section in chapter.rows
    ]
    return chapter.model_copy(update={"rows": [section for section in sections if section.figures or section.tables]})


def _user_chapter(key: str, chapter: UserChapter) -> Chapter:
    return Chapter.model_construct(id=key, key=key, title=chapter.title, source="", intro=chapter.intro, rows=[])


def _section(key: str, row: DeclaredRow) -> Row:
    settings, kind = row.settings, _kind(row.settings.kind)
    for field in ("title", "text"):
        if not getattr(settings, field):
            raise UserError(f"rows.{key}.{field}: this key is required, since no write-up's file says it")
    entries: dict[str, Any] = {
        group: [Shown(name=stem(path)) for name, path in getattr(row, group).items() if name in getattr(kind, group)]
        for group in GROUPS
    }
    return Row.model_construct(
        id=key, title=settings.title, reported="", reported_figures={}, added="", text=settings.text, notes=[], **entries
    )
