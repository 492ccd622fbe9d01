"""Fine-tune a network with a classification head on a data set, and predict its test split once.

Its progress is kept in a folder of its own below --state, named by the classifier and a digest of its settings and inputs.
Killed, whatever the moment, the same command goes on from the last checkpoint and ends in the same files, bit for bit.
SIGINT (Ctrl-C), SIGTERM and SIGUSR1 make it save, say so and end with status 1.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import run_training, training_parser
from relab.training.signals import StopSignal

SPLITS = ("train", "validation", "test")


def main() -> None:
    cli = training_parser(
        __doc__, {split: f"the {split} split (Parquet)" for split in SPLITS}, "where to write, named as the classifier"
    )
    cli.add_argument(
        "--base", required=True, type=Path, metavar="FOLDER",
        help="model directory; its weights are not read where the settings start from random ones",
    )  # fmt: skip
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab.classifiers.job import Job, finetune

        splits = {split: getattr(args, split) for split in SPLITS}

        def inputs(job: Job) -> list[Path]:
            names = ("config.json", "tokenizer.json", *(["model.safetensors"] if job.pretrained else []))
            return [*splits.values(), *(args.base / name for name in names)]

        run_training(
            args, Job, lambda job, **options: finetune(job, splits=splits, base=args.base, **options),
            files=lambda job: job.files, inputs=inputs, stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
