"""What an encoder–decoder needs beside a decoder's loop: its sources, encoded once, and the tokens its targets start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from relab.errors import UserError
from relab.networks import context_length


def is_encoder_decoder(model: PreTrainedModel) -> bool:
    """Whether a model reads a source and writes a target, instead of continuing a prompt."""
    return bool(model.config.is_encoder_decoder)


def target_opening(model: PreTrainedModel) -> list[int]:
    """Token ids that every target starts from: the decoder's start token, and one that its configuration forces behind it.

    Raises:
        UserError: the configuration names no start token.
    """
    start, forced = (_special_token(model, name) for name in ("decoder_start_token_id", "forced_bos_token_id"))
    if start is None:
        raise UserError("decoder_start_token_id: the encoder–decoder's configuration names none, expected a token id")
    return [start] if forced is None else [start, forced]


def _special_token(model: PreTrainedModel, name: str) -> int | None:
    candidates = (getattr(config, name, None) for config in (model.generation_config, model.config))
    return next((token for token in candidates if token is not None), None)


def padded(sources: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask ``[sources, tokens]``, padded on the right: encoders count positions from the left."""
    longest = max(map(len, sources))
    ids = torch.tensor([[*source, *[0] * (longest - len(source))] for source in sources], device=device)
    mask = torch.tensor([[1] * len(source) + [0] * (longest - len(source)) for source in sources], device=device)
    return ids, mask


def check_lengths(model: PreTrainedModel, sources: Sequence[Sequence[int]], target: int) -> None:
    """Refuse sources, and targets of ``target`` tokens with what they start from, that are longer than the model's positions.

    Raises:
        UserError: one is longer.
    """
    most, longest = context_length(model), max(map(len, sources), default=0)
    if longest > most:
        raise UserError(f"a source of {longest} tokens is longer than the encoder's {most} positions: cut it")
    if target > most:
        raise UserError(f"a target of {target} tokens is longer than the decoder's {most} positions: lower the length")


@dataclass(frozen=True)
class EncodedSources:
    """The states ``[sources, tokens, width]`` of an encoder for some sources, and their mask ``[sources, tokens]``."""

    states: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, model: PreTrainedModel, sources: Sequence[Sequence[int]]) -> EncodedSources:
        """Encode sources, given as token ids."""
        ids, mask = padded(sources, model.device)
        return cls(model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state, mask)

    def select(self, rows: torch.Tensor) -> EncodedSources:
        """Those of some rows."""
        return EncodedSources(self.states[rows], self.mask[rows])

    def arguments(self) -> dict[str, Any]:
        """The arguments of the model's ``forward`` that stand for the sources."""
        return {"encoder_outputs": BaseModelOutput(last_hidden_state=self.states), "attention_mask": self.mask}
