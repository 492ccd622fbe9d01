"""Made-up runs in a folder, with records of jobs in their real form: nothing is computed."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import pandas as pd

from relab.jobs import record_provenance
from relab.scores import score, with_summary
from relab.settings.report import PageSpec

SCORES = "results/scores/char_gpt/losses.parquet"
TABLE = "results/tables/char_gpt/losses.csv"
FIGURE = "results/figures/char_gpt/losses.svg"
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 40"><rect id="box" width="{}" height="9"/><use href="#box"/></svg>'
)


def job(run: Path, rule: str, outputs: dict[str, bytes], inputs: Iterable[str] = (), spec=None, **changes) -> Path:
    """Write a job's outputs and its record below ``run``; ``changes`` replace what the record says. Returns the record."""
    for path, content in outputs.items():
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_bytes(content)
    sidecar = f"{next(iter(outputs))}.provenance.json"
    args = Namespace(spec=json.dumps(spec or {}), code="0123", run="", rehearsal=False, provenance=Path(sidecar))
    here = Path.cwd()
    os.chdir(run)
    try:
        named, outside = mock.patch.object(sys, "argv", [f"{rule}.py"]), mock.patch("relab.jobs.git_commit", dict)
        with named, outside, record_provenance(args, inputs=inputs, outputs=outputs):
            pass
    finally:
        os.chdir(here)
    entry = json.loads((run / sidecar).read_text(encoding="utf-8"))
    entry |= {"started": "2026-01-02T03:04:05+00:00", **changes}
    (run / sidecar).write_text(json.dumps(entry), encoding="utf-8")
    return run / sidecar


def rows(**metrics: Iterable[float]) -> pd.DataFrame:
    """Scores of one experiment, a value a seed for each metric, with their summaries."""
    values = [
        score("italian", seed, "validation", name, value) for name, found in metrics.items() for seed, value in enumerate(found)
    ]
    return pd.DataFrame(with_summary(values))


def make_run(
    run: Path,
    *,
    scale: str = "small",
    width: int = 32,
    scores: pd.DataFrame | None = None,
    data: str = "",
    table: str = "width,text\n32,Nel mezzo\n",
    bar: int = 5,
    config: dict | None = None,
    **changes,
) -> Path:
    """A finished run of six jobs: corpus, model, scores, table, figure, report. ``changes`` apply to all records."""
    scores = rows(loss=[2.0, 2.2]) if scores is None else scores
    corpus, model = "results/corpora/italian/train.parquet", f"results/models/italian-w{width}/model.safetensors"
    job(run, "clean_corpus", {corpus: b"text"}, spec={"reader": {"kind": "bible"}}, **changes)
    speed = {model.replace("model.safetensors", "speed.csv"): os.urandom(8)}
    job(run, "train_model", {model: b"weights %d" % width} | speed, [corpus], {"width": width}, **changes)
    parquet = scores.assign(data=data) if data else scores
    job(run, "score_char_gpt", {SCORES: parquet.to_parquet(index=False)}, [model], **changes)
    job(run, "tabulate", {TABLE: table.encode()}, [SCORES], **changes)
    job(run, "plot", {FIGURE: SVG.format(bar).encode()}, [TABLE], **changes)
    config = config or {"threads": 1, "models": {"gpt": {"width": width}}}
    spec = PageSpec(scale=scale, about=f"The {scale} scale.", config=config, overview=["corpora"])
    job(run, "build_report", {"results/report.html": b"<!DOCTYPE html>"}, [TABLE, FIGURE], spec.model_dump(), **changes)
    return run


def without_report(run: Path) -> Path:
    """The run as it is where targets were made one by one."""
    for path in ("results/report.html", "results/report.html.provenance.json"):
        (run / path).unlink()
    return run
