"""Train a language model on a corpus.

The loop's progress is kept in a folder of its own below --state, named by the model and a digest of its settings and inputs.
Killed, whatever the moment, the same command goes on from the last checkpoint and ends in the same files, bit for bit.
SIGINT (Ctrl-C), SIGTERM and SIGUSR1 make it save, say so and end with status 1.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import arguments, execute
from relab.training.signals import Stop


def main() -> None:
    cli = arguments(__doc__)
    cli.add_argument("--tokenizer", required=True, type=Path, metavar="FOLDER", help="tokenizer directory")
    args = cli.parse_args()

    with Stop() as stop:
        from relab.training.job import Job, fresh

        inputs = [args.tokenizer / "tokenizer.json"]
        execute(args, Job, lambda job, device: fresh(job, args.tokenizer, device), inputs=inputs, stop=stop)


if __name__ == "__main__":
    run(main)
