"""Train a reward model on pairs of which one text is preferred, and score the test pairs once.

The network reads a prompt and its answer as one text and learns to give the preferred one the higher number. Its progress is
kept in a folder of its own below --state, named by the reward model and a digest of its settings and inputs. Killed, whatever
the moment, the same command goes on from the last checkpoint and ends in the same files, bit for bit. SIGINT (Ctrl-C), SIGTERM
and SIGUSR1 make it save, say so and end with status 1.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import run_training, training_parser
from relab.training.signals import StopSignal

SPLITS = ("train", "validation", "test")


def main() -> None:
    cli = training_parser(
        __doc__, {split: f"the {split} pairs (Parquet)" for split in SPLITS}, "where to write, named as the reward model"
    )
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory to start from")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab.rewards.job import FILES, Job, train

        splits = {split: getattr(args, split) for split in SPLITS}
        network = [args.base / name for name in ("config.json", "tokenizer.json", "model.safetensors")]
        run_training(
            args, Job, lambda job, **options: train(job, splits=splits, base=args.base, **options),
            files=lambda job: FILES, inputs=lambda job: [*splits.values(), *network], stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
