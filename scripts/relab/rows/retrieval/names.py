"""What the jobs of a row share: their settings, the names of features and metrics."""

from __future__ import annotations

from relab.probes.systems import BM25, fused_system
from relab.rows.shared.shown_probes import ShownProbes
from relab.settings.base import Int
from relab.settings.probes import Retriever

#: What tables call the features of a system.
BOTH = "both"
POOLINGS = {"cls": "[CLS]", "mean": "mean", "last": "last"}


class Probe(Retriever):
    """A retriever's settings as its job has them: with ``queries_are_documents``, a query's id names it among these too."""

    queries_are_documents: bool = False
    threads: Int = 1


Spec = ShownProbes[Probe]


def features_of(system: str, probe: Probe, words: str) -> str:
    """What a system of a probe looks at, as tables call it; nothing for chance. ``words``: how those of BM25 are told."""
    for encoder in probe.encoders:
        for pooling in probe.pooling:
            if system == f"{encoder} {pooling}":
                return POOLINGS[pooling]
            if system == fused_system(f"{encoder} {pooling}"):
                return BOTH
    return words if system == BM25 else ""
