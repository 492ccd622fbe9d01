"""Score sampled texts: how much they repeat themselves, how likely they are, how methods differ on the same prompts."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--samples", nargs="+", required=True, type=Path, metavar="FILE", help="{sampling}.jsonl of every sampling"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.scores import with_summary, write_scores
    from relab.texts.samples import TextsSpec, read_samplings

    samplings = read_samplings(args.samples, settings_of(args, TextsSpec).samplings)

    from relab.texts.scores import text_scores  # takes seconds to load

    with record(args, inputs=args.samples, outputs=[args.output]):
        write_scores(args.output, with_summary(text_scores(samplings)))


if __name__ == "__main__":
    run(main)
