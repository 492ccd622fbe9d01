"""Artefacts that were recomputed from one run to the other, and why: an outer join of the jobs' records."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from relab.comparison.runs import SIDECAR, Run
from relab.comparison.settings import Difference, differences
from relab.report.provenance import Job

KEPT, SAME, CHANGED, ONLY_A, ONLY_B = STATUSES = (
    "not recomputed",
    "recomputed, same bytes",
    "recomputed, changed",
    "only in A",
    "only in B",
)

#: Outputs that hold times, so that they differ each time they are made.
VARYING_FILES = {"speed.csv"}


@dataclass(frozen=True)
class Artefact:
    """The output of a job in both runs: the rule, its main output, its status, and what differs in its records."""

    job: str
    path: str
    status: str
    why: list[str]


def join_artefacts(a: Run, b: Run) -> list[Artefact]:
    """The artefacts behind either report, in order of rule and path."""
    artefacts = []
    for file in a.jobs.keys() | b.jobs.keys():
        old, new = a.jobs.get(file), b.jobs.get(file)
        status = _status(old, new)
        why = reasons(old, new) if status in (SAME, CHANGED) else []
        artefacts.append(Artefact((new or old).job, file.removesuffix(SIDECAR), status, why))
    return sorted(artefacts, key=lambda artefact: (artefact.job, artefact.path))


def settings_of_jobs(a: Run, b: Run) -> list[Difference]:
    """The settings that differ between the records of the jobs that both runs have, each change once, at a rule that got it."""
    rules: dict[Difference, str] = {}
    for file in sorted(a.jobs.keys() & b.jobs.keys()):
        for difference in differences(a.jobs[file].spec, b.jobs[file].spec):
            rules.setdefault(difference, a.jobs[file].job)
    named = [Difference(f"{rule}: {change.key}", change.old, change.new) for change, rule in rules.items()]
    return sorted(named, key=lambda difference: difference.key)


def count_by_status(artefacts: list[Artefact]) -> dict[str, int]:
    """The number of artefacts of each status, 0 included."""
    numbers = Counter(artefact.status for artefact in artefacts)
    return {status: numbers[status] for status in STATUSES}


def group_by_job(artefacts: list[Artefact]) -> dict[str, list[Artefact]]:
    """The artefacts by the rule that made them."""
    groups: dict[str, list[Artefact]] = {}
    for artefact in artefacts:
        groups.setdefault(artefact.job, []).append(artefact)
    return groups


def _status(old: Job | None, new: Job | None) -> str:
    if old is None or new is None:
        return ONLY_B if old is None else ONLY_A
    if old.started == new.started and old.outputs == new.outputs:
        return KEPT
    changed = [path for path in _differing_keys(old.outputs, new.outputs) if PurePosixPath(path).name not in VARYING_FILES]
    return CHANGED if changed else SAME


def reasons(old: Job, new: Job) -> list[str]:
    """The differences between two records of a job, in words: settings, code, inputs, versions, device, precision."""
    why = [f"setting {difference}" for difference in differences(old.spec, new.spec)]
    if old.code != new.code:
        why.append("its code")
    before, after = _inputs(old), _inputs(new)
    for path in _differing_keys(before, after):
        why.append(f"input {path}" + (" (only in B)" if path not in before else " (only in A)" if path not in after else ""))
    why += [
        f"version of {name}: {old.versions[name]} → {new.versions[name]}"
        for name in _differing_keys(old.versions, new.versions)
        if name in old.versions and name in new.versions  # forks of one process have imported more than they use
    ]
    if old.device != new.device:
        why.append(f"device: {old.device} → {new.device}")
    if old.precision and new.precision and old.precision != new.precision:  # an older record names none
        why.append(f"precision: {old.precision} → {new.precision}")
    return why


def _inputs(job: Job) -> dict[str, str]:
    """Digests of inputs by path, without the leading ``../``, which differ from one run's folder to another's."""
    return {re.sub(r"^(\.\./)+", "", path): digest for path, digest in job.inputs.items()}


def _differing_keys(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
