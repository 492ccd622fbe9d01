"""Write the tables of sampled texts: a method a row with its first text and its measures, and all texts."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--samples", nargs="+", required=True, type=Path, metavar="FILE", help="{sampling}.jsonl of every sampling"
    )
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="their scores (Parquet)")
    cli.add_argument("--methods", required=True, type=Path, metavar="FILE", help="the table of methods (CSV)")
    cli.add_argument("--texts", required=True, type=Path, metavar="FILE", help="the table of all texts (CSV)")
    args = cli.parse_args()

    from relab.files import write_csv
    from relab.scores import Summaries, read_scores
    from relab.texts.samples import TextsSpec, read_samplings
    from relab.texts.tables import methods_table, texts_table

    samplings = read_samplings(args.samples, settings_of(args, TextsSpec).samplings)
    with record(args, inputs=[*args.samples, args.scores], outputs=[args.methods, args.texts]):
        methods = methods_table(samplings, Summaries(read_scores(args.scores), args.scores))
        write_csv(args.methods, methods)
        write_csv(args.texts, texts_table(samplings))


if __name__ == "__main__":
    run(main)
