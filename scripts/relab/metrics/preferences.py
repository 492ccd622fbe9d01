"""How often a reward model gives the preferred text of a pair the higher reward, with its uncertainty over prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from relab.statistics import Measurement, units_digest


def pair_accuracy(reward_chosen: Sequence[float], reward_rejected: Sequence[float], prompts: Sequence[str]) -> Measurement:
    """The share of pairs whose preferred text has the higher reward; of equal rewards half counts, as for a guess.

    Pairs that share a prompt are not independent: the unit is the prompt. Two reward models with the same pairs are compared
    prompt by prompt.

    Args:
        reward_chosen, reward_rejected: rewards of both texts of each pair ``[pairs]``.
        prompts: the prompt of each pair ``[pairs]``.
    """
    margins = np.asarray(reward_chosen, dtype=float) - np.asarray(reward_rejected, dtype=float)
    correct = (np.sign(margins) + 1) / 2
    return Measurement.of_groups(correct, list(prompts), "prompt", units_digest("pairs", list(prompts)), scale="share")
