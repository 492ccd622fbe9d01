"""Whether an encoder's vectors are those of a text, whatever text is beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.features.encode import pooled_batches
from relab.published.checks.values import check_equal, run_as_others_are, short_texts


def check_encoder(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: Path) -> None:
    """Refuse an encoder whose texts have other vectors in one batch than alone.

    Arguments and errors as of :func:`relab.published.checks.language_models.check_language_model`.
    """
    texts = short_texts(model, tokenizer, source)
    with run_as_others_are(model, source):
        alone = [_vectors(model, [text])[0] for text in texts]
        together = _vectors(model, texts)
    check_equal(together, alone, model, "beside longer ones", source)


def _vectors(model: PreTrainedModel, texts: list[list[int]]) -> np.ndarray:
    """The mean vector of each text ``[texts, width]``, of texts in one batch."""
    ((rows, vectors),) = pooled_batches(model, texts, budget=len(texts) * max(map(len, texts)))
    return vectors["mean"][np.argsort(rows)]
