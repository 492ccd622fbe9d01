"""Train an adapter of a model, LoRA or a prefix, on pairs of a source and its target.

The model's weights stay as they are; what is written is a PEFT directory, as by train_adapter.py.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import language_model_parser, train_on_dataset
from relab.training.signals import StopSignal


def main() -> None:
    cli = language_model_parser(__doc__, "of pairs (Parquet)")
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory of the base")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab import adapters
        from relab.training import pairs
        from relab.training.finetuning import Finetuning, with_adapter

        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        train_on_dataset(
            args, Finetuning, lambda job, device: with_adapter(job, args.base, device),
            train=pairs.train, model_files=adapters.FILES, inputs=inputs, stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
