"""Have finetuned models and their base read held-out passages, or a text learnt by heart, a JSON line a text (B1, B5, C3, C4).

A line holds the natural logarithm of the probability that a model gives to each of the text's tokens. A prompt is read but not
counted; a passage has none.
"""

from pathlib import Path

from relab.chapters.finetuning.names import ReadSpec
from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--models", nargs="+", required=True, type=Path, metavar="FOLDER", help="model directories, the base first"
    )
    cli.add_argument("--train", required=True, type=Path, metavar="FILE", help="train.parquet of their corpus")
    cli.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation.parquet of their corpus")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="what they made of it (JSON lines)")
    args = cli.parse_args()
    spec = settings_of(args, ReadSpec)

    from tqdm import tqdm

    from relab.chapters.finetuning.reading import asked, read_by
    from relab.checkpoints import load_model, load_tokenizer, weight_files
    from relab.device import describe, pick, prepare
    from relab.inputs import by_name
    from relab.judging.storage import write_judgements
    from relab.sampling.texts import device_memory

    models = by_name((folder / "model" for folder in args.models), spec.models, "models")
    device = pick()
    prepare(device, spec.threads)
    weights = [path for folder in args.models for path in weight_files(folder)]
    with record(args, inputs=[*dict.fromkeys(weights), args.train, args.validation], outputs=[args.output]) as entry:
        rows, found = asked(args.train, args.validation, spec.passages, spec.opening), []
        with tqdm(total=len(rows) * len(spec.models), unit="text", disable=None, mininterval=1) as bar:
            for name in spec.models:
                folder = models[name].parent
                model, tokenizer = load_model(folder, device), load_tokenizer(folder)
                found += read_by(model, tokenizer, name, rows, bar.update)
                del model
        write_judgements(args.output, found)
        entry |= {"device": describe(device), **device_memory(device)}
    print(f"{len(found)} texts, {sum(one.tokens for one in found):,} tokens, on {device}")


if __name__ == "__main__":
    run(main)
