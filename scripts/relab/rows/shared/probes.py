"""Rows that show probes, one a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relab.artefacts import datasets
from relab.artefacts.kind import Artefacts
from relab.errors import UserError
from relab.rows.contract import Place


def titles(probes: Iterable[str], artefacts: Artefacts) -> dict[str, str]:
    """What tables call the data sets of some probes, by name."""
    sets = [artefacts.probes[probe].settings.dataset for probe in probes]
    return {dataset: artefacts.datasets[dataset].settings.title for dataset in sets}


def shown_classifiers(probes: Iterable[str], artefacts: Artefacts) -> dict[str, Any]:
    """The settings of a job that scores the classifiers of some probes, or writes their tables: what they are, in order."""
    shown = {}
    for name in probes:
        settings = artefacts.probes[name].settings
        classes = datasets.classes(artefacts.datasets[settings.dataset].settings)
        shown[name] = {"dataset": settings.dataset, "classes": classes, "features": settings.features}
    return {"probes": shown, "order": list(shown)}


def check_datasets(probes: Iterable[str], place: Place, artefacts: Artefacts) -> None:
    """Refuse two probes of one data set.

    Raises:
        UserError: naming it.
    """
    sets = [artefacts.probes[probe].settings.dataset for probe in probes]
    if twice := sorted({dataset for dataset in sets if sets.count(dataset) > 1}):
        raise UserError(f"{place.key}.probes: two probes are fitted on {twice[0]!r}, expected one a data set")
