"""Score the classifiers of row A6 on their test splits: accuracy, macro-F1, F1 of each class, and pairs of classifiers."""

from pathlib import Path

from relab.errors import run
from relab.files import read_csv
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--predictions", nargs="+", required=True, type=Path, metavar="FILE", help="{probe}/predictions.parquet of every probe"
    )
    cli.add_argument("--chosen", nargs="+", required=True, type=Path, metavar="FILE", help="{probe}/chosen.csv of every probe")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.classification.names import Spec
    from relab.inputs import by_name

    spec = settings_of(args, Spec)
    predictions = by_name(args.predictions, spec.order, "predictions")
    chosen = by_name(args.chosen, spec.order, "chosen")

    from relab.chapters.char_gpt.classification.scores import classification_scores  # takes seconds to load
    from relab.probes.predictions import read_predictions
    from relab.scores import with_summary, write_scores

    with record(args, inputs=[*args.predictions, *args.chosen], outputs=[args.output]):
        rows = [
            row
            for name in spec.order
            for row in classification_scores(spec.probes[name], read_predictions(predictions[name]), read_csv(chosen[name]))
        ]
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
