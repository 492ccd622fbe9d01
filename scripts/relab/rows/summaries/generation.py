"""How texts were generated: by the settings that each method has, beside those that the model was published with.

Transformers' ``generate()`` takes what an argument leaves open from the model's ``generation_config.json``: ``do_sample=False``
means beam search for a model whose file says ``num_beams: 4``. The sampler of this project takes nothing from there but the
token that a target has to start with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from relab.errors import UserError
from relab.rows.job import Job
from relab.rows.summaries.names import Sampled, TableSpec
from relab.rows.summaries.systems import System
from relab.settings.samplings import Method
from relab.texts.arguments import DRAWING, SEARCHING

#: The arguments of ``generate()`` that decide which text is generated, with what is taken where nothing is said.
ARGUMENTS: dict[str, Any] = {
    **{"do_sample": False, "num_beams": 1, "early_stopping": False, "length_penalty": 1.0, "no_repeat_ngram_size": 0},
    **{"repetition_penalty": 1.0, "temperature": 1.0, "top_k": 50, "top_p": 1.0},
    **{"min_length": 0, "max_length": None, "min_new_tokens": None, "max_new_tokens": None},
    **{"forced_bos_token_id": None, "forced_eos_token_id": None},
}
#: The row of what ``generate()`` does where it is told nothing.
OWN = "the model's own"


def generation_table(job: Job, spec: TableSpec, compared: Sequence[System]) -> pd.DataFrame:
    """A model's own settings a row, then a row for each way of asking it; what cannot act is left empty.

    Columns: ``model``, ``method``, ``search`` in words, and the arguments.
    """
    models = {sampled.settings_of for sampled in spec.sampled.values()}
    published, configs = (
        {model: _read(path) for model, path in job.by_name(name, models).items()} for name in ("generation", "config")
    )
    rows: list[dict[str, str]] = []
    shown = set()
    for system in compared:
        if system.method is None:
            continue
        sampled = spec.sampled[system.sampling]
        own = published[sampled.settings_of]
        if sampled.model not in shown:
            rows.append({"model": sampled.model, "method": OWN, **cells(_own(own))})
            shown.add(sampled.model)
        starts = own if configs[sampled.settings_of].get("is_encoder_decoder") else {}
        rows.append({"model": sampled.model, "method": system.name, **cells(_used(system.method, sampled, starts))})
    return pd.DataFrame(rows)


def cells(values: Mapping[str, Any]) -> dict[str, str]:
    """The cells of some arguments by name: how the text is searched, and each argument that acts; empty where none is set."""
    inert = {*(() if values["do_sample"] else DRAWING), *(() if values["num_beams"] > 1 else SEARCHING)}
    shown = {name: None if name in inert else values[name] for name in ARGUMENTS}
    return {"search": search(values), **{name: "" if value is None else str(value) for name, value in shown.items()}}


def search(values: Mapping[str, Any]) -> str:
    """How the text is found, in words."""
    if values["num_beams"] > 1:
        return f"{'drawn ' if values['do_sample'] else ''}beams, {values['num_beams']}"
    return "drawn" if values["do_sample"] else "most probable token"


def _own(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as a model's file has them, with what ``generate()`` takes where the file says nothing."""
    return {name: default if settings.get(name) is None else settings[name] for name, default in ARGUMENTS.items()}


def _used(method: Method, sampled: Sampled, starts: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a method used; ``starts``: the file of an encoder–decoder, which says what a target starts with."""
    of_method = {name: getattr(method, name) for name in ARGUMENTS if name in type(method).model_fields}
    return {
        **dict.fromkeys(ARGUMENTS),
        **of_method,
        "max_new_tokens": sampled.length,
        "forced_bos_token_id": starts.get("forced_bos_token_id"),
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: expected a model's settings in JSON ({error})") from None
