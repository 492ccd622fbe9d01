"""Which artefacts were recomputed from one run to the other, and why: an outer join of the jobs' records."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from relab.comparison.runs import SIDECAR, Run
from relab.comparison.settings import differences
from relab.report.provenance import Job

KEPT, SAME, CHANGED, ONLY_A, ONLY_B = STATUSES = (
    "not recomputed",
    "recomputed, same bytes",
    "recomputed, changed",
    "only in A",
    "only in B",
)

#: Outputs that hold times, so that they differ each time they are made.
VARYING = {"speed.csv"}


@dataclass(frozen=True)
class Artefact:
    """What one job made, in both runs: the rule, the main output, what became of it, and what differs in its records."""

    job: str
    path: str
    status: str
    why: list[str]


def join(a: Run, b: Run) -> list[Artefact]:
    """All artefacts behind either report, by rule and path."""
    found = []
    for file in a.jobs.keys() | b.jobs.keys():
        old, new = a.jobs.get(file), b.jobs.get(file)
        status = _status(old, new)
        why = reasons(old, new) if status in (SAME, CHANGED) else []
        found.append(Artefact((new or old).job, file.removesuffix(SIDECAR), status, why))
    return sorted(found, key=lambda one: (one.job, one.path))


def counts(artefacts: list[Artefact]) -> dict[str, int]:
    """Number of artefacts by status, every status named."""
    found = Counter(one.status for one in artefacts)
    return {status: found[status] for status in STATUSES}


def by_job(artefacts: list[Artefact]) -> dict[str, list[Artefact]]:
    """The artefacts in groups of one rule."""
    groups: dict[str, list[Artefact]] = {}
    for one in artefacts:
        groups.setdefault(one.job, []).append(one)
    return groups


def _status(old: Job | None, new: Job | None) -> str:
    if old is None or new is None:
        return ONLY_B if old is None else ONLY_A
    if old.started == new.started and old.outputs == new.outputs:
        return KEPT
    changed = [path for path in _differing(old.outputs, new.outputs) if PurePosixPath(path).name not in VARYING]
    return CHANGED if changed else SAME


def reasons(old: Job, new: Job) -> list[str]:
    """What differs between two records of a job: settings, code, inputs, versions, device."""
    why = [f"setting {difference}" for difference in differences(old.spec, new.spec)]
    if old.code != new.code:
        why.append("its code")
    before, after = _inputs(old), _inputs(new)
    for path in _differing(before, after):
        why.append(f"input {path}" + (" (only in B)" if path not in before else " (only in A)" if path not in after else ""))
    why += [
        f"version of {name}: {old.versions.get(name, 'not used')} → {new.versions.get(name, 'not used')}"
        for name in _differing(old.versions, new.versions)
    ]
    if old.device != new.device:
        why.append(f"device: {old.device} → {new.device}")
    return why


def _inputs(job: Job) -> dict[str, str]:
    """Inputs by path, the way up to the checkout left out: it differs from one run's folder to another's."""
    return {re.sub(r"^(\.\./)+", "", path): digest for path, digest in job.inputs.items()}


def _differing(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
