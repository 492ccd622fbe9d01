"""Make one part of a data set from the files of its asset: a split of a classification, choice, pairs or preferences set, or
the documents, the queries or the judgments of a retrieval set.

Rows are read from tables (CSV, TSV, JSON lines, Parquet, Arrow, SQLite), pairs also from aligned lines, dictionaries and
docstrings; preferences may be drawn from labelled texts; for the next speech of a play they are made from plays.
"""

from __future__ import annotations

from pathlib import Path

from relab.errors import UserError, run
from relab.files import write_json
from relab.jobs import job_parser, job_spec, record_provenance
from relab.settings.base import check
from relab.settings.datasets import AnyDataset


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--input", required=True, nargs="+", type=Path, metavar="FILE", help="files of the asset")
    options.add_argument("--output", required=True, type=Path, metavar="FILE", help="the part (Parquet)")
    options.add_argument("--stats", required=True, type=Path, metavar="FILE", help="what was counted (JSON)")
    args = options.parse_args()
    spec = job_spec(args)
    # documentation such as the title is not among a job's settings
    dataset = check(AnyDataset, {"title": "", **spec["dataset"]}, "--spec dataset")

    from relab.datasets.build import build, left_out_by_kind

    with record_provenance(args, outputs=[args.output, args.stats]):
        try:
            counts = build(args.input, dataset, spec["part"], args.output)
        except UserError as error:
            raise UserError(f"{args.output.parent.name}, {spec['part']}: {error}") from None
        write_json(args.stats, counts)
    print(
        f"{counts['rows']:,} rows of {counts['available']:,}; {counts['read']:,} read, {counts['bad']:,} bad, "
        f"{counts['duplicates']:,} equal to one of a later split, {counts['near_duplicates']:,} near one; "
        f"{counts['grouped']:,} with a duplicate in the same split{left_out_by_kind(counts)}"
    )


if __name__ == "__main__":
    run(main)
