"""Train a model on pairs: an encoder–decoder from random weights, or all weights of a model on.

An encoder–decoder reads the source and learns to write the target; a language model learns to continue the source by it, with a
loss on the target alone. Progress is kept, and signals are answered, as by train_model.py.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import language_model_parser, train_on_dataset
from relab.training.signals import StopSignal


def main() -> None:
    cli = language_model_parser(__doc__, "of pairs (Parquet)")
    start = cli.add_mutually_exclusive_group(required=True)
    start.add_argument("--base", type=Path, metavar="FOLDER", help="model directory to start from")
    start.add_argument("--tokenizer", type=Path, metavar="FOLDER", help="tokenizer directory of a model from random weights")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab import gpt
        from relab.training import finetuning, pairs

        options = {"train": pairs.train, "model_files": gpt.FILES, "stop": stop}
        if args.tokenizer:
            inputs = [args.tokenizer / "tokenizer.json"]
            train_on_dataset(
                args, pairs.FromScratch, lambda job, device: pairs.from_scratch(job, args.tokenizer, device),
                inputs=inputs, **options,
            )  # fmt: skip
            return
        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        train_on_dataset(
            args, finetuning.Finetuning, lambda job, device: finetuning.from_pretrained(job, args.base, device),
            inputs=inputs, **options,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
