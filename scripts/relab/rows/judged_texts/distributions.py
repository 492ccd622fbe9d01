"""The distributions that tokens are drawn by under each account of the temperature.

The accounts are compared on the same contexts, prefixes of held-out documents, and each distribution is made by what the
sampler itself draws by. The unit is the document, since the contexts of one are alike.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab import precision
from relab.checkpoints import load_model, load_tokenizer, start_token
from relab.device import device_name, pick_device, prepare_device
from relab.encoding import encode
from relab.errors import UserError
from relab.judging.human import human_texts
from relab.networks import context_length
from relab.rows.job import Job
from relab.rows.judged_texts.names import BEST, CONTEXTS, ENTROPY, RULES, SamplerSetting, contrast_label, contrasts
from relab.sampling.token_selector import TokenSelector
from relab.scores import Row, score
from relab.scoring import next_token_logprobs
from relab.settings.samplings import Decoding
from relab.statistics import Measurement, paired_change, units_digest

#: A sum over the contexts of each document, by rule, setting and metric.
Sums = dict[tuple[str, str, str], list[float]]


def trace(job: Job) -> dict[str, Any]:
    """The step ``trace``: scores of the distributions of the model that texts were sampled from."""
    settings = [SamplerSetting(**setting) for setting in job.spec["settings"]]
    texts = human_texts(job.file("validation"), [job.spec["characters"]], job.spec["documents"])
    device = pick_device()
    prepare_device(device, job.spec["threads"])
    directory = job.file("weights").parent
    model, tokenizer = load_model(directory, device, job.spec["precision"]), load_tokenizer(directory)
    with tqdm(total=len(texts), unit="document", disable=None, mininterval=1) as bar:
        rows = list(distribution_scores(model, tokenizer, texts, settings, bar.update))
    job.record |= {"device": device_name(device), "precision": precision.used(model)}
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
    data = units_digest(*texts)
    for rule in RULES:
        measured = {
            (setting.label, metric): Measurement(np.array(sums[rule, setting.label, metric]), counts, "document", data)
            for setting in settings
            for metric in (ENTROPY, BEST)
        }
        for (label, metric), measurement in measured.items():
            yield score(f"{rule}/{label}", 0, CONTEXTS, metric, measurement, data)
        for high, low in contrasts(settings):
            entropy = paired_change(measured[high.label, ENTROPY], measured[low.label, ENTROPY])
            yield score(f"{rule}/{contrast_label(high, low)}", 0, CONTEXTS, ENTROPY, entropy, data)


def _sums(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    settings: Sequence[SamplerSetting],
    progress: Callable[[int], object],
) -> tuple[Sums, np.ndarray]:
    """The sums over contexts, and the number of contexts of each document ``[documents]``."""
    sums, counts = defaultdict(list), []
    for number, text in enumerate(texts, start=1):
        logprobs = _context_logprobs(model, tokenizer, text, f"document {number}")
        counts.append(float(len(logprobs)))
        for rule, setting in itertools.product(RULES, settings):
            probabilities = drawing_probabilities(setting.decoding(rule), logprobs)
            sums[rule, setting.label, ENTROPY].append(torch.special.entr(probabilities).sum(-1).sum().item())
            sums[rule, setting.label, BEST].append(probabilities.amax(-1).sum().item())
        progress(1)
    return sums, np.array(counts)


def _context_logprobs(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, name: str) -> torch.Tensor:
    """Log-probabilities ``[contexts, vocabulary]`` of what follows each prefix of a text, as far as the model's window goes.

    The first prefix is the start-of-text token where there is one, and else the first token.
    """
    start = start_token(model, tokenizer)
    ids = [*([] if start is None else [start]), *encode(tokenizer, text, name).tolist()]
    if not ids:
        raise UserError(f"{name}: expected a text, found an empty one")
    return next_token_logprobs(model, ids[: min(len(ids), context_length(model))])


@torch.inference_mode()
def drawing_probabilities(method: Decoding, logprobs: torch.Tensor) -> torch.Tensor:
    """Probabilities ``[contexts, vocabulary]`` that the sampler draws by after each context, from the model's own."""
    number = len(logprobs)
    uniforms = torch.ones(number, 1, device=logprobs.device, dtype=torch.float32 if logprobs.is_mps else torch.float64)
    return TokenSelector([method] * number, [[]] * number, uniforms).probabilities(logprobs)
