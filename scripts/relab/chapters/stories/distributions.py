"""The distributions that tokens are drawn by under each account of the write-up's temperature (row D5).

The accounts are compared on the same contexts, prefixes of held-out documents, and each distribution is made by what the
sampler itself draws by. The unit is the document, since the contexts of one are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.chapters.stories.names import BEST, CONTEXTS, ENTROPY, RULES, contrast_label
from relab.checkpoints import start_token
from relab.encoding import encode
from relab.errors import UserError
from relab.prefix import context
from relab.sampling.choice import Choice
from relab.scores import score
from relab.scoring import next_token_logprobs
from relab.settings.chapters import SamplerSetting, contrasts
from relab.settings.samplings import Decoding
from relab.statistics import Measurement, change, identity

#: Sums over the contexts of each document ``[documents]``, by rule, setting and metric.
Sums = dict[tuple[str, str, str], np.ndarray]


def distribution_scores(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    settings: Sequence[SamplerSetting],
    progress: Callable[[int], object] = lambda texts: None,
) -> Iterator[dict[str, Any]]:
    """Entropy (nats) and probability of the best token for each account and setting, mean over contexts, and their contrasts.

    Experiments are described in :mod:`relab.chapters.stories.names`.

    Raises:
        UserError: a text of which the model can read nothing, a character that its tokenizer does not know.
    """
    sums, counts = _measured(model, tokenizer, texts, settings, progress)
    data = identity(*texts)
    for rule in RULES:
        measured = {
            (setting.label, metric): Measurement(sums[rule, setting.label, metric], counts, "document", data)
            for setting in settings
            for metric in (ENTROPY, BEST)
        }
        for (label, metric), found in measured.items():
            yield score(f"{rule}/{label}", 0, CONTEXTS, metric, found, data)
        for high, low in contrasts(settings):
            found = change(measured[high.label, ENTROPY], measured[low.label, ENTROPY])
            yield score(f"{rule}/{contrast_label(high, low)}", 0, CONTEXTS, ENTROPY, found, data)


def _measured(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    settings: Sequence[SamplerSetting],
    progress: Callable[[int], object],
) -> tuple[Sums, np.ndarray]:
    counts = np.zeros(len(texts))
    sums = {
        (rule, setting.label, metric): np.zeros(len(texts))
        for rule in RULES
        for setting in settings
        for metric in (ENTROPY, BEST)
    }
    for place, text in enumerate(texts):
        logprobs = _contexts(model, tokenizer, text, f"document {place + 1}")
        counts[place] = len(logprobs)
        for rule in RULES:
            for setting in settings:
                probabilities = drawn_by(setting.decoding(rule), logprobs)
                entropies = torch.special.entr(probabilities).sum(-1)
                sums[rule, setting.label, ENTROPY][place] = entropies.sum().item()
                sums[rule, setting.label, BEST][place] = probabilities.amax(-1).sum().item()
        progress(1)
    return sums, counts


def _contexts(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, place: str) -> torch.Tensor:
    """Log-probabilities ``[contexts, vocabulary]`` of what follows each prefix of a text, as far as the model's window goes.

    The first prefix is the start-of-text token where there is one, and else the first token.
    """
    start = start_token(model, tokenizer)
    ids = [*([] if start is None else [start]), *encode(tokenizer, text, place).tolist()]
    if not ids:
        raise UserError(f"{place}: expected a text, found an empty one")
    return next_token_logprobs(model, ids[: context(model)])


@torch.inference_mode()
def drawn_by(method: Decoding, logprobs: torch.Tensor) -> torch.Tensor:
    """Probabilities ``[contexts, vocabulary]`` that the sampler draws by after each context, from the model's own."""
    number = len(logprobs)
    uniforms = torch.ones(number, 1, device=logprobs.device, dtype=torch.float32 if logprobs.is_mps else torch.float64)
    return Choice([method] * number, [[]] * number, uniforms).probabilities(logprobs)
