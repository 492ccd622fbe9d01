"""How the learning rate of a training fell."""

from __future__ import annotations

import pandas as pd


def drops(rates: pd.Series) -> list[int]:
    """The steps, by which learning rates are indexed, at which the rate fell at once after it had been constant."""
    rates = rates.sort_index()
    ratio = rates / rates.shift()
    return rates.index[(ratio < 0.9) & (ratio.shift() == 1)].tolist()
