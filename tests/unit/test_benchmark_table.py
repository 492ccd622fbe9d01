"""The table of benchmarks: the latest of a figure, beside its goal."""

from __future__ import annotations

import ast
import importlib.util
import re

import pytest
import yaml
from support.runs import CHECKOUT


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("table", CHECKOUT / "benchmarks/table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(value: float, ratio: float | None = None, *, figure: str = "speed", peer: str | None = None, date: str = "2026-01-01"):
    where = {"device": "cpu", "machine": "M", "date": date}
    return {"benchmark": "b", "figure": figure, "value": value, "unit": "s", "peer": peer, "ratio_to": ratio, **where}


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines() if row.startswith("| b ")]


def test_the_last_line_of_a_figure_counts_whatever_the_peers_version(table):
    lines = [line(1, 0.9, peer="loop on torch 2.1"), line(2, 1.1, peer="loop on torch 2.2", date="2026-02-01")]
    assert [row[1:5] + row[-1:] for row in rows(table.markdown(lines, []))] == [
        ["speed", "2 s", "loop on torch 2.2", "1.1", "2026-02-01"]
    ]


@pytest.mark.parametrize(("bound", "met"), [({"at_least": 1.2}, "no"), ({"at_least": 1.1}, "yes"), ({"at_most": 1.0}, "no")])
def test_a_goal_of_a_peer_is_one_of_the_ratio(table, bound, met):
    goal = {"benchmark": "b", "figure": "speed", "peer": "loop", **bound}
    (row,) = rows(table.markdown([line(5000, 1.1, peer="loop on torch 2.2")], [goal]))
    assert row[6] == met


def test_a_goal_without_a_peer_is_one_of_the_value(table):
    goal = {"benchmark": "b", "figure": "speed", "at_most": 15}
    (row,) = rows(table.markdown([line(14)], [goal]))
    assert row[5:7] == ["≤ 15", "yes"]


def test_a_goal_that_nothing_was_measured_for_stands_there(table):
    shown = rows(table.markdown([line(14)], [{"benchmark": "b", "figure": "memory", "at_most": 15}]))
    assert [row[2] for row in shown] == ["not measured", "14 s"]


def figure_patterns(program: str) -> list[str]:
    """A pattern for each text in a program that has letters of its own; what is formatted into it may be anything."""
    patterns = []
    for node in ast.walk(ast.parse((CHECKOUT / f"benchmarks/{program}.py").read_text(encoding="utf-8"))):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        fixed = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
        if any(re.search("[a-z]", part) for part in fixed if part):
            patterns.append("".join(".+" if part is None else re.escape(part) for part in fixed))
    return patterns


def test_each_goal_names_a_figure_that_its_program_prints():
    goals = yaml.safe_load((CHECKOUT / "benchmarks/goals.yaml").read_text(encoding="utf-8"))
    nameless = [goal for goal in goals if not any(re.fullmatch(p, goal["figure"]) for p in figure_patterns(goal["benchmark"]))]
    assert nameless == []
