"""The page that shows two runs side by side: one HTML file in the report's style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from relab.companion_columns import companions
from relab.comparison import artefacts, scores
from relab.comparison.compare import Comparison
from relab.report import figures, tables, text
from relab.report.arrangement import LONG, LONG_OF_TEXTS, Arrangement, Opening, opening
from relab.report.axis import Axis
from relab.report.environment import environment
from relab.settings.writeups import Column
from relab.statistics import EXACT, plural

TEMPLATES = Path(__file__).resolve().parent / "templates"

#: A table's field of more characters, or with a line break, is shown as a text.
LONG_TEXT = 60


@dataclass(frozen=True)
class Side:
    """A table or figure of one run, with the attributes that the report's templates use."""

    id: str
    path: Path
    title: str
    counterpart: Path | None
    """The same file of the other run: both show their columns alike."""

    @property
    def entry(self) -> Side:
        return self

    @cached_property
    def data(self) -> tables.Data:
        return tables.read(str(self.path))

    @cached_property
    def columns(self) -> list[tables.ShownColumn]:
        both = [self.data, *([tables.read(str(self.counterpart))] if self.counterpart else [])]
        texts = {name for data in both for name in data.names if any(map(_long, data.values(name)))}
        names = self.data.names
        estimates = {name for name in names if {f"{name}_low", f"{name}_high"} <= set(names)}
        ends = {f"{name}_{end}" for name in estimates for end in ("low", "high")} | companions(names)
        columns = {name: Column(text=name in texts, interval=name in estimates) for name in names if name not in ends}
        return tables.shown_columns(self.data, columns)

    @property
    def opening(self) -> Opening | None:
        return opening(len(self.data.records), LONG_OF_TEXTS if self.arrangement.texts else LONG)

    @cached_property
    def arrangement(self) -> Arrangement:
        return Arrangement(self.columns, [], self.data.records)

    @property
    def drawing(self) -> Markup:
        return figures.embed(str(self.path), self.id, self.title, "The figure of one run; its tables hold the numbers.")


@dataclass(frozen=True)
class Pair:
    """A file that differs between the runs A and B, or that only one of them has."""

    path: str
    sides: dict[str, Side | None]


def build_page(comparison: Comparison, scores_file: str) -> str:
    """The comparison page as HTML. ``scores_file`` is the name of the CSV beside the page."""
    identical, pairs = {}, {}
    for stage, suffix in (("tables", ".csv"), ("figures", ".svg")):
        identical[stage], pairs[stage] = _pairs(comparison, stage, suffix)
    pages = environment(TEMPLATES)
    pages.filters |= {
        "value": format_number,
        "percent": format_percent,
        "plural": plural,
        "estimate": estimate_cell,
        "bar": bar,
    }
    template = pages.get_template("comparison.html.j2")
    return template.render(
        comparison=comparison,
        runs={"A": comparison.a, "B": comparison.b},
        scores_file=scores_file,
        groups=_groups(comparison.judged),
        verdicts={verdict: number for verdict, number in comparison.verdicts.items() if number},
        longest=LONG,
        opening=opening,
        jobs=artefacts.group_by_job(comparison.artefacts),
        statuses=artefacts.STATUSES,
        counts=artefacts.count_by_status,
        kept=artefacts.KEPT,
        pairs=pairs,
        identical=identical,
    )


def _groups(judged: pd.DataFrame) -> dict[str, list[dict]]:
    """The judged scores as records: changed ones under ``changed``, the rest by verdict."""
    groups: dict[str, list[dict]] = {"changed": []}
    for record in judged.to_dict("records"):
        verdict = record["verdict"]
        groups.setdefault("changed" if verdict in scores.CHANGED else verdict, []).append(record)
    return groups


def _pairs(comparison: Comparison, stage: str, suffix: str) -> tuple[int, list[Pair]]:
    """The number of a stage's files that are identical in both runs, and the pairs of those that are not, by path."""
    old, new = comparison.a.files(stage, suffix), comparison.b.files(stage, suffix)
    shared = [path for path in old if path in new]
    identical = {path for path in shared if old[path].read_bytes() == new[path].read_bytes()}
    pairs = []
    for number, path in enumerate(sorted((old.keys() | new.keys()) - identical), 1):
        sides = {
            letter: Side(f"{letter}-{stage}-{number}", files[path], f"{letter}: {path}", counterparts.get(path))
            if path in files
            else None
            for letter, files, counterparts in (("A", old, new), ("B", new, old))
        }
        pairs.append(Pair(path, sides))
    return len(identical), pairs


def _long(field: str) -> bool:
    return len(field) > LONG_TEXT or "\n" in field


def format_number(number: float, spec: str = "") -> str:
    """Format a number for the page; a dash for a missing one."""
    return "–" if pd.isna(number) else text.number(str(number), spec)


#: The columns that are drawn on one axis, with those of their ends; 0 lies on that of the difference.
AXES = {"old": ("old", "new"), "new": ("old", "new"), "difference": ("difference",)}


def estimate_cell(score: dict[str, Any], column: str) -> tables.Cell:
    """A score's value with its interval, and a difference with its sign."""
    value, low, high = (score[f"{column}{end}"] for end in ("", "_low", "_high"))
    known = math.isfinite(low) and score["unit"] != EXACT
    spec, shown = text.interval_format(low, high), format_signed if column == "difference" else format_number
    return tables.Cell(shown(value, spec), f"[{shown(low, spec)}, {shown(high, spec)}]" if known else "")


def bar(score: dict[str, Any], column: str) -> str:
    """Where a score's value and interval lie on the axis that both runs' share, as properties of a style."""
    drawn = {name: [score[f"{name}{end}"] for end in ("_low", "_high", "")] for name in AXES[column]}
    points = dict(zip(("low", "high", "value"), drawn[column], strict=True))
    zero = {"zero": 0.0} if column == "difference" else {}
    axis = Axis.over([*chain(*drawn.values()), *zero.values()], margin=0.05)
    return axis.style(**points, **zero) if axis and all(map(math.isfinite, points.values())) else ""


def format_signed(number: float, spec: str = "") -> str:
    """Format a difference with its sign."""
    return "–" if pd.isna(number) else ("+" if number > 0 else "") + format_number(number, spec)


def format_percent(number: float) -> str:
    """Format a share as a signed percentage."""
    return "–" if pd.isna(number) else format_signed(number * 100) + "\u00a0%"
