"""The distributions that tokens are drawn by under each account of the write-up's temperature (row D5).

The accounts are compared on the same contexts, prefixes of held-out documents, and each distribution is made by what the
sampler itself draws by. Intervals are over documents, since the contexts of one are alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.chapters.stories.contrast import change, change_scores, interval, resampled
from relab.chapters.stories.names import BEST, CONTEXTS, ENTROPY, RULES, contrast_label
from relab.checkpoints import start_token
from relab.encoding import encode
from relab.errors import UserError
from relab.prefix import context
from relab.sampling.choice import Choice
from relab.scores import NAN, score
from relab.scoring import next_token_logprobs
from relab.settings.base import canonical
from relab.settings.chapters import SamplerSetting, contrasts
from relab.settings.samplings import Decoding

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

    ``n`` counts contexts, of a contrast documents. Experiments are described in :mod:`relab.chapters.stories.names`.

    Raises:
        UserError: a text of which the model can read nothing, a character that its tokenizer does not know.
    """
    sums, counts = _measured(model, tokenizer, texts, settings, progress)
    data = hashlib.sha256(canonical(list(texts)).encode()).hexdigest()[:12]
    for rule in RULES:
        for setting in settings:
            for metric in (ENTROPY, BEST):
                value, *drawn = resampled(sums[rule, setting.label, metric], counts)
                ends = interval(drawn) if len(texts) > 1 else (NAN, NAN)
                yield score(f"{rule}/{setting.label}", 0, CONTEXTS, metric, value, counts.sum(), *ends, data=data)
        for high, low in contrasts(settings):
            pair = [(sums[rule, one.label, ENTROPY], counts) for one in (high, low)]
            experiment = f"{rule}/{contrast_label(high, low)}"
            for row in change_scores(experiment, 0, CONTEXTS, ENTROPY, change(*pair)):
                yield {**row, "data": data}


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
