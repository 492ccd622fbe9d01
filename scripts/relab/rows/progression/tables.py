"""Tables of text as training goes on: the texts by step and model, how much of them is in the corpus, reported losses.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.rows.job import MAIN, Job
from relab.rows.progression.names import DRAWN, HELD_OUT, LINES, TEXTS, WORDS, Spec
from relab.rows.shared.histories import read_samples, texts_at
from relab.rows.shared.losses import LOSS, at
from relab.rows.shared.sweeps import Group, groups, label
from relab.scores import Summaries
from relab.settings.base import Scalar

#: Decimals of losses (nats per token) and of shares.
LOSS_DIGITS, SHARE_DIGITS = 4, 3


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(Spec)
    shown, scores = groups(spec.models), Summaries.read(job.file("scores"))
    return {
        MAIN: progression(shown, spec.steps, scores, job.by_name("samples", spec.models)),
        "overlap": overlap(shown, max(spec.steps), scores),
        "reported": reported(spec.reported),
    }


def progression(groups: Sequence[Group], steps: Sequence[int], scores: Summaries, samples: Mapping[str, Path]) -> pd.DataFrame:
    """A step and model a row: the first text that the lowest seed's model sampled then (never a chosen one), the mean loss
    over seeds, and the shares of whole lines and words of the ``texts`` of all seeds that stand in the corpus."""
    logs = {model: read_samples(path) for model, path in samples.items()}

    def texts(group: Group, step: int) -> dict[int, list[str]]:
        return {seed: texts_at(logs[model], step, samples[model]).texts for seed, model in group.members.items()}

    return pd.DataFrame([_progress(group, step, scores, texts(group, step)) for step in steps for group in groups])


def _progress(group: Group, step: int, scores: Summaries, texts: Mapping[int, list[str]]) -> dict[str, Any]:
    seed = min(texts)
    return {
        "step": step,
        "model": group.label,
        "seed": seed,
        "text": texts[seed][0],
        **scores.cells("validation_loss", group.experiment, at(LOSS, step), digits=LOSS_DIGITS),
        "seeds": len(group.members),
        **_shares(group.experiment, scores, at(LINES, step), at(WORDS, step)),
        "texts": sum(map(len, texts.values())),
    }


def overlap(groups: Sequence[Group], step: int, scores: Summaries) -> pd.DataFrame:
    """Shares of real lines and words: those of held-out text, of each model of one corpus at ``step``, of drawn characters."""

    def row(experiment: str, label: str, step: int | str, lines: str, words: str) -> dict[str, Any]:
        summary = scores.find(experiment, words, TEXTS)
        counts = {"seeds": int(summary["seeds"]), "texts": int(summary["n"])}
        return {"source": label, "step": step, **counts, **_shares(experiment, scores, lines, words)}

    models = [row(group.experiment, group.label, step, at(LINES, step), at(WORDS, step)) for group in groups]
    held_out, drawn = (row(f"{groups[0].corpus}/{name}", name, "", LINES, WORDS) for name in (HELD_OUT, DRAWN))
    return pd.DataFrame([held_out, *models, drawn])


def _shares(experiment: str, scores: Summaries, lines: str, words: str) -> dict[str, str]:
    """Mean shares over seeds with their intervals over seeds and texts."""
    return {
        **scores.cells("lines_in_corpus", experiment, lines, TEXTS, SHARE_DIGITS),
        **scores.cells("words_in_corpus", experiment, words, TEXTS, SHARE_DIGITS),
    }


def reported(figures: Sequence[Mapping[str, Scalar]]) -> pd.DataFrame:
    """The write-up's losses, in its order; what else than the step and the loss stands beside one tells the model."""
    rows = []
    for figure in figures:
        model = label({key: value for key, value in figure.items() if key not in ("step", "loss")})
        loss = format_fixed(figure["loss"], LOSS_DIGITS)
        rows.append({"corpus": figure.get("corpus", ""), "step": figure["step"], "model": model, "loss": loss})
    return pd.DataFrame(rows, columns=["corpus", "step", "model", "loss"])
