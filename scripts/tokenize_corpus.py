"""Turn the splits of a corpus into token ids, once for all models that read it with the same tokenizer.

The files are Arrow streams that training maps into memory; `datasets.Dataset.from_file` opens them, too. A document is encoded
alone, with the special tokens that the tokenizer's template adds; the corpus's separator follows it, unless the template ends
documents with a token. The number of processes changes no byte.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from relab.errors import UserError, run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.base import Settings


class Tokenization(Settings):
    """Settings of the job."""

    separator: str = Field(description="What stands between two documents of the corpus.")


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--corpus", required=True, nargs="+", type=Path, metavar="FILE", help="splits of a corpus, Parquet")
    options.add_argument("--tokenizer", required=True, type=Path, metavar="FOLDER", help="tokenizer directory")
    options.add_argument("--output", required=True, nargs="+", type=Path, metavar="FILE", help="as many files to write, Arrow")
    options.add_argument("--processes", type=int, default=1, metavar="N", help="processes that encode (default: %(default)s)")
    args = options.parse_args()
    if len(args.output) != len(args.corpus):
        raise UserError(f"--output: expected {len(args.corpus)} files, one for each of --corpus, found {len(args.output)}")
    settings = job_settings(args, Tokenization)

    from relab.tokens.tokenize import tokenize

    with record_provenance(args, outputs=args.output):
        counts_of_files = [
            (output, tokenize(corpus, args.tokenizer, settings.separator, output, args.processes, Progress()))
            for corpus, output in zip(args.corpus, args.output, strict=True)
        ]
    for output, counts in counts_of_files:
        unknown = "" if counts.unknown is None else f", {counts.unknown:,} of them unknown"
        print(f"{output.name}: {counts.documents:,} documents, {counts.bytes:,} bytes, {counts.tokens:,} tokens{unknown}")


class Progress:
    """Shows a progress bar on a terminal, and writes a line for each pass to a log."""

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
