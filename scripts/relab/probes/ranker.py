"""Scorers of a choice beside its question, trained so that the right choice lies above each wrong one by a margin.

A scorer's inputs are those of InferSent (Conneau et al. 2017, "Supervised learning of universal sentence representations") and
the cosine. It starts as the cosine: it learns a correction that is 0 before the first step, and that weight decay pulls
towards 0.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from safetensors.torch import save_file
from torch import nn

from relab.files import replacing
from relab.probes.pairs import PARTS, Questions
from relab.settings.base import canonical
from relab.settings.probes import Ranker
from relab.settings.probes import Scorer as ScorerSettings

#: Questions that are scored at once without training; changes no result.
SCORING_BATCH = 512

#: Features, scorer, seed.
Key = tuple[str, str, int]


class Scorer(nn.Module):
    """The score of a choice: its cosine plus a correction, linear or with one hidden layer.

    Buffers ``mean`` and ``scale`` ``[4 width + 1]`` standardise the inputs.
    """

    def __init__(self, width: int, settings: ScorerSettings):
        super().__init__()
        size = 4 * width + 1
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.cosine = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(settings.dropout)
        self.hidden = nn.Linear(size, settings.hidden) if settings.hidden else None
        # no bias: what is added to all choices of a question alike changes no ranking
        self.output = nn.Linear(settings.hidden or size, 1, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores ``[choices]`` of inputs ``[choices, 4 width + 1]``."""
        inputs = (inputs - self.mean) / self.scale
        hidden = inputs if self.hidden is None else torch.relu(self.hidden(inputs))
        return self.cosine * inputs[:, -1] + self.output(self.dropout(hidden))[:, 0]

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())


def standardisation(questions: Questions) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and scale of the inputs of all choices, ``[4 width + 1]`` each.

    The mean is of each dimension; the scale is shared by each of the :data:`~relab.probes.pairs.PARTS`, the root of its mean
    variance: within a part the sizes of dimensions matter (the cosine is the sum of the product), and some are constant. A
    constant part keeps the scale 1.
    """
    total = squares = torch.zeros(4 * questions.width + 1, dtype=torch.float64)
    for batch in questions.batches(SCORING_BATCH):
        inputs = batch.inputs().double()
        total, squares = total + inputs.sum(0), squares + inputs.square().sum(0)
    mean = total / len(questions.choices)
    variance = squares / len(questions.choices) - mean.square()
    parts = variance.split([questions.width] * (len(PARTS) - 1) + [1])
    scales = [part.mean().clamp(min=0).sqrt().expand_as(part) for part in parts]
    scale = torch.cat(scales)
    return mean.float(), torch.where(scale > 1e-6, scale, 1.0).float()


@torch.inference_mode()
def score_choices(scorer: Scorer, questions: Questions) -> torch.Tensor:
    """The score of every choice, ``[choices]``."""
    scorer.eval()
    return torch.cat([scorer(batch.inputs()) for batch in questions.batches(SCORING_BATCH)])


def accuracy(scores: torch.Tensor, questions: Questions) -> float:
    """The share of questions whose right choice has the highest score."""
    return (questions.best_choices(scores) == questions.answers).double().mean().item()


def pair_loss(scores: torch.Tensor, questions: Questions, margin: float) -> torch.Tensor:
    """The mean over wrong choices of max(0, margin − (score of the right choice − score of the wrong one))."""
    right, wrong = questions.pairs()
    return nn.functional.margin_ranking_loss(scores[right], scores[wrong], torch.ones(len(right)), margin)


@dataclass(frozen=True)
class FittedScorer:
    """A trained scorer with the weights of its best epoch, and the history of its training."""

    scorer: Scorer
    best_epoch: int
    validation_accuracy: float
    history: list[dict[str, float]] = field(repr=False)  #: metrics of each epoch; epoch 0 is before training


def fit_scorer(train: Questions, validation: Questions, scorer: ScorerSettings, settings: Ranker, seed: int) -> FittedScorer:
    """Train a scorer until validation accuracy has not risen for ``settings.patience`` epochs.

    Each wrong choice is paired with the right one of its question (``torch.nn.MarginRankingLoss``). The weights are those of
    the first epoch of the highest validation accuracy; epoch 0, the cosine, is one of them. Random numbers come from ``seed``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Scorer(train.width, scorer)
        network.mean, network.scale = standardisation(train)
        optimizer = _optimizer(network, settings)
        order = torch.Generator().manual_seed(seed)
        history = [_epoch_metrics(network, train, validation, settings.margin, 0)]
        best, weights = history[0], _weights(network)
        for epoch in range(1, settings.epochs + 1):
            _train_epoch(network, optimizer, train, torch.randperm(len(train), generator=order), settings)
            history.append(_epoch_metrics(network, train, validation, settings.margin, epoch))
            if history[-1]["validation_accuracy"] > best["validation_accuracy"]:
                best, weights = history[-1], _weights(network)
            if epoch - best["epoch"] >= settings.patience:
                break
    network.load_state_dict(weights)
    return FittedScorer(network.eval(), best["epoch"], best["validation_accuracy"], history)


def _optimizer(network: Scorer, settings: Ranker) -> torch.optim.Optimizer:
    """AdamW; the cosine's weight and biases do not decay."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _train_epoch(
    network: Scorer, optimizer: torch.optim.Optimizer, questions: Questions, order: torch.Tensor, settings: Ranker
) -> None:
    """One epoch."""
    loss_of = nn.MarginRankingLoss(settings.margin)
    network.train()
    for batch in questions.batches(settings.batch, order):
        right, wrong = batch.pairs()
        if not len(wrong):  # none of these questions has two choices
            continue
        scores = network(batch.inputs())
        loss = loss_of(scores[right], scores[wrong], torch.ones(len(right)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _epoch_metrics(network: Scorer, train: Questions, validation: Questions, margin: float, epoch: int) -> dict[str, float]:
    row: dict[str, float] = {"epoch": epoch}
    for name, questions in (("train", train), ("validation", validation)):
        scores = score_choices(network, questions)
        row |= {f"{name}_loss": pair_loss(scores, questions, margin).item(), f"{name}_accuracy": accuracy(scores, questions)}
    return row


def _weights(network: Scorer) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in network.state_dict().items()}


def save_scorers(path: str | os.PathLike, scorers: Mapping[Key, Scorer], settings: Mapping[str, ScorerSettings]) -> None:
    """Write trained scorers as safetensors, whole or not at all: ``{features}/{scorer}/{seed}/{parameter}``.

    The entry ``settings`` of the metadata holds the settings of all scorers: the format does not keep entries in order.
    """
    tensors = {
        f"{features}/{name}/{seed}/{parameter}": values.contiguous()
        for (features, name, seed), scorer in scorers.items()
        for parameter, values in scorer.state_dict().items()
    }
    metadata = {"settings": canonical({name: scorer.model_dump() for name, scorer in settings.items()})}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)
