"""Selection of the next token of each text in a batch: each text by its own decoding method, all of them at once.

The order is that of Transformers' ``generate()``: n-gram blocking, no end before the least number of tokens, temperature,
top-k, top-p, min-p, then the draw or the most probable token. Each step costs a few operations on the whole batch, however
many methods share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from relab.errors import UserError
from relab.settings.samplings import Decoding

#: The factor of the logits for a temperature, by the name of the rule.
LOGIT_FACTORS: dict[str, Callable[[float], float]] = {
    "divide": lambda temperature: 1 / temperature,
    "multiply": lambda temperature: temperature,
    "ignore": lambda temperature: 1.0,
}


def _logit_factor(method: Decoding) -> float:
    return LOGIT_FACTORS[method.temperature_rule](method.temperature) if method.do_sample else 1.0


def no_token_left(method: Decoding, tokens: int) -> UserError:
    """What to say of a text that no token can continue behind so many, since each would repeat an n-gram or is never chosen."""
    return UserError(
        f"no_repeat_ngram_size is {method.no_repeat_ngram_size}: behind {tokens} tokens of a text every token of the "
        "vocabulary is blocked; lower the length, or take a larger n"
    )


class TokenSelector:
    """Selects the next tokens of the texts of a batch.

    Args:
        decoding: the method of each text; none of them a beam search.
        tokens: token ids of each prompt, which n-gram blocking takes into account.
        uniforms: a number in (0, 1] for each text and step, ``[texts, steps]``, on the device of the logits.
        banned: token ids that are never chosen.
        stop: token ids that end a text, which are not chosen in a method's first ``min_new_tokens`` steps.
    """

    def __init__(
        self,
        decoding: Sequence[Decoding],
        tokens: Sequence[Sequence[int]],
        uniforms: torch.Tensor,
        banned: Sequence[int] = (),
        stop: Sequence[int] = (),
    ):
        self._methods, self._prompts = list(decoding), [list(ids) for ids in tokens]
        self._uniforms, self._banned, self._stop = uniforms, list(banned), list(stop)
        self._build_tensors()

    def _build_tensors(self) -> None:
        """Turn the methods into tensors; None for a step that no text needs."""
        device, sampled = self._uniforms.device, [method.do_sample for method in self._methods]
        self._sampled = torch.tensor(sampled, device=device)[:, None]
        self._any_sampled, self._any_greedy = any(sampled), not all(sampled)
        factors = [_logit_factor(method) for method in self._methods]
        self._factors = torch.tensor(factors, device=device)[:, None] if set(factors) != {1.0} else None
        self._top_k = self._rows_with(lambda method: method.top_k)
        self._top_p = self._rows_with(lambda method: method.top_p if method.top_p and method.top_p < 1 else None)
        self._min_p = self._rows_with(lambda method: method.min_p)
        minimum = [method.min_new_tokens if self._stop else 0 for method in self._methods]
        self._minimum, self._latest_minimum = torch.tensor(minimum, device=device), max(minimum, default=0)
        self._blockers: dict[int, _NgramBlocker] = {}
        for row, (method, prompt) in enumerate(zip(self._methods, self._prompts, strict=True)):
            if method.no_repeat_ngram_size:
                self._blockers[row] = _NgramBlocker(method.no_repeat_ngram_size)
                self._blockers[row].extend(prompt)

    def _rows_with(self, value: Callable[[Decoding], float | None]) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The sampled texts to which an argument applies, and its value for each; None if there are none."""
        values = {row: value(method) for row, method in enumerate(self._methods) if method.do_sample}
        values = {row: number for row, number in values.items() if number is not None}
        if not values:
            return None
        device = self._uniforms.device
        return torch.tensor(list(values), device=device), torch.tensor(list(values.values()), device=device)[:, None]

    def subset(self, rows: Sequence[int], tokens: Sequence[Sequence[int]]) -> TokenSelector:
        """The selector of some of the texts, whose token ids are now ``tokens``."""
        kept = torch.tensor(list(rows), device=self._uniforms.device)
        return TokenSelector([self._methods[row] for row in rows], tokens, self._uniforms[kept], self._banned, self._stop)

    def __call__(self, logprobs: torch.Tensor, step: int) -> torch.Tensor:
        """Token ids ``[texts, 1]`` chosen at a step from log-probabilities ``[texts, vocabulary]``.

        Raises:
            UserError: n-gram blocking and what is never chosen leave no token to a text.
        """
        scores = self._without_forbidden(logprobs, step)
        chosen = scores.argmax(-1, keepdim=True) if self._any_greedy else None
        if self._any_sampled:
            drawn = self._draw(self._warped(scores), step)
            chosen = drawn if chosen is None else torch.where(self._sampled, drawn, chosen)
        if self._blockers:
            tokens = chosen[:, 0].tolist()
            for row, blocker in self._blockers.items():
                blocker.extend([tokens[row]])
        return chosen

    def probabilities(self, logprobs: torch.Tensor, step: int = 0) -> torch.Tensor:
        """The distribution that each text's token is drawn from at a step, ``[texts, vocabulary]``, for log-probabilities."""
        return self._warped(self._without_forbidden(logprobs, step)).softmax(-1, dtype=self._uniforms.dtype)

    def _without_forbidden(self, logprobs: torch.Tensor, step: int) -> torch.Tensor:
        """Set banned tokens, those that would end a text too early, and those that would repeat an n-gram to minus infinity."""
        too_early = step < self._latest_minimum
        if not (self._banned or self._blockers or too_early):
            return logprobs
        scores = logprobs.clone()
        if self._banned:
            scores[:, self._banned] = -torch.inf
        if too_early:
            shorter = (step < self._minimum)[:, None]
            scores[:, self._stop] = scores[:, self._stop].masked_fill(shorter, -torch.inf)
        for row, blocker in self._blockers.items():
            if repeating := blocker.next_tokens():
                scores[row, repeating] = -torch.inf
                # looked at only where there are enough of them
                could_be_all = len(repeating) + len(self._banned) + len(self._stop) >= scores.shape[-1]
                if could_be_all and bool(scores[row].isneginf().all()):
                    raise no_token_left(self._methods[row], step)
        return scores

    def _warped(self, scores: torch.Tensor) -> torch.Tensor:
        """Apply temperature, top-k, top-p and min-p to the texts that have them."""
        if self._factors is not None:
            # the greatest score is 0 and stays so, however low the temperature
            scores = (scores - scores.amax(-1, keepdim=True)) * self._factors.clamp(max=torch.finfo(scores.dtype).max)
        for rows_and_values, keep in ((self._top_k, _keep_top_k), (self._top_p, _keep_top_p), (self._min_p, _keep_min_p)):
            if rows_and_values is not None:
                rows, values = rows_and_values
                if len(rows) == len(scores):
                    scores = keep(scores, values)
                else:
                    scores = scores.index_copy(0, rows, keep(scores[rows], values))
        return scores

    def _draw(self, scores: torch.Tensor, step: int) -> torch.Tensor:
        cumulative = scores.softmax(-1, dtype=self._uniforms.dtype).cumsum(-1)
        # the first token whose cumulative probability reaches the number: since that is above 0, never an excluded one
        tokens = torch.searchsorted(cumulative, self._uniforms[:, step : step + 1] * cumulative[:, -1:])
        return tokens.clamp_(max=scores.shape[-1] - 1)  # matters only for NaN, which the log-probabilities reveal


