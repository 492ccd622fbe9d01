"""Turn the splits of a corpus into token ids, once for all models that read it with the same tokenizer.

The files are Arrow streams that training maps into memory; `datasets.Dataset.from_file` opens them, too. A document is encoded
alone, with the special tokens that the tokenizer's template adds; behind it stands the corpus's separator, unless the template
ends documents by a token of its own. The number of processes changes no byte.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from relab.errors import UserError, run
from relab.jobs import parser, record, settings_of
from relab.settings.base import Settings


class Tokenization(Settings):
    """Settings of the job."""

    separator: str = Field(description="What stands between two documents of the corpus.")


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--corpus", required=True, nargs="+", type=Path, metavar="FILE", help="splits of a corpus, Parquet")
    cli.add_argument("--tokenizer", required=True, type=Path, metavar="FOLDER", help="tokenizer directory")
    cli.add_argument("--output", required=True, nargs="+", type=Path, metavar="FILE", help="as many files to write, Arrow")
    cli.add_argument("--processes", type=int, default=1, metavar="N", help="processes that encode (default: %(default)s)")
    args = cli.parse_args()
    if len(args.output) != len(args.corpus):
        raise UserError(f"--output: expected {len(args.corpus)} files, one for each of --corpus, found {len(args.output)}")
    settings = settings_of(args, Tokenization)

    from relab.tokens.make import tokenize

    with record(args, outputs=args.output):
        made = [
            (output, tokenize(corpus, args.tokenizer, settings.separator, output, args.processes, Progress()))
            for corpus, output in zip(args.corpus, args.output, strict=True)
        ]
    for output, counts in made:
        unknown = "" if counts.unknown is None else f", {counts.unknown:,} of them unknown"
        print(f"{output.name}: {counts.documents:,} documents, {counts.bytes:,} bytes, {counts.tokens:,} tokens{unknown}")


class Progress:
    """A bar on a terminal and, in a log, a line a pass."""

    def __init__(self) -> None:
        self._bar: Any = None  # made where it is used, perhaps in another process

    def __call__(self, done: int, total: int, stage: str) -> None:
        from tqdm import tqdm

        self._bar = self._bar or tqdm(total=total, desc=stage, unit=" documents", disable=None)
        self._bar.update(done - self._bar.n)
        if done == total:
            self._bar.close()
            self._bar = None
            print(f"{stage}: {total:,} documents", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
