"""Whether texts are Python: the share that Python's own parser accepts."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence

import datasets
import evaluate

from relab.statistics import Measurement


class ParsedShare(evaluate.Metric):
    """Share of some texts that ``ast.parse`` accepts.

    ``compute(predictions=texts)`` returns ``share``, a :class:`~relab.statistics.Measurement` text by text.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Share of some texts that ast.parse accepts.",
            citation="",
            inputs_description="predictions: texts.",
            features=datasets.Features({"predictions": datasets.Value("string")}),
        )

    def _compute(self, predictions: Sequence[str]) -> dict[str, Measurement]:
        return {"share": Measurement.of([float(parses(text)) for text in predictions], "text", scale="share")}


def parses(text: str) -> bool:
    """Whether ``ast.parse`` accepts a text; nothing of it is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes and comparisons that are odd but allowed
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # a null byte; what is nested too deep
            return False
    return True


def without_last_line(text: str) -> str:
    """A text up to its last line end, since one that was cut after so many tokens ends in the middle of a line; a single line
    stays as it is.
    """
    return text[: text.rfind("\n") + 1] or text
