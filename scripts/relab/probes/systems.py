"""Names of the systems of a retriever."""

from __future__ import annotations

from relab.settings.probes import Retriever

BM25 = "BM25"


def fused(features: str) -> str:
    """The name of the fusion of a cosine ranking and BM25."""
    return f"{features} + {BM25}"


def systems(probe: Retriever) -> list[str]:
    """The systems of a retriever: a cosine for each of its features, BM25, and each cosine fused with it."""
    return [*probe.features, BM25, *map(fused, probe.features)]
