"""Say what a file, or a folder of files that go together, is, as a corpus or a data set takes it, and print an overlay that
reads it.

The overlay goes to stdout, what is said of the file to stderr: `relab check mine.csv > mine.yaml` keeps the overlay.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(words: Sequence[str]) -> None:
    args = parser().parse_args(words)

    import yaml

    from relab.folder_inspection import inspect_folder
    from relab.inspection import inspect

    facts = inspect_folder(args.file) if args.file.is_dir() else inspect(args.file)
    print(*facts.lines, sep="\n", file=sys.stderr)
    print(yaml.safe_dump(facts.overlay(), sort_keys=False, allow_unicode=True, width=120), end="")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="relab check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a table, a text, an archive, or a folder")
    return parser
