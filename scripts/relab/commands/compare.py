"""Compare two runs: one HTML page of what differs between them, and a CSV of all their scores joined.

The page shows the settings that differ, the scores that changed and whether beyond chance, the artefacts that were
recomputed and why, and the tables and figures that differ side by side. Of two runs that made different rows or targets it
compares what both have.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from relab.errors import UserError
from relab.files import replacing, write_csv


def main(words: Sequence[str]) -> None:
    args = parser().parse_args(words)
    if args.output and args.output.suffix != ".html":
        raise UserError(f"--output: expected a file name that ends in .html, found {args.output}")

    from relab.comparison.compare import compare
    from relab.comparison.page import build_page

    comparison = compare(args.a, args.b)
    page = args.output or Path("comparisons", comparison.name + ".html")
    scores = page.with_suffix(".csv")
    with replacing(page) as temporary_page, replacing(scores) as temporary_scores:
        temporary_page.write_text(build_page(comparison, scores.name), encoding="utf-8", newline="\n")
        write_csv(temporary_scores, comparison.scores)
    print(*comparison.summary, f"page:   {page}", f"scores: {scores}", sep="\n")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="relab compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("a", type=Path, metavar="A", help="folder of a run; the checkout's own is .")
    parser.add_argument("b", type=Path, metavar="B", help="folder of another one")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the page (default: comparisons/A--B.html); the CSV is written beside it"
    )
    return parser
