"""Train a language model on a corpus.

The loop's progress is kept in a folder of its own below --state, named by the model and a digest of its settings and inputs.
Killed, whatever the moment, the same command goes on from the last checkpoint and ends in the same files, bit for bit.
SIGINT (Ctrl-C), SIGTERM and SIGUSR1 make it save, say so and end with status 1.
"""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of, spec_of
from relab.training.signals import Stop


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--train", required=True, type=Path, metavar="FILE", help="training split as token ids (Arrow)")
    cli.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation split as token ids (Arrow)")
    cli.add_argument("--tokenizer", required=True, type=Path, metavar="FOLDER", help="tokenizer directory")
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="model directory, named as the model")
    cli.add_argument("--state", required=True, type=Path, metavar="FOLDER", help="folder of the progress of all models")
    cli.add_argument(
        "--checkpoint-seconds", type=float, default=60, metavar="SECONDS",
        help="time between two checkpoints; changes no result (default: 60)",
    )  # fmt: skip
    args = cli.parse_args()

    with Stop() as stop:
        from relab.device import describe, pick
        from relab.training.job import FILES, Job, summary, train_model, write
        from relab.training.state import State, fingerprint

        job, device = settings_of(args, Job), pick()
        inputs = [args.train, args.validation, args.tokenizer / "tokenizer.json"]
        folder = args.state / f"{args.output_dir.name}-{fingerprint(spec_of(args), inputs)}"
        with State.open(folder, args.checkpoint_seconds) as state:
            with record(args, inputs=inputs, outputs=[args.output_dir / name for name in FILES]) as entry:
                trainer = train_model(
                    job, train=args.train, validation=args.validation, tokenizer=args.tokenizer, device=device,
                    code=args.code, state=state, stop=stop,
                )  # fmt: skip
                write(trainer, args.tokenizer, args.output_dir)
                entry |= {"device": describe(device), "seed": job.seed, "attempts": state.attempt, **summary(trainer)}
            state.finish()


if __name__ == "__main__":
    run(main)
