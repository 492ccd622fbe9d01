"""Write the table of trained parameters by module (row B5)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--weights", nargs="+", required=True, type=Path, metavar="FILE", help="weights of all models and their base"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.finetuning.names import AdaptersSpec
    from relab.chapters.finetuning.parameters import parameters_scores, parameters_table, totals
    from relab.files import write_csv
    from relab.inputs import by_name
    from relab.scores import with_summary, write_scores

    spec = settings_of(args, AdaptersSpec)
    with record(args, inputs=args.weights, outputs=[args.output, args.scores]):
        weights = by_name(args.weights, [spec.base, *spec.models], "weights")
        adapters = {name for name, path in weights.items() if path.name.startswith("adapter")}
        found = totals(spec, weights, adapters)
        write_csv(args.output, parameters_table(found))
        write_scores(args.scores, with_summary(parameters_scores(found)))


if __name__ == "__main__":
    run(main)
