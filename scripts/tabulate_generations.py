"""Count the parameters of the GPT generations from their configurations (row B7)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="the counts as scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.generative.generations import GenerationsSpec, count, generations_scores, generations_table
    from relab.files import write_csv
    from relab.scores import with_summary, write_scores

    settings = settings_of(args, GenerationsSpec)
    with record(args, inputs=[], outputs=[args.output, args.scores]):
        counts = count(settings.generations)
        write_csv(args.output, generations_table(counts))
        write_scores(args.scores, with_summary(generations_scores(counts)))


if __name__ == "__main__":
    run(main)
