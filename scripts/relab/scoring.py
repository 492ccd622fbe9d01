"""What a language model makes of given texts: the probability of each token, read in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from relab.errors import UserError
from relab.prefix import context

#: Tokens, padding included, that are read at once at most: with 50,000 words to choose from, some 100 MB of scores. More are
#: slower on a CPU: 135 M parameters, one thread, read 425 tokens/s 512 at a time, 290 to 365 tokens/s 2048 at a time.
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
def logprobs(
    model: PreTrainedModel,
    texts: Sequence[tuple[Sequence[int], Sequence[int]]],
    tokens: int | None = None,
    progress: Callable[[int], object] = lambda texts: None,
) -> list[list[float]]:
    """Natural logarithms of the probability that a model gives to each token of continuations, given their prompts.

    Texts of similar length are read together, padded on the right, where causal attention never looks; the last digits may
    depend on the company. Scores over the vocabulary are computed from where the first continuation of a batch begins.

    Args:
        model: a causal language model in evaluation mode.
        texts: token ids of a prompt, at least one, and of its continuation.
        tokens: tokens, padding included, that are read at once at most, but for a longer text; by default :data:`TOKENS`.
        progress: called after each batch with the number of its texts.

    Returns:
        For each text the log-probabilities of its continuation's tokens.

    Raises:
        UserError: a text longer than the model's context.
    """
    found: list[list[float]] = [[] for _ in texts]
    for rows in _batches([len(prompt) + len(continuation) for prompt, continuation in texts], tokens or TOKENS):
        whole = [[*texts[row][0], *texts[row][1]] for row in rows]
        longest, first = max(map(len, whole)), min(len(texts[row][0]) for row in rows)
        _check(model, longest - 1)  # nothing follows the last token: it is not read
        if longest > first:
            ids = torch.tensor([one + [0] * (longest - len(one)) for one in whole], device=model.device)
            logits = model(ids[:, :-1], use_cache=False, logits_to_keep=longest - first).logits
            losses = functional.cross_entropy(logits.float().flatten(0, 1), ids[:, first:].flatten(), reduction="none")
            for row, text, loss in zip(rows, whole, losses.view(len(rows), -1).cpu(), strict=True):
                found[row] = (-loss[len(texts[row][0]) - first : len(text) - first]).tolist()
        progress(len(rows))
    return found


def _batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Rows by falling length, as many at a time as ``tokens`` allow."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if rows and lengths[rows[0]] * (len(rows) + 1) > tokens:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _check(model: PreTrainedModel, length: int) -> None:
    window = context(model)
    if length > window:
        raise UserError(f"a text of {length} tokens is longer than the model's context of {window} tokens")
