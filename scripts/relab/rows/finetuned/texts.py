"""What models sample before their first step and after their last one."""

from __future__ import annotations

from pathlib import Path

from relab.errors import UserError
from relab.rows.shared.histories import Sample, read_samples


def sampled(path: Path) -> tuple[Sample, Sample]:
    """What a model sampled before its first step and after its last one.

    Raises:
        UserError: where it sampled at one step only.
    """
    samples = list(read_samples(path).values())
    if len(samples) < 2:
        raise UserError(f"{path}: expected texts sampled before the first step and after the last one, found those of one step")
    return samples[0], samples[-1]


def joined(sample: Sample) -> list[str]:
    """Prompts with their continuations."""
    return [sample.prompt + text for text in sample.texts]
