"""Score the character-level GPTs (rows A1 to A3): losses, and how much of the generated text stands in the corpus."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--histories", nargs="+", required=True, type=Path, metavar="FILE", help="history.csv of every model")
    cli.add_argument("--losses", nargs="+", required=True, type=Path, metavar="FILE", help="losses.parquet of every model")
    cli.add_argument("--samples", nargs="+", required=True, type=Path, metavar="FILE", help="samples.jsonl of every model")
    cli.add_argument("--train", nargs="+", required=True, type=Path, metavar="FILE", help="train.parquet of each corpus")
    cli.add_argument(
        "--validation", nargs="+", required=True, type=Path, metavar="FILE", help="validation.parquet of each corpus"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.scores import Files, chapter_scores
    from relab.chapters.char_gpt.sweep import SweepSpec, groups
    from relab.inputs import by_name
    from relab.scores import with_summary, write_scores

    settings = settings_of(args, SweepSpec)
    corpora = {model.corpus for model in settings.models.values()}
    files = Files(
        histories=by_name(args.histories, settings.models, "histories"),
        losses=by_name(args.losses, settings.models, "losses"),
        samples=by_name(args.samples, settings.models, "samples"),
        train=by_name(args.train, corpora, "train"),
        validation=by_name(args.validation, corpora, "validation"),
    )
    inputs = [*args.histories, *args.losses, *args.samples, *args.train, *args.validation]
    with record(args, inputs=inputs, outputs=[args.output]):
        rows = chapter_scores(groups(settings.models), sorted(set(settings.steps)), files)
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
