"""Train an adapter of a language model, LoRA or a prefix, on a corpus of token ids of the model's own tokenizer.

The model's weights stay as they are; what is written is a PEFT directory that names its base as the pipeline does: it opens
beside the base's directory. Progress is kept, and signals are answered, as by train_model.py. Dropout is as the base's own
configuration says, beside LoRA's own.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import language_model_parser, train_language_model
from relab.training.signals import StopSignal


def main() -> None:
    cli = language_model_parser(__doc__)
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory of the base")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab import adapters
        from relab.training.finetuning import Job, with_adapter

        inputs = [args.base / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
        train_language_model(
            args, Job, lambda job, device: with_adapter(job, args.base, device),
            model_files=adapters.FILES, inputs=inputs, stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
