"""Write the learning rates of the sheet's scheduler beside the linear decay that was meant (row C3)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.finetuning.names import RatesSpec
    from relab.chapters.finetuning.rates import rates_scores, rates_table
    from relab.files import write_csv
    from relab.scores import with_summary, write_scores

    spec = settings_of(args, RatesSpec)
    with record(args, inputs=[], outputs=[args.output, args.scores]):
        rates = rates_table(spec)
        write_csv(args.output, rates)
        write_scores(args.scores, with_summary(rates_scores(spec, rates)))


if __name__ == "__main__":
    run(main)
