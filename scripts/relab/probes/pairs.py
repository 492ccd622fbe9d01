"""Questions and their choices as vectors, and what a scorer is shown of the two together."""

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

#: Parts of what a scorer is shown: the four of InferSent (Conneau et al. 2017), each as wide as a vector, and the cosine.
PARTS = ("question", "choice", "product", "difference", "cosine")


@dataclass(frozen=True)
class Questions:
    """The questions of one split, in the order of rows; each may have another number of choices."""

    questions: torch.Tensor  #: unit vectors, [rows, width]
    choices: torch.Tensor  #: unit vectors of all choices, a question's after the other's, [choices, width]
    offsets: torch.Tensor  #: where each question's choices begin among them, [rows + 1]
    answers: torch.Tensor  #: place of the right one among a question's choices, [rows]

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
        places = torch.arange(int(offsets[-1])) + torch.repeat_interleave(self.offsets[rows] - offsets[:-1], counts)
        return Questions(self.questions[rows], self.choices[places], offsets, self.answers[rows])

    def batches(self, size: int, order: torch.Tensor | None = None) -> Iterator[Questions]:
        """So many questions at a time, in order of rows or as ``order`` says."""
        rows = torch.arange(len(self)) if order is None else order
        return map(self.take, rows.split(size))

    def right(self) -> torch.Tensor:
        """Where the right choice of each question stands among all choices, ``[rows]``."""
        return self.offsets[:-1] + self.answers

    def pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Every wrong choice with the right one of its question: places of the right and of the wrong ones, ``[pairs]``."""
        right = torch.repeat_interleave(self.right(), self.counts)
        wrong = torch.arange(len(self.choices))
        return right[right != wrong], wrong[right != wrong]

    def inputs(self) -> torch.Tensor:
        """What a scorer is shown of each choice, ``[choices, 4 width + 1]``: question, choice, their product and absolute
        difference element by element, and the cosine, which is the sum of the product."""
        questions = torch.repeat_interleave(self.questions, self.counts, dim=0)
        product = questions * self.choices
        parts = [questions, self.choices, product, (questions - self.choices).abs(), product.sum(1, keepdim=True)]
        return torch.cat(parts, dim=1)

    def cosines(self) -> torch.Tensor:
        """The cosine of each choice and its question, ``[choices]``."""
        return (torch.repeat_interleave(self.questions, self.counts, dim=0) * self.choices).sum(1)

    def best(self, scores: torch.Tensor) -> torch.Tensor:
        """The place of the highest score among each question's choices, the first of equal ones; of scores ``[choices]``."""
        there = torch.arange(int(self.counts.max())) < self.counts[:, None]
        padded = scores.new_full(there.shape, -torch.inf)
        padded[there] = scores
        return padded.argmax(1)


def read_questions(features: Features, part: str | os.PathLike, pooling: str) -> Questions:
    """The questions of one split from its features and its rows.

    Args:
        features: what was encoded from the columns ``question`` and ``choices`` of the part.
        part: the split (Parquet) with the columns ``choices`` and ``answer``.

    Raises:
        UserError: where the features are not of these rows, or no question has two choices.
    """
    rows = read(part)
    counts = [len(choices) for choices in rows["choices"]]
    questions, choices = features.of("question", pooling), features.of("choices", pooling)
    if (len(questions), len(choices)) != (len(counts), sum(counts)):
        raise UserError(
            f"{features.path}: expected features of the {len(counts)} questions and {sum(counts)} choices of {part}, "
            f"found {len(questions)} and {len(choices)}"
        )
    if max(counts, default=0) < 2:
        raise UserError(f"{part}: expected a question with two choices or more, found none")
    unit = [normalize(torch.from_numpy(np.ascontiguousarray(vectors, np.float32)), dim=1) for vectors in (questions, choices)]
    return Questions(*unit, torch.tensor([0, *np.cumsum(counts)]), torch.tensor(rows["answer"], dtype=torch.int64))
