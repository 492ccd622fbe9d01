"""A configuration cut to a few: steps, texts, tokens and seeds, so that every job of it takes a moment.

What refers to what, by which method and in which format stays as it is, and so do names but for swept numbers in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

STEPS, EVERY = 4, 2
#: Seeds of a sweep that are left.
SEEDS = 2

_TRAINING = {
    **{"steps": STEPS, "every": EVERY, "warmup": 2, "decay_steps": STEPS, "batch": 2, "accumulation": 2, "epochs": 1},
    **{"blocks": 4, "pairs": 4, "texts": 4, "number": 2, "length": 8, "evaluations": 1, "reference_texts": 4},
    **{"tokens": 32, "prompt_tokens": 8, "answer_tokens": 8, "source_tokens": 48, "target_tokens": 24},
}
#: The most that settings of these names may be, by the kind of artefact in whose settings they stand.
CAPS: dict[str, dict[str, int]] = {
    "models": _TRAINING | {"layers": 2, "encoder_layers": 1, "decoder_layers": 1},
    "classifiers": _TRAINING,
    "reward_models": _TRAINING,
    "corpora": {"limit": 400, "number": 80, "minimum_count": 1},
    "tokenizers": {"vocab_size": 340, "documents": 200},
    "samplings": {"length": 8, "min_new_tokens": 4, "number": 3, "tokens": 8},
    "datasets": {"train": 40, "validation": 20, "test": 20, "queries": 20, "corpus": 60, "first": 120, "pairs": 8},
    "encoders": {"tokens": 32, "batch_tokens": 256},
    "probes": {"epochs": 2, "hidden": 4, "draws": 1, "block": 16, "tokens": 32},
    "rows": {
        **{"every": EVERY, "number": 3, "characters": 40, "documents": 3, "human": 3, "equal_tokens": 4, "length": 5},
        **{"limit": 24, "measured_batch": 1, "tokens": 16, "examples": 2, "opening": 4},
    },
}
#: Lists of settings, by kind and name, and how they are cut.
LISTS: dict[str, dict[str, Callable[[list], list]]] = {
    "probes": {
        **{name: lambda values: values[:2] for name in ("regularisation", "seeds")},
        "penalties": lambda values: values[:1],
        "sizes": lambda values: [20],
    },
    "rows": {
        "shown_steps": lambda values: [EVERY, STEPS][: len(values)],
        "examples": lambda values: [0],
    },
}
#: The smallest share of a corpus for validation: a smaller one of so few documents is none.
VALIDATION = 0.1
#: The width of a network that would be wider than the largest here, and the number of its heads.
WIDE, WIDTH, HEADS = 256, 32, 2


def cuts(config: Mapping[str, Any]) -> dict[str, Any]:
    """The layer to lay over a checked configuration that cuts it; what is small enough already does not stand in it."""
    layers = {kind: _cut(kind, config.get(kind) or {}) for kind in CAPS}
    is_lost = _names_of_lost_seeds(config)
    for kind, layer in layers.items():
        for name, declared in (config.get(kind) or {}).items():
            for key, values in (declared.get("sweep") or {}).items():
                kept = [value for value in values if not (isinstance(value, str) and is_lost.fullmatch(value))]
                if kept != values and key != "seed":
                    layer.setdefault(name, {}).setdefault("sweep", {})[key] = kept
    return {kind: layer for kind, layer in layers.items() if layer}


def _names_of_lost_seeds(config: Mapping[str, Any]) -> re.Pattern[str]:
    """A pattern for the names of all members of sweeps whose seeds are not among the first."""
    patterns = []
    for declared in (declared for kind in CAPS for declared in (config.get(kind) or {}).values()):
        seeds = "|".join(map(str, (declared.get("sweep") or {}).get("seed", [])[SEEDS:]))
        if seeds and "{seed}" in (name := declared.get("name") or ""):
            parts = [re.sub(r"\\{.*?\\}", ".*", re.escape(part)) for part in name.split("{seed}")]
            patterns.append(f"(?:{seeds})".join(parts))
    return re.compile("|".join(patterns) or "(?!)")


def _cut(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    layer: dict[str, Any] = {}
    for key, value in settings.items():
        small = _smaller(kind, key, value)
        if small is not None:
            layer[key] = small
    if kind == "models" and settings.get("width", 0) > WIDE:
        layer |= {"width": WIDTH, "heads": HEADS}
    if kind == "corpora" and settings.get("validation", 1) < VALIDATION:
        layer["validation"] = VALIDATION
    if kind == "samplings" and "dataset" in settings and "number" not in settings:  # all of it
        layer["number"] = CAPS[kind]["number"]
    return layer


def _smaller(kind: str, key: str, value: Any) -> Any:
    """What a setting is cut to; None where it stays."""
    if key == "sweep":
        return _swept(kind, value or {})
    if isinstance(value, Mapping):
        return _cut(kind, value) or None
    name = key.rpartition(".")[2]
    if isinstance(value, list):
        cut = LISTS.get(kind, {}).get(name)
        return cut(value) if cut and cut(value) != value else None
    cap = CAPS[kind].get(name)
    return cap if cap is not None and isinstance(value, int) and value > cap else None


def _swept(kind: str, sweep: Mapping[str, list[Any]]) -> dict[str, list[Any]] | None:
    """A sweep whose values are small and differ, with its first seeds."""
    layer = {}
    for key, values in sweep.items():
        if key == "seed":
            small = values[:SEEDS]
        else:
            small = [_swept_value(kind, key, value, number) for number, value in enumerate(values)]
        if small != values:
            layer[key] = small
    return layer or None


def _swept_value(kind: str, key: str, value: Any, number: int) -> Any:
    if isinstance(value, Mapping):
        return {inner: _swept_value(kind, inner, content, number) for inner, content in value.items()}
    small = _smaller(kind, key, value)
    return value if small is None else small + number
