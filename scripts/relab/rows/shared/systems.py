"""Systems that predict the rows of one test split: their metrics, the names of their experiments, the probes they belong to."""

from __future__ import annotations

from relab.settings.base import Name, Settings

SPLIT, VALIDATION = "test", "validation"
ACCURACY, MACRO_F1 = "accuracy", "macro-F1"

#: What a blind choice or a ranking in random order is expected to reach.
CHANCE = "chance"


class NamedRow(Settings):
    """Settings of a job of a row, whose experiments begin with its name."""

    name: Name

    def experiment(self, system: str, other: str = "") -> str:
        """The experiment of a system, or of what it has beyond another one."""
        return experiment(self.name, system, other)


class ClassifierProbe(Settings):
    """A probe whose classifiers are shown: its classes and features in the order of tables."""

    dataset: Name
    classes: list[str]
    features: list[str]


def f1_of(label: str) -> str:
    """The metric of one class."""
    return f"F1 of {label}"


def experiment(data: str, system: str, reference: str = "") -> str:
    """The experiment of a system on a data set, or of what it has beyond another one, row by row."""
    return f"{data}/{system} − {reference}" if reference else f"{data}/{system}"


def p_value(metric: str) -> str:
    """The metric of the p-value of a difference."""
    return f"{metric} p"
