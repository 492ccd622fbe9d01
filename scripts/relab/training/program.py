"""Shared by the programs that train a language model: their options, and a job from its state to its record."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from relab.jobs import job_parser, job_settings, job_spec, record_provenance
from relab.training.signals import StopSignal

if TYPE_CHECKING:
    from relab.training.job import InitialModel


def training_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of every program that trains a language model."""
    cli = job_parser(description)
    cli.add_argument("--train", required=True, type=Path, metavar="FILE", help="training split as token ids (Arrow)")
    cli.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation split as token ids (Arrow)")
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="model directory, named as the model")
    cli.add_argument("--state", required=True, type=Path, metavar="FOLDER", help="folder of the progress of all models")
    cli.add_argument(
        "--checkpoint-seconds", type=float, default=60, metavar="SECONDS",
        help="time between two checkpoints; changes no result (default: 60)",
    )  # fmt: skip
    return cli


def run_training(
    args: argparse.Namespace,
    settings: type[BaseModel],
    start: Callable[[Any, Any], InitialModel],
    *,
    inputs: Sequence[Path],
    stop: StopSignal,
) -> None:
    """Train a model and write its directory and its record.

    Args:
        args: the options.
        settings: class of the job's settings.
        start: returns the initial model for the settings and a device.
        inputs: files that the result depends on, besides the two splits.
        stop: notes a signal that asks to stop.
    """
    from relab.device import device_name, pick_device, prepare_device
    from relab.training.job import train, training_summary, write_model
    from relab.training.state import State, fingerprint

    job, device = job_settings(args, settings), pick_device()
    prepare_device(device, job.threads)
    inputs = [args.train, args.validation, *inputs]
    folder = args.state / f"{args.output_dir.name}-{fingerprint(job_spec(args), inputs)}"
    with State.open(folder, args.checkpoint_seconds) as state:
        initial = start(job, device)
        outputs = [args.output_dir / name for name in initial.files]
        with record_provenance(args, outputs=outputs) as entry:
            trainer = train(
                job,
                initial,
                train=args.train,
                validation=args.validation,
                device=device,
                code=args.code,
                state=state,
                stop=stop,
            )
            write_model(trainer, initial, args.output_dir)
            metadata = {"device": device_name(device), "seed": job.seed, "attempts": state.attempt}
            entry |= {**metadata, **initial.metadata, **training_summary(trainer)}
        state.finish()
