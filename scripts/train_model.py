"""Train a language model on a corpus.

The loop's progress is kept in a folder of its own below --state, named by the model and a digest of its settings and inputs.
Killed, whatever the moment, the same command goes on from the last checkpoint and ends in the same files, bit for bit.
SIGINT (Ctrl-C), SIGTERM and SIGUSR1 make it save, say so and end with status 1.
"""

from pathlib import Path

from relab.errors import run
from relab.training.program import language_model_parser, train_language_model
from relab.training.signals import StopSignal


def main() -> None:
    cli = language_model_parser(__doc__)
    cli.add_argument("--tokenizer", required=True, type=Path, metavar="FOLDER", help="tokenizer directory")
    args = cli.parse_args()

    with StopSignal() as stop:
        from relab import gpt
        from relab.training.job import Job, from_scratch

        train_language_model(
            args, Job, lambda job, device: from_scratch(job, args.tokenizer, device),
            model_files=gpt.FILES, inputs=[args.tokenizer / "tokenizer.json"], stop=stop,
        )  # fmt: skip


if __name__ == "__main__":
    run(main)
