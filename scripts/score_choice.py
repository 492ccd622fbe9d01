"""Score answers chosen by ranking (row A8): accuracy of each system beside chance, of trained scorers beside the floors."""

from pathlib import Path

from relab.chapters.char_gpt.choice.names import Spec, read_predictions
from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--predictions", nargs="+", required=True, type=Path, metavar="FILE", help="{probe}/predictions.parquet of every probe"
    )
    cli.add_argument("--chosen", nargs="+", required=True, type=Path, metavar="FILE", help="{probe}/chosen.csv of every probe")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()
    spec = settings_of(args, Spec)

    from relab.chapters.char_gpt.choice.scores import choice_scores
    from relab.files import read_csv
    from relab.inputs import by_name
    from relab.scores import with_summary, write_scores

    with record(args, inputs=[*args.predictions, *args.chosen], outputs=[args.output]):
        chosen = by_name(args.chosen, spec.probes, "chosen")
        rows = [
            row
            for name, predictions in read_predictions(args.predictions, spec).items()
            for row in choice_scores(spec.probes[name], predictions, read_csv(chosen[name]))
        ]
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