def _keep_top_k(scores: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Keep exactly the k best of each row, even where some are equal."""
    most = min(int(k.max()), scores.shape[-1])
    kept, indices = scores.topk(most)
    if int(k.min()) < most:
        kept = kept.masked_fill(torch.arange(most, device=scores.device) >= k, -torch.inf)
    return torch.full_like(scores, -torch.inf).scatter_(-1, indices, kept)


def _keep_top_p(scores: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Keep the fewest tokens of each row whose probabilities sum to at least p (Holtzman et al. 2020)."""
    ordered, indices = scores.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    return torch.full_like(scores, -torch.inf).scatter_(-1, indices, ordered.masked_fill(before >= p, -torch.inf))


def _keep_min_p(scores: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Keep the tokens of each row whose probability is at least p times the greatest (Nguyen et al. 2024)."""
    return scores.masked_fill(scores < scores.amax(-1, keepdim=True) + p.log(), -torch.inf)


class _NgramBlocker:
    """The tokens that would repeat an n-gram of a growing text."""

    def __init__(self, size: int):
        self._size = size
        self._tokens: list[int] = []
        self._next: dict[tuple[int, ...], list[int]] = {}

    def extend(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            self._tokens.append(token)
            if len(self._tokens) >= self._size:
                *start, last = self._tokens[-self._size :]
                self._next.setdefault(tuple(start), []).append(last)

    def next_tokens(self) -> list[int]:
        start = self._tokens[len(self._tokens) - self._size + 1 :]
        return self._next.get(tuple(start), []) if len(self._tokens) >= self._size - 1 else []
