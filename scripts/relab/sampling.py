"""Sampling texts from a language model: batched, cached, each text with a random stream of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel

from relab.errors import UserError


@dataclass(frozen=True)
class Generation:
    """A sampled continuation of a prompt.

    ``logprobs`` are natural logarithms of the probability that the model itself gives to each token, before temperature
    and top-k: they compare across settings, and their mean is minus the model's loss on its own text.
    """

    token_ids: list[int]
    logprobs: list[float]


def text_seed(seed: int, *index: int) -> int:
    """The seed of one text's random stream: 64 bits of the SHA-256 of ``seed/index/…`` in decimal.

    ``index`` is whatever tells the texts of one seed apart: number of the text, or training step and number.
    """
    digest = hashlib.sha256("/".join(str(int(part)) for part in (seed, *index)).encode()).digest()
    return int.from_bytes(digest[:8], "little")


@torch.inference_mode()
def sample(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    *,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seeds: Sequence[int],
    batch: int = 64,
) -> list[Generation]:
    """Sample a continuation of each prompt.

    A text depends on the model, its prompt, the settings and its seed, not on which others are sampled beside it (the
    last digits of its log-probabilities may: a matrix product rounds otherwise for another number of rows). A longer text
    begins with the shorter one of the same seed. torch's random state is neither read nor changed, and the model is
    left in the mode it came in.

    Inside the context window a key-value cache makes each token cost one position. Beyond it the last ``n_positions``
    tokens are read anew for every token, as in Karpathy's gpt.py: learned positions make each cached key and value
    belong to a position, and all positions shift when the window slides. Of a prompt longer than the window only its end
    is read.

    Args:
        model: a causal language model; sampling runs on its device.
        prompts: token ids of each prompt, at least one each.
        length: tokens to sample for each, at least 1.
        temperature: logits are divided by it; above 0.
        top_k: draw among the k most probable tokens only, exactly k where some are equally probable; 1 is greedy, None or
            a k above the vocabulary takes all.
        seeds: a seed below 2**64 for each prompt, see :func:`text_seed`.
        batch: texts that are sampled at once, at most; only texts with prompts of equal length share a batch.

    Returns:
        One generation for each prompt, in the order given.

    Raises:
        UserError: settings outside their range, an empty prompt, an unknown token id, a model that gives no numbers.
    """
    vocabulary = model.get_output_embeddings().weight.shape[0]
    _check(length, temperature, top_k)
    _check_prompts(prompts, vocabulary)
    if len(seeds) != len(prompts):
        raise ValueError(f"expected a seed for each of {len(prompts)} prompts, found {len(seeds)}")
    found: dict[int, Generation] = {}
    with _evaluating(model):
        for rows in _batches(prompts, batch):
            start = torch.tensor([list(prompts[row]) for row in rows], device=model.device)
            uniforms = torch.from_numpy(np.stack([_uniforms(seeds[row], length) for row in rows]))
            # double precision where there is any (Apple's GPUs have none): a sum over 50,000 probabilities loses digits
            uniforms = uniforms.to(model.device, torch.float32 if model.device.type == "mps" else torch.float64)
            draw = _Draw(uniforms, temperature, min(top_k or vocabulary, vocabulary))
            tokens, logprobs = _continue(model, start, draw)
            found.update(zip(rows, map(Generation, tokens.tolist(), logprobs.tolist()), strict=True))
    return [found[row] for row in range(len(prompts))]


@dataclass(frozen=True)
class _Draw:
    """How the next token is chosen: one uniform number a step for each text, ``[texts, steps]`` in (0, 1]."""

    uniforms: torch.Tensor
    temperature: float
    top_k: int

    def __call__(self, logits: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens ``[texts, 1]`` drawn from ``logits`` ``[texts, vocabulary]``, and their log-probabilities."""
        logits = logits.float()
        # the greatest score is 0 and stays so, however low the temperature
        scores = (logits - logits.amax(-1, keepdim=True)) / max(self.temperature, torch.finfo(logits.dtype).tiny)
        if self.top_k < scores.shape[-1]:
            kept, indices = scores.topk(self.top_k)
            scores = torch.full_like(scores, -torch.inf).scatter_(-1, indices, kept)
        cumulative = scores.softmax(-1, dtype=self.uniforms.dtype).cumsum(-1)
        # the first token whose cumulative probability reaches the number: since that is above 0, never an excluded one
        tokens = torch.searchsorted(cumulative, self.uniforms[:, step, None] * cumulative[:, -1:])
        tokens.clamp_(max=scores.shape[-1] - 1)  # only where probabilities are NaN; the log-probabilities tell
        return tokens, logits.log_softmax(-1).gather(-1, tokens)


def _continue(model: PreTrainedModel, tokens: torch.Tensor, draw: _Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Continue prompts of equal length: sampled tokens and their log-probabilities, each ``[texts, steps]``."""
    window = model.config.max_position_embeddings
    texts, start = tokens.shape
    length = draw.uniforms.shape[1]
    tokens = torch.cat([tokens, tokens.new_empty(texts, length)], dim=1)
    logprobs = torch.empty(texts, length, device=tokens.device)
    cache, unread = DynamicCache(config=model.config), 0
    for step, end in enumerate(range(start, start + length)):
        if end <= window:
            output = model(tokens[:, unread:end], past_key_values=cache, use_cache=True, logits_to_keep=1)
            unread = end
        else:
            output = model(tokens[:, end - window : end], use_cache=False, logits_to_keep=1)
        tokens[:, end : end + 1], logprobs[:, step : step + 1] = draw(output.logits[:, -1], step)
    if logprobs.isnan().any():
        row, step = logprobs.isnan().nonzero()[0].tolist()
        raise UserError(f"the model's logits are not numbers at token {step + 1} of a text: has its training diverged?")
    return tokens[:, start:], logprobs


def _uniforms(seed: int, length: int) -> np.ndarray:
    """``length`` uniform numbers in (0, 1] from a counter-based generator (Salmon et al. 2011) keyed by the seed.

    The bits of numpy's Philox never change between versions; those of its distributions may, hence the arithmetic here.
    """
    return ((np.random.Philox(key=seed).random_raw(length) >> np.uint64(11)) + 1) * 2.0**-53


def _batches(prompts: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Rows of prompts of equal length, at most ``size`` at a time: nothing is padded, so nothing has to be masked."""
    rows_by_length: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompts):
        rows_by_length.setdefault(len(prompt), []).append(row)
    for rows in rows_by_length.values():
        for first in range(0, len(rows), size):
            yield rows[first : first + size]


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Switch dropout off, and every module back to the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _check(length: int, temperature: float, top_k: int | None) -> None:
    if length < 1:
        raise UserError(f"length: expected at least 1 token to sample, found {length}")
    if not 0 < temperature < float("inf"):
        raise UserError(f"temperature: expected a number above 0, found {temperature} (for greedy text set top_k to 1)")
    if top_k is not None and top_k < 1:
        raise UserError(f"top_k: expected at least 1, found {top_k} (leave it out to draw among all tokens)")


def _check_prompts(prompts: Sequence[Sequence[int]], vocabulary: int) -> None:
    for number, prompt in enumerate(prompts, 1):
        if not len(prompt):
            raise UserError(f"prompt {number} is empty: a text must start from at least one token")
        if not 0 <= min(prompt) <= max(prompt) < vocabulary:
            strange = next(token for token in prompt if not 0 <= token < vocabulary)
            raise UserError(f"prompt {number}: expected token ids from 0 to {vocabulary - 1}, found {strange}")
