"""The names for what people ask for: chapters and rows of the report, and the artefacts of a stage that it needs.

Importing this module stays cheap: Snakemake reads it on every start.
"""

from __future__ import annotations

from dataclasses import dataclass

from relab.artefacts.registry import KINDS
from relab.settings import report
from relab.settings.config import Resolved


@dataclass(frozen=True)
class Target:
    """A name for some files, and a title or sentence about them, without its full stop."""

    name: str
    about: str
    files: list[str]
    is_row: bool = False

    @property
    def description(self) -> str:
        """What the menu says of it: a row names its tables and figures, which are targets, too."""
        return " ".join([f"{self.about}.", *(self.files if self.is_row else ())])


def targets(settings: Resolved) -> list[Target]:
    """The chapters and rows in the report's order, then the stages in the order data flows."""
    contents = settings.contents
    chapters = [
        Target(chapter.key, f"Tables and figures of {chapter.id}: {chapter.title}", sum(contents.targets(chapter.key), []))
        for chapter in contents.chapters
    ]
    rows = [
        Target(section.id, section.title, sum(contents.targets(chapter.key, section.id), []), is_row=True)
        for chapter in contents.chapters
        for section in chapter.rows
    ]
    stages = [
        Target(
            "fetch" if kind.name == "assets" else kind.name, f"{kind.about} that the report needs", settings.needed_files(kind)
        )
        for kind in KINDS.values()
    ]
    return [
        *chapters,
        *rows,
        *stages,
        Target("features", "Every text that the report's probes need, encoded", report.features(settings)),
        Target("ledger", "What the write-ups found, scored", [report.LEDGER]),
    ]
