"""Write the tables of chosen answers (row A8): systems, training by epoch, the first questions answered rightly and wrongly."""

from pathlib import Path

from relab.chapters.char_gpt.choice.names import TableSpec, read_predictions
from relab.errors import run
from relab.jobs import parser, record, settings_of

#: The job's options that are lists of files, and what is in the files.
LISTS = {
    "predictions": "{probe}/predictions.parquet of every probe",
    "history": "{probe}/history.csv of every probe",
    "test": "{dataset}/test.parquet of every data set",
}


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="their scores (Parquet)")
    for name, told in LISTS.items():
        cli.add_argument(f"--{name}", nargs="+", required=True, type=Path, metavar="FILE", help=told)
    cli.add_argument("--choice", required=True, type=Path, metavar="FILE", help="the table of systems (CSV)")
    cli.add_argument("--curves", required=True, type=Path, metavar="FILE", help="the table of epochs (CSV)")
    cli.add_argument("--examples", required=True, type=Path, metavar="FILE", help="the table of first questions (CSV)")
    args = cli.parse_args()
    spec = settings_of(args, TableSpec)

    from relab.chapters.char_gpt.choice.tables import choice_table, curves_table, examples_table
    from relab.files import write_csv
    from relab.scores import Summaries, read_scores

    inputs = [args.scores, *args.predictions, *args.history, *args.test]
    with record(args, inputs=inputs, outputs=[args.choice, args.curves, args.examples]):
        predictions, scores = read_predictions(args.predictions, spec), Summaries(read_scores(args.scores), args.scores)
        write_csv(args.choice, choice_table(spec, predictions, scores))
        write_csv(args.curves, curves_table(spec, args.history, scores))
        write_csv(args.examples, examples_table(spec, predictions, args.test, scores))


if __name__ == "__main__":
    run(main)
