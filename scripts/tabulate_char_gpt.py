"""Write the tables of the character-level GPTs (rows A1 to A3): loss curves, final losses, text as training goes on."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="scores of the chapter (Parquet)")
    cli.add_argument("--histories", nargs="+", required=True, type=Path, metavar="FILE", help="history.csv of every model")
    cli.add_argument("--samples", nargs="+", required=True, type=Path, metavar="FILE", help="samples.jsonl of every model")
    cli.add_argument("--weights", nargs="+", required=True, type=Path, metavar="FILE", help="model.safetensors of every model")
    cli.add_argument("--claims", required=True, type=Path, metavar="FILE", help="config/claims.yaml, for the reported losses")
    cli.add_argument(
        "--output-dir", required=True, type=Path, metavar="FOLDER",
        help="folder of loss_curves.csv, final_losses.csv and, for each corpus, progression_, overlap_, reported_{corpus}.csv",
    )  # fmt: skip
    args = cli.parse_args()

    from relab.chapters.char_gpt.sweep import TableSpec
    from relab.chapters.char_gpt.tables import Files, chapter_tables, table_names
    from relab.files import write_csv
    from relab.inputs import by_name
    from relab.scores import Summaries, read_scores
    from relab.settings.claims import load

    settings = settings_of(args, TableSpec)
    files = Files(
        histories=by_name(args.histories, settings.models, "histories"),
        samples=by_name(args.samples, settings.models, "samples"),
        weights=by_name(args.weights, settings.models, "weights"),
    )
    inputs = [args.scores, *args.histories, *args.samples, *args.weights, args.claims]
    outputs = {name: args.output_dir / f"{name}.csv" for name in table_names(settings.corpora)}
    with record(args, inputs=inputs, outputs=outputs.values()):
        scores = Summaries(read_scores(args.scores), args.scores)
        for name, table in chapter_tables(settings, files, scores, load(args.claims)):
            write_csv(outputs[name], table)


if __name__ == "__main__":
    run(main)
