"""Per-token log-probabilities of given texts under a language model, computed in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from relab.encoded_sources import EncodedSources, check_lengths, is_encoder_decoder, target_opening
from relab.errors import UserError
from relab.networks import context_length

#: The most tokens of a batch, padding included: with a vocabulary of 50,000, some 100 MB of logits. Larger batches are slower
#: on a CPU: 135 M parameters, one thread, 425 tokens/s with 512 tokens a batch, 290 to 365 tokens/s with 2048.
BATCH_TOKENS = 512


@torch.inference_mode()
def next_token_logprobs(model: PreTrainedModel, token_ids: Sequence[int]) -> torch.Tensor:
    """Log-probabilities ``[tokens, vocabulary]`` of the token after each position of a text.

    The model must be in evaluation mode.

    Raises:
        UserError: a text longer than the model's context.
    """
    _check_length(model, len(token_ids))
    logits = model(torch.tensor([list(token_ids)], device=model.device), use_cache=False).logits[0]
    return logits.float().log_softmax(-1)


@torch.inference_mode()
def logprobs(
    model: PreTrainedModel,
    texts: Sequence[tuple[Sequence[int], Sequence[int]]],
    tokens: int | None = None,
    progress: Callable[[int], object] = lambda texts: None,
) -> list[list[float]]:
    """Log-probabilities (natural logarithms) of each token of continuations, given their prompts.

    Texts of similar length share a batch, padded on the right, where causal attention never looks; the last digits may depend
    on the other texts of the batch. Logits are computed from where the first continuation of a batch begins.

    Args:
        model: a causal language model or an encoder–decoder in evaluation mode.
        texts: token ids of a prompt (or source), at least one, and of its continuation (or target).
        tokens: the most tokens of a batch, padding included; a longer text is alone. By default :data:`BATCH_TOKENS`.
        progress: called after each batch with the number of its texts.

    Returns:
        For each text the log-probabilities of its continuation's tokens.

    Raises:
        UserError: a text longer than the model's context.
    """
    if is_encoder_decoder(model):
        return _target_logprobs(model, texts, tokens or BATCH_TOKENS, progress)
    logprobs_by_text: list[list[float]] = [[] for _ in texts]
    for rows in _batches([len(prompt) + len(continuation) for prompt, continuation in texts], tokens or BATCH_TOKENS):
        sequences = [[*texts[row][0], *texts[row][1]] for row in rows]
        longest, first = max(map(len, sequences)), min(len(texts[row][0]) for row in rows)
        _check_length(model, longest - 1)  # the last token is no input: nothing follows it
        if longest > first:
            ids = torch.tensor([sequence + [0] * (longest - len(sequence)) for sequence in sequences], device=model.device)
            logits = model(ids[:, :-1], use_cache=False, logits_to_keep=longest - first).logits
            losses = functional.cross_entropy(logits.float().flatten(0, 1), ids[:, first:].flatten(), reduction="none")
            for row, sequence, loss in zip(rows, sequences, losses.view(len(rows), -1).cpu(), strict=True):
                logprobs_by_text[row] = (-loss[len(texts[row][0]) - first : len(sequence) - first]).tolist()
        progress(len(rows))
    return logprobs_by_text


def _target_logprobs(
    model: PreTrainedModel, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], tokens: int, progress: Callable[[int], object]
) -> list[list[float]]:
    """Log-probabilities of each token of targets, given their sources."""
    opening, longest_target = target_opening(model), max((len(target) for _, target in pairs), default=0)
    check_lengths(model, [source for source, _ in pairs], len(opening) - 1 + longest_target)
    logprobs_by_text: list[list[float]] = [[] for _ in pairs]
    for rows in _batches([len(source) + len(target) for source, target in pairs], tokens):
        targets = [pairs[row][1] for row in rows]
        if longest := max(map(len, targets)):
            ids = torch.tensor([[*target, *[0] * (longest - len(target))] for target in targets], device=model.device)
            logits = _target_logits(model, [pairs[row][0] for row in rows], ids)
            losses = functional.cross_entropy(logits.float().flatten(0, 1), ids.flatten(), reduction="none").view(len(rows), -1)
            for row, target, loss in zip(rows, targets, losses.cpu(), strict=True):
                logprobs_by_text[row] = (-loss[: len(target)]).tolist()
        progress(len(rows))
    return logprobs_by_text


@torch.inference_mode()
def target_logprobs(model: PreTrainedModel, source: Sequence[int], target: Sequence[int]) -> torch.Tensor:
    """Log-probabilities ``[tokens, vocabulary]`` of what an encoder–decoder could write at each token of a target."""
    return _target_logits(model, [source], torch.tensor([list(target)], device=model.device))[0].float().log_softmax(-1)


def _target_logits(model: PreTrainedModel, sources: Sequence[Sequence[int]], targets: torch.Tensor) -> torch.Tensor:
    """Logits ``[targets, tokens, vocabulary]`` for the tokens of targets, given as ids ``[targets, tokens]``."""
    opening = target_opening(model)
    inputs = torch.cat([torch.tensor([opening] * len(targets), device=model.device), targets], 1)[:, :-1]
    encoded = EncodedSources.of(model, sources)
    return model(decoder_input_ids=inputs, use_cache=False, **encoded.arguments()).logits[:, len(opening) - 1 :]


def _batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices of texts by falling length, in batches of at most ``tokens`` tokens."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if rows and lengths[rows[0]] * (len(rows) + 1) > tokens:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _check_length(model: PreTrainedModel, length: int) -> None:
    window = context_length(model)
    if length > window:
        raise UserError(f"a text of {length} tokens is longer than the model's context of {window} tokens")
