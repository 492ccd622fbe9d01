"""What the jobs of a row share: their settings, the names of experiments, what tables say of each metric.

Experiments are ``{name of the row}/{system}``, where a baseline is a system too, and ``… − {system}`` of what one has beyond
another, pair by pair; the split is that of the pairs. ``BLEU p`` of a difference is the two-sided p-value of a paired
randomisation test (:func:`relab.statistics.randomisation_p`), uncorrected. Of trained models there are ``{name of the
row}/{model}`` with the split ``files``: counts of parameters and the size of what is stored.
"""

from __future__ import annotations

from relab.rows.shared.systems import NamedRow
from relab.settings.base import Int, Name, Settings

COPY, LEAD = "copy", "lead"
BASELINES = (COPY, LEAD)

#: Metrics of a row that names none.
DEFAULT_METRICS = ("ROUGE-1", "ROUGE-L", "BLEU", "chrF", "exact match", "length ratio", "copied words", "cut by the limit")

#: Metrics that are drawn: the first ones.
DRAWN = 4

FILES = "files"
PARAMETERS, TRAINED, BYTES = "parameters", "trained parameters", "bytes on disk"


class TargetSystem(Settings):
    """Texts of a sampling by one of its methods."""

    sampling: Name
    method: str


class Spec(NamedRow):
    """Settings of the jobs that score the row and write its tables: systems by name, their order, the baselines after them."""

    dataset: Name
    split: str
    systems: dict[str, TargetSystem]
    order: list[str]
    baselines: list[str]
    lead: Int
    metrics: list[str]
    compared_with: str | None = None
    language: str | None = None
    examples: Int = 0

    @property
    def samplings(self) -> list[str]:
        """The samplings of the systems, each once."""
        return list(dict.fromkeys(self.systems[name].sampling for name in self.order))

    @property
    def compared(self) -> list[str]:
        """The systems that are compared with another one."""
        names = [*self.order, *self.baselines]
        return [] if self.compared_with is None else [name for name in names if name != self.compared_with]

    def label(self, system: str) -> str:
        """What tables call a system: its name, and a baseline by what it is."""
        return baseline_label(system, self.lead) if system in self.baselines else system


def baseline_label(baseline: str, lead: int) -> str:
    """What tables call a baseline; ``lead`` is the number of sentences that :data:`LEAD` takes."""
    if baseline == COPY:
        return "the source itself"
    return "the first sentence" if lead == 1 else f"the first {lead} sentences"


class CostModel(Settings):
    """A trained model: what tables call it, its seed, what of it was trained, and for an adapter its base."""

    label: str
    seed: Int
    trained: str
    base: Name | None = None


class CostSpec(Settings):
    """Settings of the job that writes what training took."""

    name: Name
    models: dict[Name, CostModel]
    order: list[Name]
