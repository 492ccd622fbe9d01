"""Score finetuned models beside the base that they start from (rows B1, B5, C3 and C4)."""

from pathlib import Path

from relab.chapters.finetuning.names import ScoreSpec
from relab.errors import UserError, run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--histories", nargs="+", required=True, type=Path, metavar="FILE", help="history.csv of every model")
    cli.add_argument("--losses", nargs="+", required=True, type=Path, metavar="FILE", help="losses.parquet of every model")
    cli.add_argument("--samples", nargs="+", required=True, type=Path, metavar="FILE",
                     help="samples.jsonl of every model; for B1 {sampling}.jsonl of every model and of the base")  # fmt: skip
    cli.add_argument(
        "--weights", nargs="+", required=True, type=Path, metavar="FILE", help="weights of all models and their base"
    )
    cli.add_argument("--readings", required=True, type=Path, metavar="FILE", help="what the models made of given texts")
    cli.add_argument("--train", required=True, type=Path, metavar="FILE", help="train.parquet of their corpus")
    cli.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation.parquet of their corpus")
    cli.add_argument("--tokens", nargs="*", default=[], type=Path, metavar="FILE", help="B1: both as token ids (Arrow)")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()
    spec = settings_of(args, ScoreSpec)
    recital = spec.role == "recital"
    if len(args.tokens) != (2 if recital else 0):
        raise UserError(f"--tokens: expected {2 if recital else 'no'} files for the row {spec.role}, found {len(args.tokens)}")

    import tempfile

    from relab.chapters.finetuning import names
    from relab.chapters.finetuning.scores import (
        Files,
        code_scores,
        held_out_scores,
        learning_scores,
        recital_scores,
    )
    from relab.corpora.storage import documents
    from relab.files import sha256
    from relab.inputs import by_name
    from relab.judging.storage import read_judgements
    from relab.metrics.copying import CopiedEightGrams
    from relab.metrics.parsing import ParsedShare
    from relab.scores import with_summary, write_scores
    from relab.texts.samples import read_samplings
    from relab.tokens.store import Tokens

    files = Files(
        histories=by_name(args.histories, spec.models, "histories"),
        losses=by_name(args.losses, spec.models, "losses"),
        samples={} if recital else by_name(args.samples, spec.models, "samples"),
        weights=by_name(args.weights, [spec.base, *spec.models], "weights"),
    )
    inputs = [
        *args.histories,
        *args.losses,
        *args.samples,
        *args.weights,
        args.readings,
        args.train,
        args.validation,
        *args.tokens,
    ]
    splits = {names.TRAINED: args.train, names.TAIL: args.validation}
    with record(args, inputs=inputs, outputs=[args.output]), tempfile.TemporaryDirectory() as folder:
        kinds = {names.COPIED: CopiedEightGrams, names.PARSES: ParsedShare}
        metrics = {name: metric(keep_in_memory=True, cache_dir=folder) for name, metric in kinds.items()}
        readings = read_judgements(args.readings)
        data = {"train": sha256(args.train)[:12], "validation": sha256(args.validation)[:12]}
        rows = [*learning_scores(spec, files, data)]
        if recital:
            order = list(spec.samplings)
            samplings = dict(zip(order, read_samplings(args.samples, [spec.samplings[name] for name in order]), strict=True))
            texts = {split: list(documents(path)) for split, path in splits.items()}
            tokens = {split: Tokens(path) for split, path in zip(splits, args.tokens, strict=True)}
            rows += recital_scores(spec, readings, samplings, texts, tokens, metrics)
        else:
            rows += held_out_scores(spec, readings)
        if spec.role == "code":
            rows += code_scores(spec, files.samples, list(documents(args.validation)), metrics)
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
