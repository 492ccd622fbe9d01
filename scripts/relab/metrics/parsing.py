"""The share of texts that Python's parser accepts."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence

from relab.metrics import Metric
from relab.statistics import Measurement


class ParsedShare(Metric):
    """Share of some texts that ``ast.parse`` accepts.

    ``compute(predictions=texts)`` returns ``share``, a :class:`~relab.statistics.Measurement` text by text.
    """

    DESCRIPTION = "Share of some texts that ast.parse accepts."

    def _compute(self, predictions: Sequence[str]) -> dict[str, Measurement]:
        return {"share": Measurement.of([float(parses(text)) for text in predictions], "text", scale="share")}


def parses(text: str) -> bool:
    """Whether ``ast.parse`` accepts a text, which is not run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes and comparisons that are odd but allowed
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # a null byte; what is nested too deep
            return False
    return True


def without_last_line(text: str) -> str:
    """A text up to its last line end, since a text cut after a number of tokens ends within a line; a single line stays."""
    return text[: text.rfind("\n") + 1] or text
