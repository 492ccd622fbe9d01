"""A policy and what estimates the values of its states, as one network that is trained."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from relab.training.batches import Batch
from relab.training.objectives.outputs import logits_of_targets


class PolicyNetwork(nn.Module):
    """A language model as a policy, beside a critic where there is one.

    It never drops anything out: what is sampled, what is measured and what is trained is the same distribution.

    Args:
        policy: the language model.
        critic: estimates values; None: nothing does.
    """

    def __init__(self, policy: PreTrainedModel, critic: Critic | None = None):
        super().__init__()
        self.policy, self.critic = policy, critic
        self.eval()

    def train(self, mode: bool = True) -> PolicyNetwork:
        """Stay in evaluation mode, whatever the mode asked for."""
        return super().train(False)

    def forward(self, batch: Batch, temperature: float) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Log-probabilities ``[targets, vocabulary]`` and values ``[targets]``, float32, where there is a target."""
        states: list[torch.Tensor] = []
        output_layer = self.policy.get_output_embeddings()
        hook = output_layer.register_forward_hook(lambda module, inputs, output: states.append(inputs[0]))
        try:
            distributions = token_distributions(self.policy, batch, temperature)
        finally:
            hook.remove()
        return distributions, None if self.critic is None else self.critic(batch, states[0].flatten(0, -2))


class Critic(nn.Module):
    """Estimates from what was read which rewards will follow: 0 before training.

    Args:
        width: size of the hidden states.
        body: a network without a head that reads the text, and is trained for it; None: the states of the policy are read,
            which is not trained for it.
    """

    def __init__(self, width: int, body: PreTrainedModel | None = None):
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch, states: torch.Tensor) -> torch.Tensor:
        """Values ``[targets]`` before each target, float32; ``states`` are the policy's there ``[targets, width]``."""
        if self.body is None:
            states = states.detach()
        else:
            states = self.body(input_ids=batch.inputs, use_cache=False).last_hidden_state.flatten(0, 1)
            states = states if batch.predicted is None else states[batch.predicted]
        return self.head(states.float()).squeeze(1).float()


def token_distributions(model: PreTrainedModel, batch: Batch, temperature: float) -> torch.Tensor:
    """Log-probabilities ``[targets, vocabulary]``, float32, at the positions that have a target and at a temperature."""
    logits, _ = logits_of_targets(model, batch.targets, batch.predicted, input_ids=batch.inputs, use_cache=False)
    return (logits / temperature).log_softmax(-1)


def target_logprobs(distributions: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The log-probabilities of the targets ``[targets]`` among those of all tokens ``[targets, vocabulary]``."""
    targets = batch.targets.flatten() if batch.predicted is None else batch.targets.flatten()[batch.predicted]
    return distributions.gather(-1, targets[:, None]).squeeze(1)
