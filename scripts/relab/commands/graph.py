"""Draw how the stages rest on each other, as a Mermaid diagram: of thousands of jobs one node for each folder of results.

It is drawn from the jobs behind the report. Where one stage rests on another by way of a third, only the way is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from relab.commands import workflow
from relab.commands.plan import waiting_jobs


def main(words: Sequence[str]) -> None:
    args = workflow.run_parser("graph", __doc__).parse_args(words)
    jobs = waiting_jobs(args, ["results/report.html"], "--forceall")
    edges = {(stage(record), stage(job.record)) for job in jobs for record in job.needs}
    print(diagram(reduced(sorted((a, b) for a, b in edges if a != b))))


def stage(record: str) -> str:
    """The stage of a job: the folder of results with its record."""
    parts = Path(record).parts
    return "report" if len(parts) == 2 else parts[1]


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
