"""Train all weights of a language model on preferences, by direct preference optimisation (DPO).

It learns to make the preferred answer of each prompt likelier than the other one, both beside the model that it starts from.
Progress is kept, and signals are answered, as by train_model.py.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import language_model_parser, train_on_dataset
from relab.training.signals import StopSignal


def main() -> None:
    cli = language_model_parser(__doc__, "of preferences (Parquet)")
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory to start from")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab import gpt
        from relab.training import preferences
        from relab.training.finetuning import PreferenceFinetuning, from_pretrained

        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        train_on_dataset(
            args, PreferenceFinetuning, lambda job, device: from_pretrained(job, args.base, device),
            train=preferences.train, model_files=gpt.FILES, inputs=inputs, stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
