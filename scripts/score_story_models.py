"""Score what tokenizers make of the corpus of stories and how models learn from it (rows D1 and D2)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--tokens", nargs="+", required=True, type=Path, metavar="FILE",
        help="{tokenizer}/{corpus}/train.arrow and validation.arrow of every tokenizer",
    )  # fmt: skip
    cli.add_argument("--histories", nargs="+", required=True, type=Path, metavar="FILE", help="history.csv of every model")
    cli.add_argument("--losses", nargs="+", required=True, type=Path, metavar="FILE", help="losses.parquet of every model")
    cli.add_argument("--weights", nargs="+", required=True, type=Path, metavar="FILE", help="model.safetensors of every model")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.rows.shared.losses import trainings
    from relab.chapters.stories.learning import ScoreSpec, learning_scores
    from relab.files import sha256
    from relab.inputs import by_name, by_part
    from relab.scores import with_summary, write_scores
    from relab.stored import stored_parameters
    from relab.tokens.store import Tokens

    settings = settings_of(args, ScoreSpec)
    names, splits = [one.name for one in settings.tokenizers], ("train", "validation")
    found = by_part(args.tokens, names, settings.corpus, splits, "tokens")
    tokens = {name: {split: Tokens(found[name, split]) for split in splits} for name in names}
    histories = by_name(args.histories, settings.models, "histories")
    weights = by_name(args.weights, settings.models, "weights")
    losses = by_name(args.losses, settings.models, "losses")
    inputs = [*args.tokens, *args.histories, *args.losses, *args.weights]
    with record(args, inputs=inputs, outputs=[args.output]):
        sizes = {name: stored_parameters(path) for name, path in weights.items()}
        data = sha256(tokens[settings.reads]["train"].path)[:12]
        rows = learning_scores(settings, tokens, trainings(histories, losses), sizes, data)
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
