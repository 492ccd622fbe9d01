"""What the jobs of a row share: their settings, the names of systems and experiments."""

from __future__ import annotations

from pydantic import Field

from relab.probes.systems import BM25, fused
from relab.rows.shared.shown_probes import ShownProbes, TitledProbes
from relab.settings.base import Int
from relab.settings.probes import Retriever

SPLIT = "test"
#: The expectation of a ranking in random order.
CHANCE = "chance"
#: What tables call the features of a system.
WORDS, BOTH = "words", "both"
POOLINGS = {"cls": "[CLS]", "mean": "mean", "last": "last"}


class Probe(Retriever):
    """A retriever's settings as its job has them."""

    queries_are_documents: bool = Field(False, description="A query's id names it among the documents too.")
    threads: Int = Field(1, description="Compute threads.", ge=1)


Spec = ShownProbes[Probe]
TableSpec = TitledProbes[Probe]


def features_of(system: str, probe: Probe) -> str:
    """What a system of a probe looks at, as tables call it; nothing for chance."""
    for encoder in probe.encoders:
        for pooling in probe.pooling:
            if system == f"{encoder} {pooling}":
                return POOLINGS[pooling]
            if system == fused(f"{encoder} {pooling}"):
                return BOTH
    return WORDS if system == BM25 else ""


def difference(dataset: str, system: str) -> str:
    """The experiment of a system less BM25, query by query."""
    return f"{dataset}/{system} − {BM25}"


def p_value(metric: str) -> str:
    """The metric of the p-value of a difference."""
    return f"{metric} p"
