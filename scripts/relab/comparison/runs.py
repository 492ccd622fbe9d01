"""A run, read from its folder: its report or the targets that were made, the jobs behind them, its settings."""

from __future__ import annotations

import os
import shlex
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from relab.errors import UserError
from relab.report.provenance import Job, Provenance

REPORT = "results/report.html"
SIDECAR = ".provenance.json"


@dataclass(frozen=True)
class Run:
    """A finished run, or one of which only some targets were made.

    ``jobs`` are the jobs behind its report, without the report's own, by the path of their record; without a ``report`` they
    are those whose inputs are still as they were used. ``leftovers`` are the other records.
    """

    folder: Path
    label: str
    report: Job | None
    jobs: dict[str, Job]
    leftovers: list[str]

    @property
    def scale(self) -> str:
        """Name of the scale; only the report knows it."""
        return self.report.spec["scale"] if self.report else "without a report"

    @property
    def about(self) -> str:
        """Description of the scale."""
        return self.report.spec.get("about", "") if self.report else ""

    @property
    def config(self) -> dict[str, Any] | None:
        """The configuration as merged from its layers, without the scale's name and description; only the report knows it."""
        if self.report is None:
            return None
        return {key: value for key, value in self.report.spec["config"].items() if key not in ("scale", "about")}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The digests of the files behind the report, by path in the run's folder."""
        return {path: digest for job in self.jobs.values() for path, digest in job.outputs.items()}

    def files(self, stage: str, suffix: str) -> dict[str, Path]:
        """The files behind the report that a stage made, in order of their paths in the run's folder."""
        paths = [path for path in self.outputs if path.startswith(f"results/{stage}/") and path.endswith(suffix)]
        return {path: self.folder / path for path in sorted(paths)}


def run_labels(a: Path, b: Path) -> tuple[str, str]:
    """Different labels for two folders: their paths below the folder that they share, or that folder's name.

    Raises:
        UserError: the same folder twice.
    """
    a, b = a.resolve(), b.resolve()
    if a == b:
        raise UserError(f"{a}: expected two runs, found the same folder twice; a second run is made with --directory")
    shared = Path(os.path.commonpath([a, b]))
    first, second = (run.relative_to(shared).as_posix() if run != shared else run.name or "root" for run in (a, b))
    return first, second


def read_run(folder: Path, label: str) -> Run:
    """Read a run from its folder.

    Raises:
        UserError: no such folder, nothing in it, or a run that is being made; the sentence says how to finish it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected a run's, which `{_finish_command(folder)}` would make")
    files = sorted((folder / "results").rglob(f"*{SIDECAR}"))
    if not files:
        raise UserError(f"{folder}: there are no results of a run in it; make them with `{_finish_command(folder)}`")
    _check_incomplete(folder)
    if not any((folder / path).exists() for path in (REPORT, REPORT + SIDECAR)):
        return _read_targets(folder, label, Provenance(files, folder))
    _check_report(folder)
    provenance = Provenance(files, folder)
    report = provenance.of(REPORT)
    if not isinstance(report.spec.get("config"), dict):
        raise UserError(f"{folder / report.file}: expected the run's configuration under spec.config, found none")
    behind = provenance.behind(report)
    _check_chain(folder, [report, *behind])
    jobs = {job.file: job for job in behind}
    recorded = {job.file for job in provenance.jobs if job is not report}
    return Run(folder, label, report, dict(sorted(jobs.items())), sorted(recorded - set(jobs)))


def _read_targets(folder: Path, label: str, provenance: Provenance) -> Run:
    """A run without a report: all targets that were made, but those made from what has changed since."""
    jobs = {}
    for job in provenance.jobs:
        try:
            _check_chain(folder, [job, *provenance.behind(job)])
        except UserError:
            continue
        jobs[job.file] = job
    return Run(folder, label, None, dict(sorted(jobs.items())), sorted({job.file for job in provenance.jobs} - set(jobs)))


def _finish_command(folder: Path) -> str:
    return f"snakemake --directory {shlex.quote(str(folder))} {REPORT}"


def _unfinished(folder: Path, what: str) -> UserError:
    command = _finish_command(folder)
    return UserError(
        f"{folder}: the run is not finished, {what}; finish it with `{command}` and the --configfile it was made with"
    )


def _check_report(folder: Path) -> None:
    for path in (REPORT, REPORT + SIDECAR):
        if not (folder / path).is_file():
            raise _unfinished(folder, f"{path} is missing")


def _check_incomplete(folder: Path) -> None:
    """Refuse a run with unfinished jobs: until a job succeeds, Snakemake keeps a file named by each output, in base 64."""
    marks = folder / ".snakemake" / "incomplete"
    for mark in sorted(marks.rglob("*")):
        if mark.is_file() and mark.name != "migration_underway":
            name = "".join(part.removeprefix("@") for part in mark.relative_to(marks).parts)
            path = urlsafe_b64decode(name).decode()
            raise _unfinished(folder, f"a job that makes {path} runs or was killed")


def _check_chain(folder: Path, jobs: list[Job]) -> None:
    """Refuse a run in which an input has changed since a job used it, or a file to compare is missing."""
    made = {path: digest for job in jobs for path, digest in job.outputs.items()}
    for job in jobs:
        for path, digest in sorted(job.inputs.items()):
            if made.get(path, digest) != digest:
                dependent = job.file.removesuffix(SIDECAR)
                raise _unfinished(folder, f"{path} has changed since {dependent} was made from it")
            if path.startswith("results/") and path not in made and not (folder / path).exists():
                raise _unfinished(folder, f"{path} is missing")
    for path in sorted(made):
        if path.startswith(("results/scores/", "results/tables/", "results/figures/")) and not (folder / path).is_file():
            raise _unfinished(folder, f"{path} is missing")
