"""Follow a model trained on the sentences of a grammar word by word (rows E2 and E3).

Each prompt is continued greedily and, for E2, by drawing at its temperature. Beside the probability of each word stand those
of the training text and of the grammar after the very same words: a text a JSON line.
"""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="DIR", help="model directory")
    cli.add_argument("--train", required=True, type=Path, metavar="FILE", help="train.parquet of its sentences")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the trace (JSON lines)")
    args = cli.parse_args()

    from relab.chapters.mingpt.records import write
    from relab.chapters.mingpt.sentences import Sentences
    from relab.chapters.mingpt.settings import TraceSpec
    from relab.chapters.mingpt.trace import Traced, trace
    from relab.checkpoints import load_model, load_tokenizer
    from relab.device import describe, pick, prepare

    settings = settings_of(args, TraceSpec)
    device = pick()
    prepare(device, settings.threads)
    with record(args, inputs=[args.model / "model.safetensors", args.train], outputs=[args.output]) as entry:
        tokenizer = load_tokenizer(args.model)
        sentences = Sentences.read(settings.reader, args.train, tokenizer)
        write(args.output, list(trace(settings, Traced(load_model(args.model, device), tokenizer, sentences))))
        entry |= {"device": describe(device), "seed": settings.seed}


if __name__ == "__main__":
    run(main)
