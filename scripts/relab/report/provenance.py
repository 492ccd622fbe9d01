"""The provenance of files: the records that jobs wrote, and the chain of jobs behind a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from relab.errors import UserError
from relab.settings.base import check


class Job(BaseModel):
    """The record of a job, as :func:`relab.jobs.record_provenance` writes it; a job may add keys.

    All paths are relative to the run's folder, that of the record's ``file``, too.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    job: str
    spec: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str] = Field(min_length=1)
    versions: dict[str, str]
    started: str
    wall_seconds: float
    peak_memory_mib: int
    device: str
    precision: str = ""
    attempts: int
    code: str = ""
    commit: str = ""
    dirty: bool = False
    seed: Any = None
    rehearsal: bool = False

    @property
    def output(self) -> str:
        """Its main output, beside which the record stands."""
        beside = self.file.removesuffix(".provenance.json")
        return beside if beside in self.outputs else next(iter(self.outputs))

    @property
    def drawn_from(self) -> Any:
        """Its seed, by record or by settings; ``None`` where it draws nothing."""
        return self.seed if self.seed is not None else self.spec.get("seed")

    @property
    def revision(self) -> str:
        """The commit in short and whether files differed from it."""
        if not self.commit:
            return "outside a git checkout"
        return f"commit {self.commit[:10]}" + (" with uncommitted changes" if self.dirty else "")

    @cached_property
    def settings(self) -> str:
        """Its settings as indented JSON."""
        return json.dumps(self.spec, indent=1, sort_keys=True, ensure_ascii=False)


class Provenance:
    """All records, by the files that the jobs made and used."""

    def __init__(self, files: Iterable[str | os.PathLike], run: str | os.PathLike = ""):
        """Read the records; ``run`` is the folder of the run in which they lie.

        Raises:
            UserError: not a job's record, or two records of one file.
        """
        self.jobs = sorted((_read(Path(file), Path(run)) for file in files), key=lambda job: (job.job, job.output))
        self._numbers = {job.file: number for number, job in enumerate(self.jobs, start=1)}
        self._makers: dict[str, Job] = {}
        #: The versions of each distribution that any of the jobs has imported.
        self.versions: dict[str, list[str]] = {}
        for name in sorted({name for job in self.jobs for name in job.versions}):
            self.versions[name] = sorted({job.versions[name] for job in self.jobs if name in job.versions})
        for job in self.jobs:
            for output in job.outputs:
                maker = self._makers.setdefault(os.path.normpath(output), job)
                if maker is not job:
                    raise UserError(f"{job.file}: {output} was made by the job of {maker.file} too; expected one job a file")

    def of(self, path: str) -> Job:
        """The job that made ``path``.

        Raises:
            UserError: where no record has it among its outputs.
        """
        try:
            return self._makers[os.path.normpath(path)]
        except KeyError:
            raise UserError(f"{path}: none of the --records files has it among its outputs") from None

    def behind(self, job: Job) -> list[Job]:
        """The jobs whose outputs ``job`` used, directly or not, nearest first."""
        seen, jobs = {job.file}, [job]
        for user in jobs:
            for path in sorted(user.inputs):
                maker = self._makers.get(os.path.normpath(path))
                if maker and maker.file not in seen:
                    seen.add(maker.file)
                    jobs.append(maker)
        return jobs[1:]

    def anchor(self, job: Job) -> str:
        """The id of the job's entry in the page."""
        return f"job-{self._numbers[job.file]}"

    def differing_versions(self, job: Job) -> dict[str, str]:
        """The versions that a job ran with where jobs ran with several of a distribution."""
        return {name: version for name, version in job.versions.items() if len(self.versions[name]) > 1}

    def summary(self) -> dict[str, Any]:
        """What all jobs together were: number, revisions, devices, seconds of work, highest memory in MiB."""
        return {
            "jobs": len(self.jobs),
            "revisions": sorted({job.revision for job in self.jobs}),
            "devices": sorted({job.device for job in self.jobs}),
            "seconds": sum(job.wall_seconds for job in self.jobs),
            "memory": max((job.peak_memory_mib for job in self.jobs), default=0),
            "last": max((job.started for job in self.jobs), default=""),
        }


def _read(file: Path, run: Path) -> Job:
    try:
        entry = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{file}: expected the record of a job, found something else than JSON") from None
    if not isinstance(entry, dict):
        raise UserError(f"{file}: expected the record of a job, found {type(entry).__name__}")
    try:
        return check(Job, {**entry, "file": file.relative_to(run).as_posix()}, "")
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
