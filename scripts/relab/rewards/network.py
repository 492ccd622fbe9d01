"""The networks of reward models: a pretrained body with a head that reads one state or the mean; a published classifier."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from relab import adapters
from relab.checkpoints import load_encoder, user_errors, without_weight_report
from relab.classifiers.network import check_context
from relab.errors import UserError
from relab.precision import FLOAT32
from relab.published.files import CLASSIFIER
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

    padding: int | None = None  #: the token id that it must be padded with; None: any

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


class PublishedRewardNetwork(nn.Module):
    """A network for sequence classification, one of whose logits is the reward.

    Args:
        body: the network with its head. Its configuration has a token id of padding, by which the heads of language models
            find the last token of a text.
        output: the index of the logit.
    """

    def __init__(self, body: PreTrainedModel, output: int):
        super().__init__()
        self.body, self.output = body, output

    @property
    def padding(self) -> int:
        """The token id that it must be padded with."""
        return self.body.config.get_text_config().pad_token_id

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        """The rewards of texts that are padded on the right: ``logits [texts, 1]``, float32; see :class:`RewardNetwork`."""
        logits = self.body(input_ids=input_ids, attention_mask=attention_mask).logits
        return SequenceClassifierOutput(logits=logits[:, self.output, None].float())


def load_published(directory: Path, output: int) -> PublishedRewardNetwork:
    """The network of a published reward model's directory, on the CPU, float32, in evaluation mode.

    Raises:
        UserError: no network for sequence classification, or one without all of its weights, which would be drawn.
    """
    with user_errors(directory, CLASSIFIER[0]), without_weight_report():
        body, info = AutoModelForSequenceClassification.from_pretrained(
            directory, dtype="float32", use_safetensors=True, local_files_only=True, trust_remote_code=False,
            output_loading_info=True,
        )  # fmt: skip
    if missing := sorted(info["missing_keys"]):
        raise UserError(f"{directory}: expected {CLASSIFIER[0]}, found no weights {', '.join(missing[:3])}")
    if not output < body.config.num_labels:
        raise UserError(f"{directory}: expected output {output} among those of the network, found {body.config.num_labels}")
    body.config.use_cache = False
    return PublishedRewardNetwork(body, output).eval()


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
    check_context(body, settings.tokens, directory.name)
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
