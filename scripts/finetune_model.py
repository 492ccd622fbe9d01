"""Train all weights of a language model on, on a corpus of token ids of its own tokenizer.

Progress is kept, and signals are answered, as by train_model.py. Dropout is as the base's own configuration says.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import run_training, training_parser
from relab.training.signals import StopSignal


def main() -> None:
    cli = training_parser(__doc__)
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory to start from")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab.training.finetuning import Job, from_pretrained

        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        run_training(args, Job, lambda job, device: from_pretrained(job, args.base, device), inputs=inputs, stop=stop)


if __name__ == "__main__":
    run(main)
