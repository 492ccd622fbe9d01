"""Compute everything that is out of date, on all cores, and build the report of a run: results/report.html.

Arguments after -- are Snakemake's: `relab report -- --dry-run` says what would run, and why.
"""

from __future__ import annotations

from collections.abc import Sequence

from relab.commands.workflow import make


def main(words: Sequence[str]) -> None:
    make("results/report.html", "report", __doc__, words)
