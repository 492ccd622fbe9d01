"""The page: the contents of the report, filled with the files of one run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from relab.errors import UserError
from relab.report import configuration, figures, ledger, tables
from relab.report.arrangement import (
    LONG,
    LONG_OF_GROUPS,
    LONG_OF_TEXTS,
    Arrangement,
    Grid,
    Opening,
    arrange,
    arrange_grid,
    opening,
)
from relab.report.changes import History, report_summary
from relab.report.environment import TEMPLATES, environment
from relab.report.provenance import Job, Provenance
from relab.rows import registry
from relab.rows.contents import Artefact, Contents
from relab.settings.report import LEDGER, PageSpec
from relab.settings.writeups import OVERVIEW, Figure

MEDIA_TYPES = {".csv": "text/csv;charset=utf-8", ".svg": "image/svg+xml"}

#: What stands in the address of a file as it is; nothing in it looks like an address or a reference of the page's own.
PLAIN = " !$*+,/;=?@[]^`{|}~"


@dataclass(frozen=True)
class Files:
    """The files that the report is built from, as they were named on the command line, and the folder of their run."""

    ledger: str
    tables: list[str]
    figures: list[str]
    data: list[str]
    provenance: list[str]
    run: str = ""


@dataclass(frozen=True)
class Download:
    """A file that the page carries inside itself, with its path in the run, and the file itself."""

    path: str
    file: str

    @property
    def name(self) -> str:
        return Path(self.path).name

    @property
    def kind(self) -> str:
        return Path(self.path).suffix[1:].upper()

    @property
    def uri(self) -> str:
        # longer than the file by what markup and URLs must not hold, where base64 is longer by a third
        return f"data:{MEDIA_TYPES[Path(self.path).suffix]},{quote(Path(self.file).read_bytes(), safe=PLAIN)}"


@dataclass(frozen=True)
class View:
    """A table or figure as the page shows it; ``files`` is the artefact with its files as they can be read."""

    id: str
    label: str
    artefact: Artefact
    files: Artefact
    job: Job
    behind: list[Job]

    @property
    def entry(self):
        return self.artefact.entry

    @property
    def is_figure(self) -> bool:
        return isinstance(self.entry, Figure)

    @property
    def downloads(self) -> list[Download]:
        names, files = ((artefact.path, *artefact.data) for artefact in (self.artefact, self.files))
        return [Download(name, file) for name, file in zip(names, files, strict=True)]

    @cached_property
    def data(self) -> tables.Data:
        return tables.read(self.files.path)

    @cached_property
    def columns(self) -> list[tables.ShownColumn]:
        return tables.shown_columns(self.data, self.entry.columns)

    @property
    def ranked(self) -> bool:
        """Whether it is a table that marks the best of its systems."""
        return not self.is_figure and any(column.better for column in self.columns)

    @cached_property
    def arrangement(self) -> Arrangement:
        return arrange(self.data, self.columns)

    @cached_property
    def grid(self) -> tuple[Grid, list[tables.ShownColumn]]:
        return arrange_grid(self.data, self.columns)

    @property
    def opening(self) -> Opening | None:
        """How many of its lines a table shows at first, where it does not show all.

        A template of a kind of row sets the records of one first field beside each other, or in one group.
        """
        template = self.entry.template
        if template == "grid":
            grid, _ = self.grid
            return opening(len(grid.lines), LONG_OF_GROUPS if grid.values[0].settings.text else LONG)
        if not (TEMPLATES / f"tables/{template}.html.j2").is_file():
            return opening(len(self.data.distinct(self.data.names[0])), LONG_OF_GROUPS)
        texts = template == "texts" or self.arrangement.texts
        return opening(len(self.data.records), LONG_OF_TEXTS if texts else LONG)

    @property
    def drawing(self) -> Markup:
        return figures.embed(self.files.path, self.id, self.entry.title, self.entry.alternative)


def build(contents: Contents, spec: PageSpec, files: Files, history: History | None = None) -> str:
    """The page as HTML: the same text for the same files, and the same earlier reports.

    ``history`` is what the earlier reports of the run said; what this one says is added to it.

    Raises:
        UserError: a file of the contents that is missing or does not hold what its entry says, with file and key.
    """
    provenance = Provenance(files.provenance, files.run)
    views: dict[str, list[View]] = {}
    for artefact in contents.artefacts:
        section = artefact.row.id if artefact.row else OVERVIEW
        _check_files(artefact.within(files.run), section, files)
        shown = views.setdefault(section, [])
        shown.append(_view(artefact, files.run, section, shown, provenance))
    rows = {row.id: row for chapter in contents.chapters for row in chapter.rows}
    scored = ledger.ledger(tables.read(files.ledger), list(rows))
    summary = report_summary(scored.claims, spec.config)
    changes = history.changes(summary) if history else None
    dependencies = configuration.Dependencies(spec.config, contents.rows)
    page = environment(registry.FOLDER, provenance=provenance, dependencies=dependencies).get_template("page.html.j2")
    html = page.render(
        contents=contents,
        spec=spec,
        configuration=configuration.parts(spec.config),
        views=views,
        ledger=scored,
        changes=changes,
        says={claim["claim"]: claim["says"] for claim in scored.claims},
        ledger_file=Download(LEDGER, files.ledger),
        ledger_job=provenance.of(LEDGER),
        marks=ledger.MARKS,
        rows=rows,
        provenance=provenance,
    )
    if history:
        history.add(summary)
    return html


def _view(artefact: Artefact, run: str, section: str, before: list[View], provenance: Provenance) -> View:
    kind = "Figure" if isinstance(artefact.entry, Figure) else "Table"
    number = 1 + sum(view.label.startswith(kind) for view in before)
    label = f"{kind} {section}.{number}" if artefact.row else f"{kind} {number}"
    job = provenance.of(artefact.path)
    name = f"{section}-{kind.lower()}-{artefact.name}"
    return View(name, label, artefact, artefact.within(run), job, provenance.behind(job))


def _check_files(artefact: Artefact, section: str, files: Files) -> None:
    """Every file of an artefact must be among those on the command line, and exist."""
    option, known = ("--figures", files.figures) if isinstance(artefact.entry, Figure) else ("--tables", files.tables)
    key = f"{section}, {artefact.name}"
    _require([artefact.path], known, option, key)
    _require(artefact.data, files.tables + files.data, "--data", f"{key}.data")


def _require(paths: Iterable[str], known: list[str], option: str, key: str) -> None:
    normalised = {os.path.normpath(path) for path in known}
    for path in paths:
        if os.path.normpath(path) not in normalised:
            raise UserError(f"{key}: the report needs {path}, which is not among the {option} files")
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file; the report shows it under {key}")
