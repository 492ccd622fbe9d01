"""The distributions that tokens are drawn by under each account of the temperature.

The accounts are compared on the same contexts, prefixes of held-out documents, and each distribution is made by what the
sampler itself draws by. The unit is the document, since the contexts of one are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from pydantic import Field
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.checkpoints import load_model, load_tokenizer, start_token
from relab.device import describe, pick, prepare
from relab.encoding import encode
from relab.errors import UserError
from relab.judging.human import human_texts
from relab.prefix import context
from relab.rows.job import Job
from relab.rows.judged_texts.names import BEST, CONTEXTS, ENTROPY, RULES, SamplerSetting, contrast_label, contrasts
from relab.sampling.choice import Choice
from relab.scores import Row, score
from relab.scoring import next_token_logprobs
from relab.settings.base import Int, Settings
from relab.settings.samplings import Decoding
from relab.statistics import Measurement, change, identity

#: Sums over the contexts of each document ``[documents]``, by rule, setting and metric.
Sums = dict[tuple[str, str, str], np.ndarray]


class Spec(Settings):
    """Settings of the job that looks at the distributions that tokens are drawn by."""

    documents: Int = Field(description="Held-out documents whose prefixes are the contexts, evenly spread.", ge=1)
    characters: Int = Field(description="Characters of each that are read at most.", ge=1)
    settings: list[SamplerSetting] = Field(description="The settings that accounts of the temperature are compared at.")
    threads: Int = Field(1, description="Compute threads.", ge=1)


def trace(job: Job) -> dict[str, Any]:
    """The step ``trace``: scores of the distributions of the model that texts were sampled from."""
    spec = job.settings(Spec)
    texts = human_texts(job.file("validation"), [spec.characters], spec.documents)
    device = pick()
    prepare(device, spec.threads)
    directory = job.file("weights").parent
    model, tokenizer = load_model(directory, device), load_tokenizer(directory)
    with tqdm(total=len(texts), unit="document", disable=None, mininterval=1) as bar:
        rows = list(distribution_scores(model, tokenizer, texts, spec.settings, bar.update))
    job.record["device"] = describe(device)
    return {"distributions": rows}


def distribution_scores(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    settings: Sequence[SamplerSetting],
    progress: Callable[[int], object] = lambda texts: None,
) -> Iterator[Row]:
    """Entropy (nats) and probability of the best token for each account and setting, mean over contexts, and their contrasts.

    Raises:
        UserError: a text of which the model can read nothing, a character that its tokenizer does not know.
    """
    sums, counts = _sums(model, tokenizer, texts, settings, progress)
    data = identity(*texts)
    for rule in RULES:
        measured = {
            (setting.label, metric): Measurement(sums[rule, setting.label, metric], counts, "document", data)
            for setting in settings
            for metric in (ENTROPY, BEST)
        }
        for (label, metric), measurement in measured.items():
            yield score(f"{rule}/{label}", 0, CONTEXTS, metric, measurement, data)
        for high, low in contrasts(settings):
            entropy = change(measured[high.label, ENTROPY], measured[low.label, ENTROPY])
            yield score(f"{rule}/{contrast_label(high, low)}", 0, CONTEXTS, ENTROPY, entropy, data)


def _sums(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    settings: Sequence[SamplerSetting],
    progress: Callable[[int], object],
) -> tuple[Sums, np.ndarray]:
    """The sums over contexts, and the number of contexts of each document ``[documents]``."""
    counts = np.zeros(len(texts))
    sums = {
        (rule, setting.label, metric): np.zeros(len(texts))
        for rule in RULES
        for setting in settings
        for metric in (ENTROPY, BEST)
    }
    for index, text in enumerate(texts):
        logprobs = _contexts(model, tokenizer, text, f"document {index + 1}")
        counts[index] = len(logprobs)
        for rule in RULES:
            for setting in settings:
                probabilities = drawn_by(setting.decoding(rule), logprobs)
                entropies = torch.special.entr(probabilities).sum(-1)
                sums[rule, setting.label, ENTROPY][index] = entropies.sum().item()
                sums[rule, setting.label, BEST][index] = probabilities.amax(-1).sum().item()
        progress(1)
    return sums, counts


def _contexts(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, name: str) -> torch.Tensor:
    """Log-probabilities ``[contexts, vocabulary]`` of what follows each prefix of a text, as far as the model's window goes.

    The first prefix is the start-of-text token where there is one, and else the first token.
    """
    start = start_token(model, tokenizer)
    ids = [*([] if start is None else [start]), *encode(tokenizer, text, name).tolist()]
    if not ids:
        raise UserError(f"{name}: expected a text, found an empty one")
    return next_token_logprobs(model, ids[: context(model)])


@torch.inference_mode()
def drawn_by(method: Decoding, logprobs: torch.Tensor) -> torch.Tensor:
    """Probabilities ``[contexts, vocabulary]`` that the sampler draws by after each context, from the model's own."""
    number = len(logprobs)
    uniforms = torch.ones(number, 1, device=logprobs.device, dtype=torch.float32 if logprobs.is_mps else torch.float64)
    return Choice([method] * number, [[]] * number, uniforms).probabilities(logprobs)
