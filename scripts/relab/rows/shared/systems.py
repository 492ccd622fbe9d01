"""Systems that predict the rows of one test split: their metrics, the names of their experiments, the probes they belong to."""

from __future__ import annotations

from pydantic import Field

from relab.settings.base import Name, Settings

SPLIT, VALIDATION = "test", "validation"
ACCURACY, MACRO_F1 = "accuracy", "macro-F1"


class ClassifierProbe(Settings):
    """A probe whose classifiers are shown."""

    dataset: Name = Field(description="Its data set.")
    classes: list[str] = Field(description="The classes in the order of tables.")
    features: list[str] = Field(description="Its features.")


def f1_of(label: str) -> str:
    """The metric of one class."""
    return f"F1 of {label}"


def experiment(data: str, system: str, other: str = "") -> str:
    """The experiment of a system on a data set, or of what it has beyond another one, row by row."""
    return f"{data}/{system} − {other}" if other else f"{data}/{system}"
