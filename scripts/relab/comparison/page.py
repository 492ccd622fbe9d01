"""The page that shows two runs side by side: one file, in the report's look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from relab.comparison import artefacts, scores
from relab.comparison.compare import Comparison
from relab.report import figures, tables, text
from relab.report.environment import environment
from relab.settings.writeups import Column
from relab.statistics import plural

TEMPLATES = Path(__file__).resolve().parent / "templates"

#: From this length on, or with a line break in it, a field of a table is a text of its own.
LONG = 60

#: Tables of more rows than this are folded.
FOLDED = 40


@dataclass(frozen=True)
class Side:
    """A file of one run: what the report's templates ask of a table, and a drawing where it is a figure."""

    id: str
    path: Path
    title: str
    other: Path | None
    """The same file of the other run: both show their columns in one way."""

    @property
    def entry(self) -> Side:
        return self

    @cached_property
    def data(self) -> tables.Data:
        return tables.read(str(self.path))

    @cached_property
    def columns(self) -> list[tables.Shown]:
        both = [self.data, *([tables.read(str(self.other))] if self.other else [])]
        texts = {name for data in both for name in data.names if any(map(_long, data.values(name)))}
        return tables.shown(self.data, {name: Column(text=name in texts) for name in self.data.names})

    @property
    def drawing(self) -> Markup:
        return figures.embed(str(self.path), self.id, self.title, "The figure of one run; its tables hold the numbers.")


@dataclass(frozen=True)
class Pair:
    """A file that differs between the runs A and B, or that one of them lacks."""

    path: str
    sides: dict[str, Side | None]

    @property
    def rows(self) -> int:
        """Rows of the longer of two tables."""
        return max(len(side.data.records) for side in self.sides.values() if side)


def build(comparison: Comparison, scores_file: str) -> str:
    """The page as HTML: the same text for the same two runs. ``scores_file`` is the CSV's name beside the page."""
    identical, pairs = {}, {}
    for stage, suffix in (("tables", ".csv"), ("figures", ".svg")):
        identical[stage], pairs[stage] = _pairs(comparison, stage, suffix)
    pages = environment(TEMPLATES)
    pages.filters |= {"value": value, "signed": signed, "percent": percent, "plural": plural}
    template = pages.get_template("comparison.html.j2")
    return template.render(
        comparison=comparison,
        runs={"A": comparison.a, "B": comparison.b},
        scores_file=scores_file,
        groups=_groups(comparison.judged),
        jobs=artefacts.by_job(comparison.artefacts),
        statuses=artefacts.STATUSES,
        counts=artefacts.counts,
        kept=artefacts.KEPT,
        folded=FOLDED,
        pairs=pairs,
        identical=identical,
    )


def _groups(judged: pd.DataFrame) -> dict[str, list[dict]]:
    """The judged scores as records: those that changed under ``changed``, the others by verdict."""
    groups: dict[str, list[dict]] = {"changed": []}
    for record in judged.to_dict("records"):
        verdict = record["verdict"]
        groups.setdefault("changed" if verdict in scores.CHANGED else verdict, []).append(record)
    return groups


def _pairs(comparison: Comparison, stage: str, suffix: str) -> tuple[int, list[Pair]]:
    """How many files of one stage have the same bytes in both runs, and the others, by path."""
    old, new = comparison.a.files(stage, suffix), comparison.b.files(stage, suffix)
    shared = [path for path in old if path in new]
    identical = {path for path in shared if old[path].read_bytes() == new[path].read_bytes()}
    pairs = []
    for number, path in enumerate(sorted((old.keys() | new.keys()) - identical), 1):
        sides = {
            letter: Side(f"{letter}-{stage}-{number}", files[path], f"{letter}: {path}", others.get(path))
            if path in files
            else None
            for letter, files, others in (("A", old, new), ("B", new, old))
        }
        pairs.append(Pair(path, sides))
    return len(identical), pairs


def _long(field: str) -> bool:
    return len(field) > LONG or "\n" in field


def value(number: float) -> str:
    """A number as the page shows it; a dash where there is none."""
    return "–" if pd.isna(number) else text.number(str(number))


def signed(number: float) -> str:
    """A difference with its sign."""
    return "–" if pd.isna(number) else ("+" if number > 0 else "") + value(number)


def percent(number: float) -> str:
    """A share as a signed percentage."""
    return "–" if pd.isna(number) else signed(number * 100) + " %"
