"""Questions and their choices as vectors, and the inputs of a scorer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import normalize

from relab.datasets.storage import read
from relab.errors import UserError
from relab.features.store import Features

#: Parts of a scorer's input: the four of InferSent (Conneau et al. 2017), each as wide as a vector, and the cosine.
PARTS = ("question", "choice", "product", "difference", "cosine")


@dataclass(frozen=True)
class Questions:
    """The questions of a split, in the order of rows; their numbers of choices may differ."""

    questions: torch.Tensor  #: unit vectors, [rows, width]
    choices: torch.Tensor  #: unit vectors of the choices of all questions, in order, [choices, width]
    offsets: torch.Tensor  #: index of each question's first choice, [rows + 1]
    answers: torch.Tensor  #: index of the right choice among a question's choices, [rows]

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def width(self) -> int:
        return self.questions.shape[1]

    @property
    def counts(self) -> torch.Tensor:
        """How many choices each question has, ``[rows]``."""
        return self.offsets.diff()

    def take(self, rows: torch.Tensor) -> Questions:
        """Some of the questions, in the order of ``rows``."""
        counts = self.counts[rows]
        offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        indices = torch.arange(int(offsets[-1])) + torch.repeat_interleave(self.offsets[rows] - offsets[:-1], counts)
        return Questions(self.questions[rows], self.choices[indices], offsets, self.answers[rows])

    def batches(self, size: int, order: torch.Tensor | None = None) -> Iterator[Questions]:
        """Batches of ``size`` questions, in the order of rows or of ``order``."""
        rows = torch.arange(len(self)) if order is None else order
        return map(self.take, rows.split(size))

    def answer_indices(self) -> torch.Tensor:
        """The index of each question's right choice among all choices, ``[rows]``."""
        return self.offsets[:-1] + self.answers

    def pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Every wrong choice with its question's right one: indices of the right and of the wrong choices, ``[pairs]``."""
        right = torch.repeat_interleave(self.answer_indices(), self.counts)
        wrong = torch.arange(len(self.choices))
        return right[right != wrong], wrong[right != wrong]

    def inputs(self) -> torch.Tensor:
        """The scorer's input for each choice, ``[choices, 4 width + 1]``: question, choice, their elementwise product and
        absolute difference, and the cosine, which is the sum of the product."""
        questions = torch.repeat_interleave(self.questions, self.counts, dim=0)
        product = questions * self.choices
        parts = [questions, self.choices, product, (questions - self.choices).abs(), product.sum(1, keepdim=True)]
        return torch.cat(parts, dim=1)

    def cosines(self) -> torch.Tensor:
        """The cosine of each choice with its question, ``[choices]``."""
        return (torch.repeat_interleave(self.questions, self.counts, dim=0) * self.choices).sum(1)

    def best_choices(self, scores: torch.Tensor) -> torch.Tensor:
        """The index of the highest of the scores ``[choices]`` among each question's choices, the first of equal ones."""
        present = torch.arange(int(self.counts.max())) < self.counts[:, None]
        padded = scores.new_full(present.shape, -torch.inf)
        padded[present] = scores
        return padded.argmax(1)


def read_questions(features: Features, part: str | os.PathLike, pooling: str) -> Questions:
    """The questions of a split from its features and its rows.

    Args:
        features: the features of the columns ``question`` and ``choices`` of the part.
        part: the split (Parquet) with the columns ``choices`` and ``answer``.

    Raises:
        UserError: where the features are not of these rows, or no question has two choices.
    """
    rows = read(part)
    counts = [len(choices) for choices in rows["choices"]]
    questions, choices = features.vectors("question", pooling), features.vectors("choices", pooling)
    if (len(questions), len(choices)) != (len(counts), sum(counts)):
        raise UserError(
            f"{features.path}: expected features of the {len(counts)} questions and {sum(counts)} choices of {part}, "
            f"found {len(questions)} and {len(choices)}"
        )
    if max(counts, default=0) < 2:
        raise UserError(f"{part}: expected a question with two choices or more, found none")
    unit = [normalize(torch.from_numpy(np.ascontiguousarray(vectors, np.float32)), dim=1) for vectors in (questions, choices)]
    return Questions(*unit, torch.tensor([0, *np.cumsum(counts)]), torch.tensor(rows["answer"], dtype=torch.int64))
