"""Turn the published form of a text into a corpus: clean documents in Parquet, split into training and validation text.

The files are read as the settings' `reader` says (plays in Markdown, a Bible in SQLite, Project Gutenberg texts, plain
text, lyrics, tables), one document at a time, so that a file may be larger than memory; a grammar's sentences are drawn
and texts of the settings are taken from there: these need no file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from relab.corpora.build import build
from relab.errors import UserError, run
from relab.files import write_json
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.corpora import Corpus


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--input", default=[], nargs="*", type=Path, metavar="FILE", help="the files that hold the text")
    options.add_argument("--train", required=True, type=Path, metavar="FILE", help="training text to write, Parquet")
    options.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation text to write, Parquet")
    options.add_argument("--stats", required=True, type=Path, metavar="FILE", help="statistics to write, JSON")
    args = options.parse_args()
    corpus = job_settings(args, Corpus)
    if bool(args.input) != corpus.reads_files:
        expected = "no file" if args.input else "the files that hold the text"
        raise UserError(f"--input: expected {expected} with `reader.kind: {corpus.reader.kind}`, found {len(args.input)}")
    with record_provenance(args, outputs=[args.train, args.validation, args.stats]):
        stats = build(args.input, corpus, args.train, args.validation, progress)
        write_json(args.stats, stats)
    print_statistics(stats)


def progress(texts: Iterable[Any], stage: str) -> Iterator[Any]:
    """Show a progress bar on a terminal, and write a line for each pass to a log."""
    from tqdm import tqdm

    number = 0
    for number, text in enumerate(tqdm(texts, desc=stage, unit=" documents", disable=None), 1):  # noqa: B007 - used below
        yield text
    print(f"{stage}: {number:,} documents", file=sys.stderr)


def print_statistics(stats: dict) -> None:
    """Print what was read, left out and kept."""
    documents, total = stats["documents"], stats["total"]
    print(
        f"{documents['kept']:,} documents of {documents['read']:,} ({documents['empty']:,} empty, {documents['duplicates']:,} "
        f"duplicates), {total['characters']:,} characters, {total['distinct_characters']} distinct; training "
        f"{stats['train']['characters']:,}, validation {stats['validation']['characters']:,}"
    )
    for string, count in stats["replaced"].items():
        if not count:
            print(f"clean.replace: {string!r} does not occur")
    for event, count in sorted(stats["reading"].items()):
        print(f"{event}: {count:,}")


if __name__ == "__main__":
    run(main)
