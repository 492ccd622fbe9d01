"""Documents ranked for queries: by the cosine of frozen vectors, by words, and by both."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from relab.artefacts import datasets, probes
from relab.artefacts.kind import Artefacts, Files
from relab.rows.contract import MAIN, RowPaths, Step
from relab.rows.shared.probes import ProbesRow
from relab.settings.references import Ref, of_kind


class Row(ProbesRow):
    """Ways of ranking documents for queries, on one data set or several: measures, recall by rank, examples."""

    kind: Literal["retrieval"]
    probes: list[Ref["probes", of_kind("a probe", "retriever")]] = Field(
        description="The retrievers, one a data set.", min_length=1
    )

    STEPS = (
        Step(
            "score", "Score rankings of documents against the judgments, beside chance, and against BM25.",
            "scores.score_rankings", scores=True, memory=2000, minutes=60,
        ),
        Step(
            "tabulate", "Write the tables of rankings: their measures, recall by rank, queries with their first documents.",
            "tables.tabulate", tables=(MAIN, "recall", "retrieval_examples"),
        ),
        Step(
            "draw", "Draw recall against the number of documents looked at, and measures of the rankings.", "figures.draw",
            figures=("retrieval", "retrieval_measures"),
        ),
    )  # fmt: skip

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            return {"recall": paths.table("recall"), "systems": paths.table()}
        sets = self.datasets(artefacts)
        parts = {part: [datasets.file(dataset, part) for dataset in sets] for part in ("corpus", "queries", "qrels")}
        rankings = {"rankings": self.probe_files("rankings.parquet")}
        return {**rankings, **parts, **({"scores": paths.scores} if step == "tabulate" else {})}

    def shown(self, probe: str, artefacts: Artefacts) -> dict[str, Any]:
        return probes.retrieval(artefacts, probe)
