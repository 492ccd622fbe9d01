"""Tables of finetuned models: the base and each declaration a row, and the losses on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from relab.cells import format_fixed
from relab.judging.storage import Judgements, start_of
from relab.rows.shared import finetuning_names as names
from relab.rows.shared.best import Ranking, with_best
from relab.rows.shared.finetuning_names import FILES, Spec
from relab.rows.shared.histories import read_history
from relab.rows.shared.losses import FINAL, INITIAL
from relab.scores import Summaries
from relab.settings.models import Adaptation

#: Decimals of losses, perplexities, shares.
LOSSES, PERPLEXITIES, SHARES = 3, 2, 3

Cells = dict[str, str]


def models_table(
    spec: Spec,
    scores: Summaries,
    judgements: Judgements,
    measures: Callable[[str], Cells],
    good: Mapping[str, Ranking],
    more: Iterable[Cells] = (),
) -> pd.DataFrame:
    """The base and each declaration a row, means over its seeds; ``_low`` and ``_high`` are 95 % intervals over seeds and over
    what was measured, such as passages.

    ``parameters`` and ``megabytes`` (10⁶ bytes) are those of the file that it is stored in; ``start`` is the token that models
    read before each text. What a row does not have is empty.

    Args:
        measures: the cells of what the kind of row measures, by experiment.
        good: what is good in them, by column.
        more: rows after them.
    """
    base = spec.base_experiment
    how = "as published" if spec.base_kind == "published" else "the base"
    rows = [{"model": spec.base, "how": how, "seeds": "", **_stored(base, scores), **measures(base)}]
    rows[0]["start"] = _start(judgements, spec.base)
    for experiment, members in spec.experiments.items():
        row = {"model": experiment, "how": adaptation_label(spec.models[members[0]].adaptation), "seeds": str(len(members))}
        row |= {**_stored(experiment, scores), **_training(experiment, scores), **measures(experiment)}
        rows.append({**row, "start": _start(judgements, *members)})
    marked = with_best(list(zip((base, *spec.experiments), rows, strict=True)), scores, good)
    return pd.DataFrame([*marked, *more]).fillna("")


def adaptation_label(adaptation: Adaptation) -> str:
    """What of a model was trained, in words."""
    if adaptation.kind == "lora":
        return f"LoRA, rank {adaptation.rank}"
    if adaptation.kind == "prefix":
        return "a prefix that starts from a text" if adaptation.length is None else f"a prefix of {adaptation.length} tokens"
    return "all weights"


def _start(judgements: Judgements, *models: str) -> str:
    return start_of([text for (source, _), texts in judgements.items() if source in models for text in texts])


def _stored(experiment: str, scores: Summaries) -> Cells:
    parameters = scores.value(experiment, names.PARAMETERS, FILES)
    return {"parameters": f"{parameters:.0f}", "megabytes": format_fixed(scores.value(experiment, names.BYTES, FILES) / 1e6, 2)}


def _training(experiment: str, scores: Summaries) -> Cells:
    return {
        "steps": f"{scores.value(experiment, names.STEPS, 'train'):.0f}",
        "tokens_seen": f"{scores.value(experiment, names.TOKENS_SEEN, 'train'):.0f}",
        **scores.cells("mean_train_loss", experiment, names.MEAN_LOSS, "train", LOSSES),
        **scores.cells("train_loss", experiment, FINAL, "train", LOSSES),
        **scores.cells("first_loss", experiment, INITIAL, "validation", LOSSES),
        **scores.cells("last_loss", experiment, FINAL, "validation", LOSSES),
    }


def curve(spec: Spec, histories: Mapping[str, Path]) -> pd.DataFrame:
    """Every evaluation of every model: losses in nats a token, targets read so far, the learning rate from there on."""
    parts = []
    for name in spec.order:
        model, history = spec.models[name], read_history(histories[name])
        parts.append(
            pd.DataFrame(
                {
                    "model": f"{model.experiment} ({adaptation_label(model.adaptation)})",
                    "seed": model.seed,
                    "step": history.index,
                    "tokens_seen": history["tokens_seen"].astype(int),
                    "train_loss": [format_fixed(value, 4) for value in history["train_loss"]],
                    "validation_loss": [format_fixed(value, 4) for value in history["validation_loss"]],
                    "learning_rate": [f"{value:.4g}" for value in history["learning_rate"]],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
