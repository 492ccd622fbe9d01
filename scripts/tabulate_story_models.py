"""Write the tables of the tokenizers of stories and of the models that learn from them (rows D1 and D2)."""

import json
from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="scores of tokenizers and models (Parquet)")
    cli.add_argument(
        "--records", nargs="+", required=True, type=Path, metavar="FILE",
        help="record of every model's training; beside it lie history.csv, speed.csv and samples.jsonl",
    )  # fmt: skip
    cli.add_argument(
        "--output-dir", required=True, type=Path, metavar="FOLDER",
        help="folder of tokenizers.csv, models.csv, curve.csv, progress.csv and speed.csv",
    )  # fmt: skip
    args = cli.parse_args()

    from relab.chapters.stories.learning import TABLES, ScoreSpec, learning_tables
    from relab.files import write_csv
    from relab.inputs import by_name
    from relab.scores import Summaries, read_scores

    settings = settings_of(args, ScoreSpec)
    records = by_name(args.records, settings.models, "records")
    outputs = {name: args.output_dir / f"{name}.csv" for name in TABLES}
    read = [path.parent / name for path in records.values() for name in ("history.csv", "speed.csv", "samples.jsonl")]
    with record(args, inputs=[args.scores, *read], outputs=outputs.values()):
        devices = {name: json.loads(path.read_bytes())["device"] for name, path in records.items()}
        folders = {name: path.parent for name, path in records.items()}
        scores = Summaries(read_scores(args.scores), args.scores)
        for name, table in learning_tables(settings, scores, folders, devices):
            write_csv(outputs[name], table)


if __name__ == "__main__":
    run(main)
