"""Small axes on which values and intervals are drawn: places as properties of a style, which the style sheet draws."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Axis(NamedTuple):
    """The values at the left and the right end of an axis."""

    left: float
    right: float

    @classmethod
    def over(cls, values: Iterable[float], margin: float = 0.0) -> Axis | None:
        """An axis over all finite values, longer by a share ``margin`` at each end; ``None`` where all are the same."""
        values = [value for value in values if math.isfinite(value)]
        if not values or min(values) == max(values):
            return None
        room = margin * (max(values) - min(values))
        return cls(min(values) - room, max(values) + room)

    def style(self, **points: float) -> str:
        """Where points lie, in percent of the axis from the left; one beyond an end lies at it."""
        return ";".join(f"--{name}:{100 * self._share(value):.0f}%" for name, value in points.items())

    def _share(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.left) / (self.right - self.left)))
