"""What the jobs of a row share: the name of a metric."""

from __future__ import annotations

#: The step of the lowest validation loss.
BEST_STEP = "best step"
