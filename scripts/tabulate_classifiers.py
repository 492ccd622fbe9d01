"""Write the tables of fine-tuned classifiers: systems, pairs of them, curves, words split (rows A7, E5, E6)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of

#: The tables by name, each a file of the folder.
TABLES = ("classifiers", "classifier_pairs", "classifier_curves", "split_words")


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    for option, kind, file in (
        ("chosen", "probe", "chosen.csv"),
        ("histories", "classifier", "history.csv"),
        ("texts", "classifier", "texts.csv"),
    ):
        told = f"{{{kind}}}/{file} of every {kind}"
        cli.add_argument(f"--{option}", nargs="+", required=True, type=Path, metavar="FILE", help=told)
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="where to write the tables (CSV)")
    args = cli.parse_args()

    from relab.chapters.classifiers import tables
    from relab.chapters.classifiers.names import TableSpec
    from relab.files import read_csv, write_csv
    from relab.inputs import by_name
    from relab.scores import Summaries, read_scores

    spec = settings_of(args, TableSpec)
    files = {
        option: by_name(getattr(args, option), names, option)
        for option, names in (("chosen", spec.order), ("histories", spec.shown), ("texts", spec.shown))
    }
    outputs = {name: args.output_dir / f"{name}.csv" for name in TABLES}
    with record(args, inputs=[args.scores, *args.chosen, *args.histories, *args.texts], outputs=outputs.values()):
        scores = Summaries(read_scores(args.scores), args.scores)
        read = {option: {name: read_csv(path) for name, path in own.items()} for option, own in files.items()}
        write_csv(outputs["classifiers"], tables.systems_table(spec, scores, read["chosen"], read["texts"]))
        write_csv(outputs["classifier_pairs"], tables.pairs_table(spec, scores))
        write_csv(outputs["classifier_curves"], tables.curves_table(spec, read["histories"]))
        write_csv(outputs["split_words"], tables.words_table(spec, scores, read["texts"]))


if __name__ == "__main__":
    run(main)
