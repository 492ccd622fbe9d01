"""Train a language model on a corpus.

The loop's progress is kept in a folder of its own below --state, named by the model and a digest of its settings and inputs.
Killed, whatever the moment, the same command goes on from the last checkpoint and ends in the same files, bit for bit.
SIGINT (Ctrl-C), SIGTERM and SIGUSR1 make it save, say so and end with status 1.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import run_training, training_parser
from relab.training.signals import StopSignal


def main() -> None:
    cli = training_parser(__doc__)
    cli.add_argument("--tokenizer", required=True, type=Path, metavar="FOLDER", help="tokenizer directory")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab.training.job import Job, from_scratch

        inputs = [args.tokenizer / "tokenizer.json"]
        run_training(args, Job, lambda job, device: from_scratch(job, args.tokenizer, device), inputs=inputs, stop=stop)


if __name__ == "__main__":
    run(main)
