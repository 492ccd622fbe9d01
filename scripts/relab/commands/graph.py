"""Draw how the stages rest on each other, as a Mermaid diagram: of thousands of jobs one node for each folder of results.

It is drawn from Snakemake's graph of the rules behind the report. Where one stage rests on another by way of a third, only
the way is drawn.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from relab.commands import workflow

Edges = dict[tuple[str, str], None]  # in order, without repetition


def main(words: Sequence[str]) -> None:
    args = workflow.run_parser("graph", __doc__).parse_args(words)
    stages = stages_of_rules(workflow.output(args, "--summary"))
    rules = edges_of_rules(workflow.output(args, "--rulegraph", "mermaid-js", "--forceall"))
    edges = dict.fromkeys((stages[a], stages[b]) for a, b in rules if b in stages and stages[a] != stages[b])
    print(diagram(reduced(edges)))


def stages_of_rules(summary: str) -> dict[str, str]:
    """The stage of each rule, from Snakemake's summary: the folder of results with the record of its jobs."""
    rows = csv.DictReader(summary.splitlines(), delimiter="\t")
    records = {row["rule"]: Path(row["output_file"]) for row in rows if row["output_file"].endswith(workflow.RECORD)}
    return {rule: "report" if len(path.parts) == 2 else path.parts[1] for rule, path in records.items()}


def edges_of_rules(graph: str) -> list[tuple[str, str]]:
    """Pairs of rules of which the second reads what the first makes, from Snakemake's diagram."""
    rules = dict(re.findall(r"^\s*(id\d+)\[(\w+)\]$", graph, re.M))
    return sorted((rules[a], rules[b]) for a, b in re.findall(r"^\s*(id\d+) -+> (id\d+)$", graph, re.M))


def reduced(edges: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges without those between two stages that others connect, too."""
    kept = list(edges)
    for edge in edges:
        rest = [other for other in kept if other != edge]
        if edge[1] in _reachable(edge[0], rest):
            kept = rest
    return sorted(kept)


def _reachable(start: str, edges: Collection[tuple[str, str]]) -> set[str]:
    reached, waiting = set(), [start]
    while waiting:
        stage = waiting.pop()
        ahead = {b for a, b in edges if a == stage} - reached
        reached |= ahead
        waiting += ahead
    return reached


def diagram(edges: Collection[tuple[str, str]]) -> str:
    """A Mermaid diagram of pairs of names."""
    return "\n".join(["flowchart LR", *(f"    {a} --> {b}" for a, b in edges)])
