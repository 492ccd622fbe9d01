"""A random stream for every text, determined by the text's seed alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from relab.streams import stream_seed


def text_seed(seed: int, *index: int) -> int:
    """The seed of one text's random stream (:func:`relab.streams.stream_seed`).

    ``index`` distinguishes the texts of one seed: number of the text, or training step and number.
    """
    return stream_seed(seed, *index)


def prompt_key(token_ids: Sequence[int]) -> int:
    """A number for a prompt, as an ``index`` of :func:`text_seed`: a text does not depend on the other prompts."""
    return int.from_bytes(hashlib.sha256(np.asarray(token_ids, dtype="<u4").tobytes()).digest()[:8], "little")


def uniforms(seed: int, length: int) -> np.ndarray:
    """``length`` uniform numbers in (0, 1] from a counter-based generator (Salmon et al. 2011) keyed by the seed.

    The bits of numpy's Philox never change between versions; those of its distributions may, hence the arithmetic here.
    """
    return ((np.random.Philox(key=seed).random_raw(length) >> np.uint64(11)) + 1) * 2.0**-53
