"""What a small probabilistic grammar may say: a check that it makes sentences, finitely many."""

from __future__ import annotations

import graphlib
import math
import re
from collections.abc import Mapping, Sequence

#: What a symbol may become: texts, equally probable, or texts with their weights.
Alternatives = Sequence[str] | Mapping[str, float]

#: A grammar is enumerated where its probabilities are asked for, hence a bound.
LARGEST = 100_000

_REFERENCE = re.compile(r"\{([^{}]*)\}")


def weights(alternatives: Alternatives) -> list[tuple[str, float]]:
    """The texts that a symbol may become, each with its weight."""
    return list(alternatives.items()) if isinstance(alternatives, Mapping) else [(text, 1.0) for text in alternatives]


def pieces(text: str) -> list[str]:
    """A text cut at its ``{symbol}``: letters, symbol, letters, …, letters."""
    return _REFERENCE.split(text)


def order(symbols: Mapping[str, Alternatives]) -> list[str]:
    """The symbols, each after those that its texts name.

    Raises:
        ValueError: a symbol leads back to itself.
    """
    graph = {symbol: [named for text, _ in weights(texts) for named in pieces(text)[1::2]] for symbol, texts in symbols.items()}
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        cycle = error.args[1][::-1]
        raise ValueError(f"symbols.{cycle[0]}: leads back to itself ({' → '.join(cycle)})") from None


def check(start: str, symbols: Mapping[str, Alternatives]) -> None:
    """Raise a ValueError that names the key, where a grammar makes no sentences or more than can be enumerated."""
    if start not in symbols:
        raise ValueError(f"start: {start!r} is no symbol, expected one of {', '.join(symbols)}")
    for symbol, texts in symbols.items():
        if not texts:
            raise ValueError(f"symbols.{symbol}: expected at least one text, found none")
        for text, weight in weights(texts):
            _check_text(symbols, symbol, text, weight)
    _check_number(symbols)


def _check_text(symbols: Mapping[str, Alternatives], symbol: str, text: str, weight: float) -> None:
    if weight <= 0:
        raise ValueError(f"symbols.{symbol}: expected weights above 0, found {weight:g} for {text!r}")
    cut = pieces(text)
    if any(brace in letters for letters in cut[::2] for brace in "{}"):
        raise ValueError(f"symbols.{symbol}: expected braces around symbols only, found one alone in {text!r}")
    for named in cut[1::2]:
        if named not in symbols:
            raise ValueError(f"symbols.{symbol}: {{{named}}} is no symbol, expected one of {', '.join(symbols)}")


def _check_number(symbols: Mapping[str, Alternatives]) -> None:
    numbers: dict[str, int] = {}
    for symbol in order(symbols):
        numbers[symbol] = sum(math.prod(numbers[named] for named in pieces(text)[1::2]) for text, _ in weights(symbols[symbol]))
        if numbers[symbol] > LARGEST:
            raise ValueError(f"symbols.{symbol}: expected at most {LARGEST} texts that it may become, found {numbers[symbol]}")
