"""Train an adapter of a language model, LoRA or a prefix, on a corpus of token ids of the model's own tokenizer.

The model's weights stay as they are; what is written is a PEFT directory that names its base as the pipeline does: it opens
beside the base's directory. Progress is kept, and signals are answered, as by train_model.py. Dropout is as the base's own
configuration says, beside LoRA's own.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import run_training, training_parser
from relab.training.signals import StopSignal


def main() -> None:
    cli = training_parser(__doc__)
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory of the base")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab.training.finetuning import Job, with_adapter

        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        run_training(args, Job, lambda job, device: with_adapter(job, args.base, device), inputs=inputs, stop=stop)


if __name__ == "__main__":
    run(main)
