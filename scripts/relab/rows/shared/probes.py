"""Rows that show probes, one a data set."""

from __future__ import annotations

from typing import Any

from relab.artefacts import datasets, probes
from relab.artefacts.kind import Artefacts
from relab.errors import UserError
from relab.rows.contract import RowPaths, RowSettings
from relab.settings.base import spec


class ProbesRow(RowSettings):
    """Probes, one a data set; a kind of row says of which kind they are."""

    probes: list[str]

    def datasets(self, artefacts: Artefacts) -> list[str]:
        """The data set of each."""
        return [artefacts.probes[probe].settings.dataset for probe in self.probes]

    def probe_files(self, file: str) -> list[str]:
        """A file of each."""
        return [probes.file(probe, file) for probe in self.probes]

    def shown(self, probe: str, artefacts: Artefacts) -> dict[str, Any]:
        """What a job knows of a probe."""
        return spec(artefacts.probes[probe].settings)

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {}
        shown = {"probes": {probe: self.shown(probe, artefacts) for probe in self.probes}, "order": self.probes}
        if step == "score":
            return shown
        titles = {dataset: artefacts.datasets[dataset].settings.title for dataset in self.datasets(artefacts)}
        return {**shown, "titles": titles}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        sets = self.datasets(artefacts)
        if twice := sorted({dataset for dataset in sets if sets.count(dataset) > 1}):
            raise UserError(f"{paths.key}.probes: two probes are fitted on {twice[0]!r}, expected one a data set")


class ClassifiersRow(ProbesRow):
    """Probes that are classifiers on frozen features."""

    def shown(self, probe: str, artefacts: Artefacts) -> dict[str, Any]:
        settings = artefacts.probes[probe].settings
        classes = datasets.classes(artefacts.datasets[settings.dataset].settings)
        return {"dataset": settings.dataset, "classes": classes, "features": settings.features}
