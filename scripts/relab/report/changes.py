"""What changed since the last report of a run: verdicts and settings.

Snakemake deletes the page before it is built anew, so what a report said is kept in the run's state, the last two different
reports: a page built again from the same files says again what changed, and the first page of a run that nothing did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relab.comparison.settings import Difference, differences
from relab.files import environment_folder, short_digest, write_json

#: Reports that are kept: the last one, and the one before it.
KEPT = 2


@dataclass(frozen=True)
class Changes:
    """The claims whose verdict changed, with both (``None`` where a report lacks the claim), and the settings that differ."""

    verdicts: dict[str, tuple[str | None, str | None]]
    settings: list[Difference]

    @classmethod
    def between(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
        """What changed from one report to another, each as :func:`report_summary` has it."""
        before, after = old["verdicts"], new["verdicts"]
        verdicts = {name: (before.get(name), after.get(name)) for name in {**after, **before}}
        changed = {name: pair for name, pair in verdicts.items() if pair[0] != pair[1]}
        return cls(changed, differences(old["config"], new["config"]))


def report_summary(claims: Iterable[Mapping[str, str]], config: Mapping[str, Any]) -> dict[str, Any]:
    """What a report says that the next one compares itself with: verdicts by claim, and the configuration."""
    verdicts = {claim["claim"]: claim["verdict"] for claim in claims}
    return json.loads(json.dumps({"verdicts": verdicts, "config": dict(config)}))  # as it is read from a file


def history_file() -> Path:
    """The file of what the reports of the run in the current folder said: in its ``state``, or below ``RELAB_STATE``."""
    shared = environment_folder("RELAB_STATE")
    return shared / f"report-{short_digest(str(Path.cwd()))}.json" if shared else Path("state/report.json")


class History:
    """What the last reports of a run said, in a file that a first report lacks."""

    def __init__(self, path: Path):
        self.path = path
        try:
            reports = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # what was said is lost, and the report is not
            reports = []
        self.reports = [report for report in reports if {"verdicts", "config"} <= set(report)]

    def changes(self, new: Mapping[str, Any]) -> Changes | None:
        """What changed since the last report that said something else; ``None`` where there is none."""
        earlier = [report for report in self.reports if report != new]
        return Changes.between(earlier[-1], new) if earlier else None

    def add(self, new: Mapping[str, Any]) -> None:
        """Keep what the report says, in the place of the oldest one."""
        if not self.reports or self.reports[-1] != new:
            self.reports = [*self.reports, new][-KEPT:]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, self.reports)
