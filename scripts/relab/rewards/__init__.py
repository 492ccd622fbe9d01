"""Reward models: networks that give a text a number."""

from relab.rewards.model import RewardModel

__all__ = ["RewardModel"]
