"""What a language model makes of given texts: the probability of each token, read in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from relab.errors import UserError

#: Tokens, padding included, that are read at once at most: with 50,000 words to choose from, some 100 MB of scores.
TOKENS = 512


@torch.inference_mode()
def next_token_logprobs(model: PreTrainedModel, token_ids: Sequence[int], temperature: float = 1.0) -> torch.Tensor:
    """Log-probabilities ``[tokens, vocabulary]`` of the token that follows each position of a text, at a temperature.

    The model must be in evaluation mode.

    Raises:
        UserError: a text longer than the model's context.
    """
    _check(model, len(token_ids))
    logits = model(torch.tensor([list(token_ids)], device=model.device), use_cache=False).logits[0]
    return (logits.float() / temperature).log_softmax(-1)


@torch.inference_mode()
def logprobs(model: PreTrainedModel, texts: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[list[float]]:
    """Natural logarithms of the probability that a model gives to each token of continuations, given their prompts.

    Texts of similar length are read together, padded on the right, where causal attention never looks; the last digits may
    depend on the company.

    Args:
        model: a causal language model in evaluation mode.
        texts: token ids of a prompt, at least one, and of its continuation.

    Returns:
        For each text the log-probabilities of its continuation's tokens.

    Raises:
        UserError: a text longer than the model's context.
    """
    found: list[list[float]] = [[] for _ in texts]
    for rows in _batches([len(prompt) + len(continuation) for prompt, continuation in texts]):
        whole = [[*texts[row][0], *texts[row][1]] for row in rows]
        longest = max(map(len, whole))
        _check(model, longest - 1)  # nothing follows the last token: it is not read
        tokens = torch.tensor([one + [0] * (longest - len(one)) for one in whole], device=model.device)
        logits = model(tokens[:, :-1], use_cache=False).logits
        losses = functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        for row, text, loss in zip(rows, whole, losses.view(len(rows), -1).cpu(), strict=True):
            found[row] = (-loss[len(texts[row][0]) - 1 : len(text) - 1]).tolist()
    return found


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows by falling length, as many at a time as :data:`TOKENS` allows."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if rows and lengths[rows[0]] * (len(rows) + 1) > TOKENS:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _check(model: PreTrainedModel, length: int) -> None:
    window = model.config.max_position_embeddings
    if length > window:
        raise UserError(f"a text of {length} tokens is longer than the model's context of {window} tokens")
