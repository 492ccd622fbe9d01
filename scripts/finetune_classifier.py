"""Fine-tune a network with a classification head on a data set, and predict its test split once.

Its progress is kept in a folder of its own below --state, named by the classifier and a digest of its settings and inputs.
Killed, whatever the moment, the same command goes on from the last checkpoint and ends in the same files, bit for bit.
SIGINT (Ctrl-C), SIGTERM and SIGUSR1 make it save, say so and end with status 1.
"""

from pathlib import Path

from relab.errors import run
from relab.jobs import job_parser, job_settings, job_spec, record_provenance
from relab.training.signals import StopSignal


def main() -> None:
    cli = job_parser(__doc__)
    for split in ("train", "validation", "test"):
        cli.add_argument(f"--{split}", required=True, type=Path, metavar="FILE", help=f"the {split} split (Parquet)")
    cli.add_argument(
        "--model", required=True, type=Path, metavar="FOLDER",
        help="model directory; its weights are not read where the settings start from random ones",
    )  # fmt: skip
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="where to write, named as the classifier")
    cli.add_argument("--state", required=True, type=Path, metavar="FOLDER", help="folder of the progress of all trainings")
    cli.add_argument(
        "--checkpoint-seconds", type=float, default=60, metavar="SECONDS",
        help="time between two checkpoints; changes no result (default: 60)",
    )  # fmt: skip
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab.classifiers.job import Job, finetune, finetuning_summary, remove_checkpoints, write_classifier
        from relab.device import device_name, pick_device
        from relab.training.state import State, fingerprint

        job, device = job_settings(args, Job), pick_device()
        splits = {split: getattr(args, split) for split in ("train", "validation", "test")}
        weights = [args.model / "model.safetensors"] if job.pretrained else []
        inputs = [*splits.values(), args.model / "config.json", args.model / "tokenizer.json", *weights]
        folder = args.state / f"{args.output_dir.name}-{fingerprint(job_spec(args), inputs)}"
        with State.open(folder, args.checkpoint_seconds) as state:
            with record_provenance(args, outputs=[args.output_dir / name for name in job.files]) as entry:
                result = finetune(
                    job, splits=splits, base=args.model, device=device, code=args.code, state=state, stop=stop,
                    every=args.checkpoint_seconds,
                )  # fmt: skip
                write_classifier(result, job, args.output_dir)
                entry |= {"device": device_name(device), "seed": job.seed, "attempts": state.attempt}
                entry |= finetuning_summary(result)
            remove_checkpoints(state)
            state.finish()


if __name__ == "__main__":
    run(main)
