"""Score the models trained on sentences of a grammar and those on a larger corpus (rows E1 to E4).

Losses stand beside those of the grammar itself on the same held-out sentences and of a uniform guess, ln V; the words of the
traces beside the grammar's probabilities.
"""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--histories", nargs="+", required=True, type=Path, metavar="FILE", help="history.csv of every model")
    cli.add_argument("--losses", nargs="+", required=True, type=Path, metavar="FILE", help="losses.parquet of every model")
    cli.add_argument(
        "--traces", nargs="+", required=True, type=Path, metavar="FILE", help="{model}.jsonl of every model on sentences"
    )
    cli.add_argument("--train", required=True, type=Path, metavar="FILE", help="train.parquet of the sentences")
    cli.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation.parquet of the sentences")
    cli.add_argument("--larger-train", required=True, type=Path, metavar="FILE", help="train.parquet of the larger corpus")
    cli.add_argument("--tokenizer", required=True, type=Path, metavar="DIR", help="tokenizer of the models on sentences")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.mingpt.records import by_model
    from relab.chapters.mingpt.scores import Files, chapter_scores
    from relab.chapters.mingpt.sentences import Sentences, evaluated
    from relab.chapters.mingpt.settings import ScoreSpec
    from relab.checkpoints import load_tokenizer
    from relab.files import sha256
    from relab.inputs import by_name
    from relab.scores import with_summary, write_scores

    settings = settings_of(args, ScoreSpec)
    models = {**settings.models, **settings.larger}
    histories, losses = by_name(args.histories, models, "histories"), by_name(args.losses, models, "losses")
    traces = by_model(args.traces, settings.models)
    texts = [args.train, args.validation, args.larger_train]
    inputs = [*args.histories, *args.losses, *args.traces, *texts, args.tokenizer / "tokenizer.json"]
    with record(args, inputs=inputs, outputs=[args.output]):
        tokenizer = load_tokenizer(args.tokenizer)
        files = Files(
            histories=histories,
            losses=losses,
            traces=traces,
            held_out=evaluated(args.validation, tokenizer, settings.evaluated, settings.block),
            data=dict.fromkeys(("train", "validation"), sha256(args.train)[:12]),
            larger_data=dict.fromkeys(("train", "validation"), sha256(args.larger_train)[:12]),
        )
        sentences = Sentences.read(settings.reader, args.train, tokenizer)
        rows = chapter_scores(settings.models, settings.larger, files, sentences, len(tokenizer))
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
