"""Scorers of a choice beside its question, trained so that the right choice lies above each wrong one by a margin.

A scorer sees question and choice as InferSent does (Conneau et al. 2017, "Supervised learning of universal sentence
representations"), and their cosine. It starts as the cosine: what is learned is a correction of it, nothing before the first
step, and weight decay pulls the correction, not the cosine, towards nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from relab.errors import UserError
from relab.files import replacing
from relab.probes.pairs import PARTS, Questions
from relab.settings.base import canonical
from relab.settings.probes import Ranker
from relab.settings.probes import Scorer as ScorerSettings

#: Questions whose inputs are in memory at once where nothing is trained; changes no result.
BLOCK = 512

#: Features, scorer, seed.
Key = tuple[str, str, int]


class Scorer(nn.Module):
    """The score of a choice: its cosine and a correction, linear or with one hidden layer.

    Buffers ``mean`` and ``scale`` ``[4 width + 1]`` standardise what it sees.
    """

    def __init__(self, width: int, settings: ScorerSettings):
        super().__init__()
        size = 4 * width + 1
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.cosine = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(settings.dropout)
        self.hidden = nn.Linear(size, settings.hidden) if settings.hidden else None
        # what is added to all choices of a question alike changes no ranking: no bias
        self.output = nn.Linear(settings.hidden or size, 1, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores ``[choices]`` of inputs ``[choices, 4 width + 1]``."""
        inputs = (inputs - self.mean) / self.scale
        inner = inputs if self.hidden is None else torch.relu(self.hidden(inputs))
        return self.cosine * inputs[:, -1] + self.output(self.dropout(inner))[:, 0]

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())


def standardisation(questions: Questions) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and scale of the inputs of all choices, ``[4 width + 1]`` each.

    Every dimension has its mean; the scale is one for each of the :data:`~relab.probes.pairs.PARTS`, the root of its mean
    variance: within a part the sizes of dimensions say something (the cosine is the sum of the product), and some are constant.
    A part that does not vary keeps the scale 1.
    """
    total = squares = torch.zeros(4 * questions.width + 1, dtype=torch.float64)
    for batch in questions.batches(BLOCK):
        inputs = batch.inputs().double()
        total, squares = total + inputs.sum(0), squares + inputs.square().sum(0)
    mean = total / len(questions.choices)
    variance = squares / len(questions.choices) - mean.square()
    parts = variance.split([questions.width] * (len(PARTS) - 1) + [1])
    scales = [part.mean().clamp(min=0).sqrt().expand_as(part) for part in parts]
    scale = torch.cat(scales)
    return mean.float(), torch.where(scale > 1e-6, scale, 1.0).float()


@torch.inference_mode()
def scores_of(scorer: Scorer, questions: Questions) -> torch.Tensor:
    """The score of every choice, ``[choices]``."""
    scorer.eval()
    return torch.cat([scorer(batch.inputs()) for batch in questions.batches(BLOCK)])


def accuracy(scores: torch.Tensor, questions: Questions) -> float:
    """The share of questions whose right choice has the highest score."""
    return (questions.best(scores) == questions.answers).double().mean().item()


def pair_loss(scores: torch.Tensor, questions: Questions, margin: float) -> torch.Tensor:
    """The mean over wrong choices of max(0, margin − (score of the right choice − its own))."""
    right, wrong = questions.pairs()
    above = torch.ones(len(right))
    return nn.functional.margin_ranking_loss(scores[right], scores[wrong], above, margin)


@dataclass(frozen=True)
class Fitted:
    """A trained scorer with the weights of its best epoch, and how it got there."""

    scorer: Scorer
    best_epoch: int
    validation_accuracy: float
    history: list[dict[str, float]] = field(repr=False)  #: an epoch each, from 0: before training


def fit(train: Questions, validation: Questions, scorer: ScorerSettings, settings: Ranker, seed: int) -> Fitted:
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
        history = [_measure(network, train, validation, settings.margin, 0)]
        best, weights = history[0], _weights(network)
        for epoch in range(1, settings.epochs + 1):
            _train(network, optimizer, train, torch.randperm(len(train), generator=order), settings)
            history.append(_measure(network, train, validation, settings.margin, epoch))
            if history[-1]["validation_accuracy"] > best["validation_accuracy"]:
                best, weights = history[-1], _weights(network)
            if epoch - best["epoch"] >= settings.patience:
                break
    network.load_state_dict(weights)
    return Fitted(network.eval(), best["epoch"], best["validation_accuracy"], history)


def _optimizer(network: Scorer, settings: Ranker) -> torch.optim.Optimizer:
    """AdamW; neither the weight of the cosine nor biases decay."""
    matrices = [one for one in network.parameters() if one.ndim > 1]
    others = [one for one in network.parameters() if one.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _train(
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


def _measure(network: Scorer, train: Questions, validation: Questions, margin: float, epoch: int) -> dict[str, float]:
    row: dict[str, float] = {"epoch": epoch}
    for name, questions in (("train", train), ("validation", validation)):
        scores = scores_of(network, questions)
        row |= {f"{name}_loss": pair_loss(scores, questions, margin).item(), f"{name}_accuracy": accuracy(scores, questions)}
    return row


def _weights(network: Scorer) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in network.state_dict().items()}


def save_scorers(path: str | os.PathLike, scorers: Mapping[Key, Scorer], settings: Mapping[str, ScorerSettings]) -> None:
    """Write trained scorers as safetensors, whole or not at all: ``{features}/{scorer}/{seed}/{parameter}``.

    One entry of the metadata, ``settings``, holds the settings of each scorer: the format keeps entries in no order.
    """
    tensors = {
        f"{features}/{name}/{seed}/{parameter}": values.contiguous()
        for (features, name, seed), scorer in scorers.items()
        for parameter, values in scorer.state_dict().items()
    }
    metadata = {"settings": canonical({name: one.model_dump() for name, one in settings.items()})}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_scorers(path: str | os.PathLike) -> dict[Key, Scorer]:
    """The scorers of a file of :func:`save_scorers`, ready to score.

    Raises:
        UserError: where it is none.
    """
    states: dict[Key, dict[str, torch.Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads(file.metadata()["settings"])
            for name in file.keys():  # noqa: SIM118 - no mapping
                features, scorer, seed, parameter = name.split("/")
                states.setdefault((features, scorer, int(seed)), {})[parameter] = file.get_tensor(name)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: expected trained scorers in safetensors ({error})") from None
    scorers = {}
    for key, state in states.items():
        scorer = Scorer((len(state["mean"]) - 1) // 4, ScorerSettings(**told[key[1]]))
        scorer.load_state_dict(state)
        scorers[key] = scorer.eval()
    return scorers
