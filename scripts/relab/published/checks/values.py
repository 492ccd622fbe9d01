"""What the checks of networks have in common: their texts, and how their values are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.errors import UserError
from relab.networks import context_length
from relab.published.checks.tokenizers import plain_tokens

#: Tokens of the longest text of a check with its continuation.
_LONGEST_TEXT = 12


def short_texts(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: Path) -> list[list[int]]:
    """Three texts of different lengths, as token ids, each of which fits the model's context twice.

    Raises:
        UserError: the tokenizer has a token that the model has no embedding for.
    """
    check_vocabulary(model, tokenizer, source)
    longest = int(min(_LONGEST_TEXT, max(2, context_length(model))) // 2)
    tokens, lengths = plain_tokens(tokenizer, 3 * longest), (max(1, longest // 2), longest, max(1, longest - 1))
    return [[tokens[(3 * place + row) % len(tokens)] for place in range(length)] for row, length in enumerate(lengths)]


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: object) -> None:
    """Refuse a tokenizer with tokens that the model has no embeddings for; messages name the ``source``.

    Raises:
        UserError: there are such tokens.
    """
    highest_id, rows = max(tokenizer.get_vocab().values()), model.get_input_embeddings().weight.shape[0]
    if highest_id >= rows:
        raise UserError(
            f"{source}: the tokenizer has the token id {highest_id}, but the model has embeddings for {rows} tokens"
        )


@contextmanager
def run_as_others_are(model: PreTrainedModel, source: Path) -> Iterator[None]:
    """Say in a sentence whatever an architecture raises that is run as others are.

    Raises:
        UserError: anything was raised inside the block.
    """
    try:
        yield
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(
            f"{source}: a model of the kind {model.config.model_type} cannot be run here ({reason}); expected one that reads "
            "token ids and nothing else"
        ) from error


def check_equal(
    values: Sequence[Sequence[float]], alone: Sequence[Sequence[float]], model: PreTrainedModel, way: str, source: Path
) -> None:
    """Refuse values of texts that are no numbers, or differ from those of each text read whole and alone.

    Args:
        values: values of each text, read in some ``way``.
        alone: values of each text, read whole and alone.
        model: the model; differences that its weights' type makes are none.
        way: the way, in messages.
        source: where the model is from, in messages.
    """
    values, alone = (np.concatenate([np.asarray(row, dtype=float) for row in rows]) for rows in (values, alone))
    if not (np.isfinite(values).all() and np.isfinite(alone).all()):
        raise UserError(f"{source}: read {way}, texts have values that are not numbers: are its weights sound?")
    tolerance = max(1e-4, 32 * torch.finfo(model.dtype).eps) * max(1.0, np.abs(alone).max())
    if (difference := np.abs(values - alone).max()) > tolerance:
        raise UserError(
            f"{source}: read {way}, texts have other values than read whole and alone (they differ by {difference:.2g}): "
            f"a model of the kind {model.config.model_type} cannot be run here; expected one that reads a text alike both ways"
        )
