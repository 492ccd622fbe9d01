"""Train all weights of a language model on, on a corpus of token ids of its own tokenizer.

Progress is kept, and signals are answered, as by train_model.py. Dropout is as the base's own configuration says.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import language_model_parser, train_language_model
from relab.training.signals import StopSignal


def main() -> None:
    cli = language_model_parser(__doc__)
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory to start from")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab import gpt
        from relab.training.finetuning import Job, from_pretrained

        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        train_language_model(
            args, Job, lambda job, device: from_pretrained(job, args.base, device),
            model_files=gpt.FILES, inputs=inputs, stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
