"""Tables of the chapter: the curves that A1's figure is drawn from, final losses, text as training goes on, overlap.

Numbers are texts of a fixed number of decimals, so that the same scores give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from relab.cells import fixed
from relab.rows.shared.histories import read_history, read_samples, texts_at
from relab.chapters.char_gpt.names import BEST_STEP, CEILING, FLOOR, LINES, TEXTS, WORDS, at
from relab.chapters.char_gpt.sweep import CorpusName, Group, TableSpec, groups
from relab.rows.shared.losses import GAP
from relab.errors import UserError
from relab.scores import Summaries
from relab.settings.claims import Claim

#: Decimals of losses (nats per character, bits per byte) and of shares.
LOSS, SHARE = 4, 3


@dataclass(frozen=True)
class Files:
    """What the tables are written from, by model."""

    histories: Mapping[str, Path]
    samples: Mapping[str, Path]
    weights: Mapping[str, Path]


def table_names(corpora: Sequence[CorpusName]) -> list[str]:
    """Names of the chapter's tables."""
    kinds = ("progression", "overlap", "reported")
    return ["loss_curves", "final_losses", *(f"{kind}_{corpus.name}" for corpus in corpora for kind in kinds)]


def chapter_tables(
    settings: TableSpec, files: Files, scores: Summaries, claims: Mapping[str, Claim]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The chapter's tables by name (:func:`table_names`).

    Raises:
        UserError: where no model of a corpus is to be shown, or a score or a text is missing.
    """
    members, steps = groups(settings.models), settings.steps
    yield "loss_curves", loss_curves(members, settings.corpora, files.histories)
    sizes = {model: parameters(path) for model, path in files.weights.items()}
    yield "final_losses", final_losses(members, settings.corpora, scores, sizes)
    for corpus in (corpus.name for corpus in settings.corpora):
        shown = [group for group in members if group.corpus == corpus and group.shown(settings.where)]
        if not shown:
            raise UserError(f"chapters.char_gpt.progression.where: none of the models of the corpus {corpus} fits")
        yield f"progression_{corpus}", progression(shown, steps, scores, files.samples)
        yield f"overlap_{corpus}", overlap(corpus, shown, max(steps), scores)
        yield f"reported_{corpus}", reported(claims, corpus)


def loss_curves(groups: Sequence[Group], corpora: Sequence[CorpusName], histories: Mapping[str, Path]) -> pd.DataFrame:
    """Every evaluation of every model; columns ``corpus, title, model``, the varied keys, ``seed, step``, both losses."""
    titles = {corpus.name: corpus.title for corpus in corpora}
    parts = []
    for group in _ordered(groups, corpora):
        for seed, model in group.members.items():
            history = read_history(histories[model])
            losses = {loss: history[loss].map(_loss) for loss in ("train_loss", "validation_loss")}
            names = {"corpus": group.corpus, "title": titles[group.corpus], "model": group.label, **group.varied, "seed": seed}
            parts.append(pd.DataFrame({**names, "step": history.index, **losses}))
    return pd.concat(parts, ignore_index=True)


def final_losses(
    groups: Sequence[Group], corpora: Sequence[CorpusName], scores: Summaries, sizes: Mapping[str, int]
) -> pd.DataFrame:
    """A model and corpus a row: where training ended and where it was best, means over seeds; ``sizes`` in parameters.

    ``_low`` and ``_high`` are 95 % intervals over seeds and segments of text; ``gap`` is the validation loss less the training
    loss, both measured without dropout.
    """
    return pd.DataFrame([_final(group, scores, sizes) for group in _ordered(groups, corpora)])


def _ordered(groups: Sequence[Group], corpora: Sequence[CorpusName]) -> list[Group]:
    return [group for corpus in corpora for group in groups if group.corpus == corpus.name]


def _final(group: Group, scores: Summaries, sizes: Mapping[str, int]) -> dict[str, Any]:
    name = group.experiment
    return {
        "corpus": group.corpus,
        "model": group.label,
        "parameters": sizes[next(iter(group.members.values()))],
        "seeds": len(group.members),
        **scores.cells("validation_loss", name, "final loss", digits=LOSS),
        **scores.cells("best_loss", name, "best loss", digits=LOSS),
        "best_step": _range(scores.per_seed(name, BEST_STEP)["value"]),
        **scores.cells("train_loss", name, "final loss", "train", LOSS),
        **scores.cells("gap", name, GAP, digits=LOSS),
        **scores.cells("bits_per_byte", name, "final bits per byte", digits=LOSS),
    }


def _range(steps: pd.Series) -> str:
    """Steps of the seeds: ``500``, or ``450–500`` where they differ."""
    known = steps.dropna()
    return "–".join(dict.fromkeys(f"{step:.0f}" for step in (known.min(), known.max()))) if len(known) else ""


def progression(groups: Sequence[Group], steps: Sequence[int], scores: Summaries, samples: Mapping[str, Path]) -> pd.DataFrame:
    """A step and model a row: the first text that the lowest seed's model sampled then (never a chosen one), the mean loss
    over seeds, and the shares of whole lines and words of the ``texts`` of all seeds that stand in the corpus."""
    logs = {model: read_samples(samples[model]) for group in groups for model in group.members.values()}

    def texts(group: Group, step: int) -> dict[int, list[str]]:
        return {seed: texts_at(logs[model], step, samples[model]).texts for seed, model in group.members.items()}

    return pd.DataFrame([_progress(group, step, scores, texts(group, step)) for step in sorted(set(steps)) for group in groups])


def _progress(group: Group, step: int, scores: Summaries, texts: Mapping[int, list[str]]) -> dict[str, Any]:
    seed = min(texts)
    return {
        "step": step,
        "model": group.label,
        "seed": seed,
        "text": texts[seed][0],
        **scores.cells("validation_loss", group.experiment, at("loss", step), digits=LOSS),
        "seeds": len(group.members),
        **_shares(group.experiment, scores, at(LINES, step), at(WORDS, step)),
        "texts": sum(len(one) for one in texts.values()),
    }


def overlap(corpus: str, groups: Sequence[Group], step: int, scores: Summaries) -> pd.DataFrame:
    """Shares of real lines and words: held-out text (the ceiling), each model at ``step``, drawn characters (the floor)."""

    def row(experiment: str, label: str, step: int | str, lines: str, words: str) -> dict[str, Any]:
        found = scores.find(experiment, words, TEXTS)
        counts = {"seeds": int(found["seeds"]), "texts": int(found["n"])}
        return {"text": label, "step": step, **counts, **_shares(experiment, scores, lines, words)}

    models = [row(group.experiment, group.label, step, at(LINES, step), at(WORDS, step)) for group in groups]
    ceiling, floor = (row(f"{corpus}/{name}", name, "", LINES, WORDS) for name in (CEILING, FLOOR))
    return pd.DataFrame([ceiling, *models, floor])


def _shares(experiment: str, scores: Summaries, lines: str, words: str) -> dict[str, str]:
    """Mean shares over seeds with their intervals over seeds and texts."""
    return {
        **scores.cells("lines_in_corpus", experiment, lines, TEXTS, SHARE),
        **scores.cells("words_in_corpus", experiment, words, TEXTS, SHARE),
    }


def reported(claims: Mapping[str, Claim], corpus: str) -> pd.DataFrame:
    """The write-up's own losses for a corpus, as config/claims.yaml has them."""
    figures = [claim.reported for claim in claims.values() if claim.reported and claim.reported.corpus == corpus]
    rows = [{"corpus": one.title, "step": one.step, "model": one.model, "loss": _loss(one.loss)} for one in figures]
    return pd.DataFrame(rows, columns=["corpus", "step", "model", "loss"])


def parameters(weights: Path) -> int:
    """Number of parameters in a safetensors file, from its header alone."""
    from safetensors import safe_open

    with safe_open(weights, framework="numpy") as tensors:
        shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def _loss(value: float) -> str:
    return fixed(value, LOSS)
