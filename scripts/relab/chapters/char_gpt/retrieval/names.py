"""What A9's jobs share: their options and settings, the names of systems and experiments."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import Field

from relab.probes.shown import ShownProbes, TitledProbes
from relab.probes.systems import BM25, fused
from relab.settings.base import Int
from relab.settings.probes import Retriever

SPLIT = "test"
#: The expectation of a ranking in random order.
CHANCE = "chance"
#: What tables call the features of a system.
WORDS, BOTH = "words", "both"
POOLINGS = {"cls": "[CLS]", "mean": "mean", "last": "last"}

#: The job's options that are lists of files, and what is in the files.
OPTIONS = {
    "rankings": "results/probes/{probe}/rankings.parquet of every probe",
    "corpus": "the documents of every data set (Parquet)",
    "queries": "the queries of every data set (Parquet)",
    "qrels": "the judgments of every data set (Parquet)",
}


class Probe(Retriever):
    """A retriever's settings as its job has them."""

    queries_are_documents: bool = Field(False, description="A query's id names it among the documents too.")
    threads: Int = Field(1, description="Compute threads.", ge=1)


Spec = ShownProbes[Probe]
TableSpec = TitledProbes[Probe]


def add_options(cli: argparse.ArgumentParser) -> None:
    """Add the options of :func:`relab.chapters.char_gpt.retrieval.files.read_probes`."""
    for name, told in OPTIONS.items():
        cli.add_argument(f"--{name}", nargs="+", required=True, type=Path, metavar="FILE", help=told)


def inputs(args: argparse.Namespace) -> list[Path]:
    """The files of those options."""
    return [path for name in OPTIONS for path in getattr(args, name)]


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
