"""The latest of each measured figure beside its goal, as the Markdown table of benchmarks/RESULTS.md.

Figures are read from benchmarks/results/*.jsonl, goals from benchmarks/goals.yaml. A goal that nothing was measured for stands
in the table, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
HEAD = (
    "# What was measured\n\nThe latest of each figure, written by `make bench`. Ratios to a peer were measured in the same"
    " process tree, in turn; absolute figures are the machine's.\n"
)
COLUMNS = ("benchmark", "figure", "value", "peer", "ratio", "goal", "met", "device", "machine", "date")

Line = Mapping[str, Any]


def main() -> None:
    lines = [
        json.loads(line) for path in sorted((FOLDER / "results").glob("*.jsonl")) for line in path.read_text().splitlines()
    ]
    goals = yaml.safe_load((FOLDER / "goals.yaml").read_text(encoding="utf-8"))
    (FOLDER / "RESULTS.md").write_text(markdown(lines, goals), encoding="utf-8")


def markdown(lines: Iterable[Line], goals: Sequence[Line]) -> str:
    """The page: a row for the last of the lines of a figure, and one for a goal without any."""
    latest = {(line["benchmark"], line["figure"], peer_name(line), line["device"]): line for line in lines}
    rows = [cells(line, next((goal for goal in goals if belongs(goal, line)), None)) for line in latest.values()]
    unmeasured = [goal for goal in goals if not any(belongs(goal, line) for line in latest.values())]
    for goal in unmeasured:
        rows.append((goal["benchmark"], goal["figure"], "not measured", goal.get("peer", ""), "", bound(goal), *[""] * 4))
    table = [COLUMNS, ["---"] * len(COLUMNS), *sorted(rows)]
    return HEAD + "\n" + "\n".join(f"| {' | '.join(row)} |" for row in table) + "\n"


def peer_name(line: Line) -> str:
    """A peer without its version, which a later measurement may have another of."""
    return " ".join(word for word in (line["peer"] or "").split() if not word[0].isdigit())


def belongs(goal: Line, line: Line) -> bool:
    """Whether a goal is set for a figure."""
    same = (goal["benchmark"], goal["figure"]) == (line["benchmark"], line["figure"])
    return same and (line["peer"] or "").startswith(goal["peer"]) if "peer" in goal else same


def cells(line: Line, goal: Line | None) -> tuple[str, ...]:
    """A row of the table."""
    ratio, met = line["ratio_to"], ""
    if goal is not None:
        reached = ratio if "peer" in goal else line["value"]
        met = "yes" if goal.get("at_least", reached) <= reached <= goal.get("at_most", reached) else "no"
    shown = "" if ratio is None else f"{ratio:.4g}"
    value, about = f"{line['value']:,.10g} {line['unit']}", bound(goal) if goal else ""
    return (*(line["benchmark"], line["figure"], value, line["peer"] or "", shown, about, met), *_where(line))


def bound(goal: Line) -> str:
    """A goal in words."""
    return f"≥ {goal['at_least']:g}" if "at_least" in goal else f"≤ {goal['at_most']:g}"


def _where(line: Line) -> tuple[str, str, str]:
    return line["device"], line["machine"], line["date"]


if __name__ == "__main__":
    main()
