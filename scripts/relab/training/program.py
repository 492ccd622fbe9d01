"""Shared by the programs that train: their options, and a job from its state to its record."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from relab.errors import UserError
from relab.files import environment_folder
from relab.jobs import job_parser, job_settings, job_spec, record_provenance
from relab.training.signals import StopSignal, requeue

if TYPE_CHECKING:
    from relab.training.job import InitialModel
    from relab.training.loop import Trainer


class Trained(Protocol):
    """What a training has made."""

    def write(self, directory: Path) -> None:
        """Write its files into a directory."""

    def summary(self) -> dict[str, Any]:
        """Entries of the job's record."""


def training_parser(description: str | None, splits: dict[str, str], directory: str) -> argparse.ArgumentParser:
    """The options of every program that trains.

    Args:
        description: what the program does.
        splits: what the files of its splits are, by the name of the split.
        directory: what the directory is that it writes.
    """
    cli = job_parser(description)
    for split, about in splits.items():
        cli.add_argument(f"--{split}", required=True, type=Path, metavar="FILE", help=about)
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help=directory)
    cli.add_argument(
        "--state", type=Path, default=state_folder(), metavar="FOLDER",
        help="folder of the progress of all trainings (default: what RELAB_STATE names, or state)",
    )  # fmt: skip
    cli.add_argument(
        "--checkpoint-seconds", type=float, default=60, metavar="SECONDS",
        help="time between two checkpoints; changes no result (default: 60)",
    )  # fmt: skip
    cli.add_argument(
        "--cards", type=int, default=1, metavar="N",
        help="cards that train together, a process and a share of every batch for each (default: 1)",
    )  # fmt: skip
    return cli


def state_folder() -> Path:
    """The folder of the progress of all trainings: ``RELAB_STATE``, or ``state`` in the run.

    Raises:
        UserError: where it is not known which folder that is.
    """
    return environment_folder("RELAB_STATE") or Path("state")


def language_model_parser(description: str | None, what: str = "as token ids (Arrow)") -> argparse.ArgumentParser:
    """The options of every program that trains a language model on splits of a corpus (or of ``what`` else)."""
    splits = {"train": f"training split {what}", "validation": f"validation split {what}"}
    return training_parser(description, splits, "model directory, named as the model")


def policy_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of every program that trains a policy."""
    cli = language_model_parser(description, "of preferences, whose prompts are answered (Parquet)")
    cli.add_argument("--base", required=True, type=Path, metavar="FOLDER", help="model directory of the base")
    cli.add_argument("--reward-model", required=True, type=Path, metavar="FOLDER", help="directory of the reward model")
    return cli


def run_training(
    args: argparse.Namespace,
    settings: type[BaseModel],
    train: Callable[..., Trained],
    *,
    files: Callable[[Any], Sequence[str]],
    inputs: Callable[[Any], Sequence[Path]],
    stop: StopSignal,
) -> None:
    """Train, and write a directory and its record.

    Args:
        args: the options.
        settings: class of the job's settings.
        train: trains by the job's settings; its keywords are those of :func:`relab.training.job.run` and the ``device``.
        files: the files that a job of these settings writes.
        inputs: the files that its result depends on.
        stop: notes a signal that asks to stop.
    """
    from relab.device import device_name, pick_device, prepare_device
    from relab.training.processes import Processes, start_processes
    from relab.training.state import State, fingerprint

    job = job_settings(args, settings)
    start_processes(args.cards)
    device = pick_device()
    prepare_device(device, job.threads)
    folder = args.state / f"{args.output_dir.name}-{fingerprint(job_spec(args), inputs(job))}"
    with Processes.joined(device) as processes, _errors_with_key(args.output_dir):
        options = {"device": device, "code": args.code, "stop": stop, "processes": processes}
        if not processes.first:
            train(job, state=State(folder), **options)
            return
        with State.open(folder, args.checkpoint_seconds) as state:
            with record_provenance(args, outputs=[args.output_dir / name for name in files(job)]) as entry:
                try:
                    trained = train(job, state=state, **options)
                except UserError:
                    if stop.signal == StopSignal.TIME_IS_UP and state.advanced:
                        requeue()
                    raise
                trained.write(args.output_dir)
                metadata = {"device": device_name(device), "seed": job.seed, "attempts": state.attempt}
                entry |= {**metadata, **trained.summary()}
            state.finish()


@contextmanager
def _errors_with_key(folder: Path) -> Iterator[None]:
    """Begin the messages of errors that name a key of the job's settings with that of the model in ``folder``."""
    try:
        yield
    except UserError as error:
        is_key = re.match(r"[a-z_]+(\.[a-z_]+)*: ", str(error))
        raise UserError(f"{folder.parent.name}.{folder.name}.{error}" if is_key else str(error)) from None


def train_language_model(
    args: argparse.Namespace,
    settings: type[BaseModel],
    start: Callable[[Any, Any], InitialModel],
    *,
    model_files: Sequence[str],
    inputs: Sequence[Path],
    stop: StopSignal,
) -> None:
    """Train a language model on a corpus, and write its directory and its record.

    Args:
        args: the options.
        settings: class of the job's settings.
        start: returns the initial model for the settings and a device.
        model_files: the names of the model's files.
        inputs: files that the result depends on, besides the two splits.
        stop: notes a signal that asks to stop.
    """
    from relab.training.job import TrainedLanguageModel, files, train

    def train_from_start(job: Any, *, device: Any, **options: Any) -> TrainedLanguageModel:
        initial, splits = start(job, device), {"train": args.train, "validation": args.validation}
        return TrainedLanguageModel(initial, train(job, initial, **splits, device=device, **options))

    run_training(
        args, settings, train_from_start,
        files=lambda job: files(model_files),
        inputs=lambda job: [args.train, args.validation, *inputs],
        stop=stop,
    )  # fmt: skip


def train_on_dataset(
    args: argparse.Namespace,
    settings: type[BaseModel],
    start: Callable[[Any, Any], InitialModel],
    *,
    train: Callable[..., Trainer],
    model_files: Sequence[str],
    inputs: Sequence[Path],
    stop: StopSignal,
) -> None:
    """Train a model on the rows of a data set, such as pairs of a source and its target.

    ``train`` is that of the rows' kind, such as :func:`relab.training.pairs.train`; the other arguments are those of
    :func:`train_language_model`.
    """
    from relab.training.job import TrainedLanguageModel, files

    def train_from_start(job: Any, *, device: Any, **options: Any) -> TrainedLanguageModel:
        initial, splits = start(job, device), {"train": args.train, "validation": args.validation}
        return TrainedLanguageModel(initial, train(job, initial, **splits, device=device, **options), samples=False)

    run_training(
        args, settings, train_from_start,
        files=lambda job: files(model_files, samples=False),
        inputs=lambda job: [args.train, args.validation, *inputs],
        stop=stop,
    )  # fmt: skip
