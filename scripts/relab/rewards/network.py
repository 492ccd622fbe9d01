"""The network of a reward model: a pretrained body, and a head that reads one state of it or the mean of all."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from relab import adapters
from relab.checkpoints import load_encoder
from relab.errors import UserError
from relab.networks import context_length
from relab.precision import FLOAT32
from relab.settings.models import LoraAdaptation
from relab.settings.reward_models import Pooling, TrainedRewardModel

#: PEFT's name of a network without a head.
TASK = "FEATURE_EXTRACTION"

#: The beginning of the names of the head's parameters.
HEAD = "head."


class RewardNetwork(nn.Module):
    """A body and a head of one output without a bias, which no difference of two rewards would show.

    Args:
        body: a network that gives a state for each token.
        pooling: what of them the head reads.
    """

    def __init__(self, body: PreTrainedModel, pooling: Pooling):
        super().__init__()
        self.body, self.pooling = body, pooling
        self.head = nn.Linear(body.config.hidden_size, 1, bias=False)
        if isinstance(pooler := getattr(body, "pooler", None), nn.Module):
            pooler.requires_grad_(False)  # BERT's, which is not read

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        """The rewards of texts that are padded on the right: ``logits [texts, 1]``, float32.

        Args:
            input_ids: token ids ``[texts, tokens]``.
            attention_mask: 1 for each token and 0 for padding, of the same shape.
        """
        states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
        if self.pooling == "mean":
            weights = attention_mask[:, :, None].to(states)
            pooled = (states * weights).sum(1) / weights.sum(1)
        else:
            pooled = states[torch.arange(len(states), device=states.device), attention_mask.sum(1) - 1]
        with torch.autocast(states.device.type, enabled=False):  # three digits of a reward would be too few
            return SequenceClassifierOutput(logits=self.head(pooled))

    def activation_checkpointing_enable(self, options: dict) -> None:
        """Compute what lies between two blocks a second time in the backward pass, see Transformers."""
        self.body.activation_checkpointing_enable(options)

    def merge_adapter(self) -> None:
        """Add LoRA's factors to the weights that they update, where there are any."""
        if hasattr(self.body, "merge_and_unload"):
            with adapters.without_peft_warnings():
                self.body = self.body.merge_and_unload()


def build(settings: TrainedRewardModel, directory: Path) -> RewardNetwork:
    """The network before its training, on the CPU, float32; what is new is drawn from torch's global random state.

    The head is drawn normally with the variance 1 / (width + 1) (Stiennon et al. 2020).

    Args:
        settings: pooling, tokens and what is trained.
        directory: model directory of the body.

    Raises:
        UserError: no model that reads texts, more tokens than it has positions, an adapter's target that it lacks.
    """
    body = load_encoder(directory, torch.device("cpu"), FLOAT32)
    if getattr(body.config, "vocab_size", None) is None:
        raise UserError(f"{directory}: a network of the kind {body.config.model_type}, expected one that reads texts")
    if settings.tokens > (positions := context_length(body)):
        raise UserError(f"tokens: expected at most {positions}, the context of {directory.name}, found {settings.tokens}")
    body.config.use_cache = False
    network = RewardNetwork(body, settings.pooling)
    nn.init.normal_(network.head.weight, std=(network.head.in_features + 1) ** -0.5)
    if settings.adaptation.kind == "lora":
        network.body = _with_adapter(body, settings.adaptation, directory)
    return network.train()


def _with_adapter(body: PreTrainedModel, settings: LoraAdaptation, directory: Path) -> nn.Module:
    """LoRA (Hu et al. 2021) beside the frozen weights."""
    from peft import get_peft_model

    config = adapters.lora_config(body, settings, directory, TASK)
    with adapters.without_peft_warnings():
        return get_peft_model(body, config)
