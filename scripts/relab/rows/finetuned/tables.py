"""Tables of finetuned models beside their base: held-out passages, texts before and after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from relab.judging.storage import Judgements, read_judgements
from relab.metrics.parsing import parses, without_last_line
from relab.rows.finetuned.names import CHANGE, HELD_OUT, HUMAN, PARSES, PARSES_CUT, ScoreSpec
from relab.rows.finetuned.texts import joined, sampled
from relab.rows.job import MAIN, Job
from relab.rows.shared.best import LOWER, Ranking
from relab.rows.shared.finetuning_names import BITS, PERPLEXITY, TEXTS
from relab.rows.shared.finetuning_tables import PERPLEXITIES, SHARES, Cells, curve, models_table
from relab.scores import Summaries

BEFORE, AFTER = "before", "after"


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(ScoreSpec)
    scores = Summaries.read(job.file("scores"))
    return {
        MAIN: held_out_table(spec, scores, read_judgements(job.file("judgements"))),
        "texts": texts_table(spec, job.by_name("samples", spec.models)),
        "curve": curve(spec, job.by_name("histories", spec.models)),
    }


def held_out_table(spec: ScoreSpec, scores: Summaries, judgements: Judgements) -> pd.DataFrame:
    """The models as :func:`~relab.rows.shared.finetuning_tables.models_table` has them, on held-out passages; of source code a
    last row of real functions.
    """

    def measures(experiment: str) -> Cells:
        cells = _held_out(experiment, scores)
        if spec.source_code:
            cells |= _parsed(experiment, scores)
        if experiment != spec.base_experiment:
            cells |= scores.cells("change", experiment, CHANGE, HELD_OUT, PERPLEXITIES)
        return cells

    human = {"model": HUMAN, "how": "real functions", "seeds": ""}
    more = [{**human, **_parsed(spec.human_experiment, scores)}] if spec.source_code else []
    good = {"perplexity": Ranking(PERPLEXITY, LOWER, HELD_OUT)}
    return models_table(spec, scores, judgements, measures, good, more)


def _held_out(experiment: str, scores: Summaries) -> Cells:
    cells = scores.cells("perplexity", experiment, PERPLEXITY, HELD_OUT, PERPLEXITIES)
    cells |= scores.cells("bits_per_byte", experiment, BITS, HELD_OUT, SHARES)
    cells["passages"] = str(scores.find(experiment, PERPLEXITY, HELD_OUT)["n"])
    return cells


def _parsed(experiment: str, scores: Summaries) -> Cells:
    cells = scores.cells("parses", experiment, PARSES, TEXTS, SHARES)
    cells |= scores.cells("parses_cut", experiment, PARSES_CUT, TEXTS, SHARES)
    cells["texts"] = str(scores.find(experiment, PARSES, TEXTS)["n"])
    return cells


def texts_table(spec: ScoreSpec, samples: Mapping[str, Path]) -> pd.DataFrame:
    """Texts of the first model of each declaration, before its first step and after its last one; ``parses`` of texts of Python
    tells whether the parser accepts prompt and text, ``parses_cut`` the same without the unfinished last line.
    """
    rows = []
    for experiment, members in spec.experiments.items():
        for when, sample in zip((BEFORE, AFTER), sampled(samples[members[0]]), strict=True):
            for index, (text, whole) in enumerate(zip(sample.texts, joined(sample), strict=True)):
                row = {"model": experiment, "when": when, "index": str(index), "prompt": sample.prompt, "text": text}
                if spec.source_code:
                    row["parses"] = _word(parses(whole))
                    row["parses_cut"] = _word(parses(without_last_line(whole)))
                rows.append(row)
    return pd.DataFrame(rows)


def _word(holds: bool) -> str:
    return "yes" if holds else "no"
