"""Write the tables of the models trained on sentences and of those on a larger corpus (rows E1 to E4)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="scores of the models (Parquet)")
    cli.add_argument("--histories", nargs="+", required=True, type=Path, metavar="FILE", help="history.csv of every model")
    cli.add_argument(
        "--traces", nargs="+", required=True, type=Path, metavar="FILE", help="{model}.jsonl of every model on sentences"
    )
    cli.add_argument(
        "--output-dir", required=True, type=Path, metavar="FOLDER",
        help="folder of losses.csv, curve.csv, words.csv, alternatives.csv, total_variation.csv, larger_losses.csv and "
        "larger_curve.csv",
    )  # fmt: skip
    args = cli.parse_args()

    from relab.chapters.mingpt.records import by_model
    from relab.chapters.mingpt.settings import TableSpec
    from relab.chapters.mingpt.tables import TABLES, chapter_tables
    from relab.files import write_csv
    from relab.inputs import by_name
    from relab.scores import Summaries, read_scores

    settings = settings_of(args, TableSpec)
    histories = by_name(args.histories, {**settings.models, **settings.larger}, "histories")
    traces = by_model(args.traces, settings.models)
    outputs = {name: args.output_dir / f"{name}.csv" for name in TABLES}
    with record(args, inputs=[args.scores, *args.histories, *args.traces], outputs=outputs.values()):
        scores = Summaries(read_scores(args.scores), args.scores)
        for name, table in chapter_tables(settings, histories, traces, scores):
            write_csv(outputs[name], table)


if __name__ == "__main__":
    run(main)
