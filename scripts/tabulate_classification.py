"""Write the tables of row A6: classifiers beside their floors, pairs of them, classes, confusions, learning curves."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of

#: The tables by name, each a file of the folder.
TABLES = ("classification", "classification_pairs", "class_f1", "confusion", "learning_curve")


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    for option, file in (("predictions", "predictions.parquet"), ("chosen", "chosen.csv"), ("curves", "learning_curve.csv")):
        cli.add_argument(
            f"--{option}", nargs="+", required=True, type=Path, metavar="FILE", help=f"{{probe}}/{file} of every probe"
        )
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="where to write the tables (CSV)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.classification import tables
    from relab.chapters.char_gpt.classification.names import TableSpec
    from relab.files import read_csv, write_csv
    from relab.inputs import by_name
    from relab.probes.predictions import read_predictions
    from relab.scores import Summaries, read_scores

    spec = settings_of(args, TableSpec)
    files = {option: by_name(getattr(args, option), spec.order, option) for option in ("predictions", "chosen", "curves")}
    outputs = {name: args.output_dir / f"{name}.csv" for name in TABLES}
    inputs = [args.scores, *args.predictions, *args.chosen, *args.curves]
    with record(args, inputs=inputs, outputs=outputs.values()):
        scores = Summaries(read_scores(args.scores), args.scores)
        chosen = {name: read_csv(path) for name, path in files["chosen"].items()}
        predictions = {name: read_predictions(path) for name, path in files["predictions"].items()}
        curves = {name: read_csv(path) for name, path in files["curves"].items()}
        write_csv(outputs["classification"], tables.systems_table(spec, scores, chosen))
        write_csv(outputs["classification_pairs"], tables.pairs_table(spec, scores))
        write_csv(outputs["class_f1"], tables.classes_table(spec, scores))
        write_csv(outputs["confusion"], tables.confusion_table(spec, predictions))
        write_csv(outputs["learning_curve"], tables.curves_table(spec, curves))


if __name__ == "__main__":
    run(main)
