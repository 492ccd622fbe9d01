"""A method as its arguments: those that were set, and those of them that cannot act."""

from __future__ import annotations

from relab.settings.samplings import Decoding

#: Arguments that act only where tokens are drawn, and only where they are searched.
DRAWING = ("temperature", "temperature_rule", "top_k", "top_p", "min_p")
SEARCHING = ("early_stopping", "length_penalty")


def keyword_arguments(method: Decoding | None) -> str:
    """The arguments as Python writes them: ``do_sample`` always, others where they differ from their default.

    Those of ``generate()`` first, then how the model was asked. A dash where there is no method: humans wrote the text.
    """
    if method is None:
        return "–"
    arguments = {"do_sample": method.do_sample, **_not_default(method)}
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def inert_arguments(method: Decoding | None) -> list[str]:
    """Names of the arguments that were set but have no effect: with any other value the texts would be the same.

    Source: Transformers' ``generate()``, which applies temperature, top-k, top-p and min-p only where it draws, and early
    stopping and the length penalty only to beams.
    """
    return [] if method is None else [name for name in _not_default(method) if not _acts(name, method)]


def _not_default(method: Decoding) -> dict[str, object]:
    return {
        name: getattr(method, name)
        for name, field in type(method).model_fields.items()
        if getattr(method, name) != field.default and name != "do_sample"
    }


def _acts(name: str, method: Decoding) -> bool:
    if name in SEARCHING:
        return method.num_beams > 1
    if name not in DRAWING:
        return True
    if not method.do_sample or (method.top_k == 1 and name != "top_k"):  # one token is left to draw from
        return False
    if name == "temperature":
        return method.temperature_rule != "ignore"
    if name == "temperature_rule":
        return method.temperature != 1
    return name != "top_p" or method.top_p < 1
