"""How the next token of each text in a batch is chosen: every text by its own method, all of them at once.

The order is that of Transformers' ``generate()``: n-gram blocking, temperature, top-k, top-p, min-p, then the draw or the most
probable token. Each step costs a few operations on the whole batch however many methods share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from relab.settings.samplings import Decoding

#: What a temperature multiplies the logits by, by the name of the rule.
FACTORS: dict[str, Callable[[float], float]] = {
    "divide": lambda temperature: 1 / temperature,
    "multiply": lambda temperature: temperature,
    "ignore": lambda temperature: 1.0,
}


class Choice:
    """Chooses the next tokens of some texts.

    Args:
        decoding: the method of each text; none of them a beam search.
        tokens: token ids of each prompt, which n-gram blocking looks at too.
        uniforms: one number in (0, 1] a step for each text, ``[texts, steps]``, on the device of the logits.
        banned: token ids that are never chosen.
    """

    def __init__(
        self, decoding: Sequence[Decoding], tokens: Sequence[Sequence[int]], uniforms: torch.Tensor, banned: Sequence[int] = ()
    ):
        self._parts = (list(decoding), [list(one) for one in tokens])
        self._uniforms, self._banned = uniforms, list(banned)
        self._compile()

    def _compile(self) -> None:
        """Turn the methods into tensors, and into nothing where none of the texts needs a step."""
        decoding, device = self._parts[0], self._uniforms.device
        self._drawn = torch.tensor([one.do_sample for one in decoding], device=device)[:, None]
        self._draws, self._takes = any(one.do_sample for one in decoding), any(not one.do_sample for one in decoding)
        factors = [FACTORS[one.temperature_rule](one.temperature) if one.do_sample else 1.0 for one in decoding]
        self._factors = torch.tensor(factors, device=device)[:, None] if set(factors) != {1.0} else None
        self._top_k = self._rows(lambda one: one.top_k)
        self._top_p = self._rows(lambda one: one.top_p if one.top_p and one.top_p < 1 else None)
        self._min_p = self._rows(lambda one: one.min_p)
        self._blocked = {
            row: _Blocked(one.no_repeat_ngram_size) for row, one in enumerate(decoding) if one.no_repeat_ngram_size
        }
        for row, blocked in self._blocked.items():
            blocked.extend(self._parts[1][row])

    def _rows(self, value: Callable[[Decoding], float | None]) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The drawn texts to which an argument applies, and its value for each."""
        found = {row: value(one) for row, one in enumerate(self._parts[0]) if one.do_sample and value(one) is not None}
        if not found:
            return None
        device = self._uniforms.device
        return torch.tensor(list(found), device=device), torch.tensor(list(found.values()), device=device)[:, None]

    def select(self, rows: Sequence[int], tokens: Sequence[Sequence[int]]) -> Choice:
        """The same choice for some of the texts, which have come to be ``tokens``."""
        kept = torch.tensor(list(rows), device=self._uniforms.device)
        return Choice([self._parts[0][row] for row in rows], tokens, self._uniforms[kept], self._banned)

    def __call__(self, logprobs: torch.Tensor, step: int) -> torch.Tensor:
        """Token ids ``[texts, 1]`` chosen at a step from log-probabilities ``[texts, vocabulary]``."""
        scores = self._allowed(logprobs)
        taken = scores.argmax(-1, keepdim=True) if self._takes else None
        if self._draws:
            drawn = self._draw(self._shaped(scores), step)
            taken = drawn if taken is None else torch.where(self._drawn, drawn, taken)
        if self._blocked:
            tokens = taken[:, 0].tolist()
            for row, blocked in self._blocked.items():
                blocked.extend([tokens[row]])
        return taken

    def probabilities(self, logprobs: torch.Tensor) -> torch.Tensor:
        """What each drawn text's next token is drawn by, ``[texts, vocabulary]``, from log-probabilities of the same shape."""
        return self._shaped(self._allowed(logprobs)).softmax(-1, dtype=self._uniforms.dtype)

    def _allowed(self, logprobs: torch.Tensor) -> torch.Tensor:
        """Leave out what is banned, and what would repeat an n-gram."""
        if not self._banned and not self._blocked:
            return logprobs
        scores = logprobs.clone()
        if self._banned:
            scores[:, self._banned] = -torch.inf
        for row, blocked in self._blocked.items():
            if repeating := blocked.next_tokens():
                scores[row, repeating] = -torch.inf
        return scores

    def _shaped(self, scores: torch.Tensor) -> torch.Tensor:
        """Temperature, top-k, top-p and min-p, each where it applies."""
        if self._factors is not None:
            # the greatest score is 0 and stays so, however low the temperature
            scores = (scores - scores.amax(-1, keepdim=True)) * self._factors.clamp(max=torch.finfo(scores.dtype).max)
        for rows_and_values, keep in ((self._top_k, _keep_k), (self._top_p, _keep_p), (self._min_p, _keep_min)):
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
        tokens = torch.searchsorted(cumulative, self._uniforms[:, step, None] * cumulative[:, -1:])
        return tokens.clamp_(max=scores.shape[-1] - 1)  # only where probabilities are NaN; the log-probabilities tell


def _keep_k(scores: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Exactly the k best of each row, also where some are equally good."""
    most = min(int(k.max()), scores.shape[-1])
    kept, indices = scores.topk(most)
    if int(k.min()) < most:
        kept = kept.masked_fill(torch.arange(most, device=scores.device) >= k, -torch.inf)
    return torch.full_like(scores, -torch.inf).scatter_(-1, indices, kept)


def _keep_p(scores: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The fewest tokens of each row whose probabilities sum to p at least (Holtzman et al. 2020)."""
    ordered, indices = scores.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    return torch.full_like(scores, -torch.inf).scatter_(-1, indices, ordered.masked_fill(before >= p, -torch.inf))


def _keep_min(scores: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The tokens of each row whose probability is at least p times the greatest (Nguyen et al. 2024)."""
    return scores.masked_fill(scores < scores.amax(-1, keepdim=True) + p.log(), -torch.inf)


class _Blocked:
    """The tokens that would make one text repeat an n-gram, kept up as it grows."""

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
