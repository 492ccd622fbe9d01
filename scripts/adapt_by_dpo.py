"""Train a LoRA adapter of a language model on preferences, by direct preference optimisation (DPO).

The model's weights stay as they are, and are the reference; what is written is a PEFT directory, as by train_adapter.py.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import language_model_parser, train_on_dataset
from relab.training.signals import StopSignal


def main() -> None:
    cli = language_model_parser(__doc__, "of preferences (Parquet)")
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory of the base")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab import adapters
        from relab.training import preferences
        from relab.training.finetuning import PreferenceFinetuning, with_adapter

        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        train_on_dataset(
            args, PreferenceFinetuning, lambda job, device: with_adapter(job, args.base, device),
            train=preferences.train, model_files=adapters.FILES, inputs=inputs, stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
