"""Have a language model judge sampled texts, and held-out documents of the same lengths, a JSON line a text (rows D4 and D5).

A line holds the natural logarithm of the probability that the judge gives to each of the text's tokens. The prompt is read but
not counted; held-out documents have none.
"""

from pathlib import Path

from relab.errors import UserError, run
from relab.jobs import parser, record, settings_of
from relab.judging.spec import JudgeTexts


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="DIR", help="model directory of the judge")
    cli.add_argument(
        "--samples", nargs="+", required=True, type=Path, metavar="FILE", help="{sampling}.jsonl of every sampling"
    )
    cli.add_argument(
        "--human", type=Path, metavar="FILE", help="validation.parquet of the corpus that held-out documents are taken from"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the judgements (JSON lines)")
    args = cli.parse_args()
    spec = settings_of(args, JudgeTexts)
    if (args.human is None) != (spec.human is None):
        raise UserError("--human: expected a file where, and only where, the settings ask for held-out documents (human)")

    from relab.judging.human import human_texts
    from relab.texts.samples import read_samplings

    samplings = read_samplings(args.samples, spec.samplings)
    lengths = [len(text.text) for one in samplings for text in one.texts]
    human = human_texts(args.human, lengths, spec.human) if spec.human else []

    from tqdm import tqdm

    from relab.checkpoints import load_model, load_tokenizer, weight_files
    from relab.device import describe, pick, prepare
    from relab.judging.job import asked, judgements
    from relab.judging.storage import write_judgements
    from relab.sampling.texts import device_memory

    device = pick()
    prepare(device, spec.threads)
    inputs = [*weight_files(args.model), *args.samples, *([args.human] if args.human else [])]
    with record(args, inputs=inputs, outputs=[args.output]) as entry:
        texts = asked(samplings, human)
        model, tokenizer = load_model(args.model, device), load_tokenizer(args.model)
        with tqdm(total=len(texts), unit="text", disable=None, mininterval=1) as bar:
            found = judgements(model, tokenizer, texts, bar.update)
        write_judgements(args.output, found)
        entry |= {"device": describe(device), **device_memory(device)}
    print(f"{len(found)} texts, {sum(one.tokens for one in found):,} tokens, on {device}")


if __name__ == "__main__":
    run(main)
