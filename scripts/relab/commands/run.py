"""Runs, the folders that hold results: start one as a copy of another.

`relab run copy A B` gives B all results of A as hard links, in seconds and without taking their space again. Snakemake then
computes in B only what differs, and puts new files in the place of those that it makes anew: A keeps its own. Only what
changes a file in place reaches both runs: an edit by hand, or --touch.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from relab.run_copy import copy_run


def main(words: Sequence[str]) -> None:
    args = parser().parse_args(words)
    copy_run(args.a, args.b)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="relab run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    copy = actions.add_parser("copy", help="start a run as a copy of another one", allow_abbrev=False)
    copy.add_argument("a", type=Path, metavar="A", help="folder of a run; the checkout's own is .")
    copy.add_argument("b", type=Path, metavar="B", help="folder of the new one")
    return parser
