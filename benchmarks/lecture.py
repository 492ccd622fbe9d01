"""The peer of the training benchmark: a small GPT trained in the manner of Karpathy's lecture (gpt.py).

A head at a time in Python, each with its own projections without bias, concatenated and projected; ReLU feed-forward; pre-norm;
an output layer of its own. Blocks are sliced and stacked one by one, AdamW is unfused, and every step waits for its loss.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Head(nn.Module):
    def __init__(self, width: int, size: int, block: int, dropout: float):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, size, bias=False) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("past", torch.ones(block, block).tril())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
        scores = scores.masked_fill(self.past[:length, :length] == 0, -torch.inf)
        return self.dropout(functional.softmax(scores, dim=-1)) @ value


class Block(nn.Module):
    def __init__(self, width: int, heads: int, block: int, dropout: float):
        super().__init__()
        self.heads = nn.ModuleList(Head(width, width // heads, block, dropout) for _ in range(heads))
        self.projection, self.dropout = nn.Linear(width, width), nn.Dropout(dropout)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norm_1(x)
        heads = torch.cat([head(normed) for head in self.heads], dim=-1)
        x = x + self.dropout(self.projection(heads))
        return x + self.feed_forward(self.norm_2(x))


class Lecture(nn.Module):
    """A language model: token ids ``[batch, length]`` in, logits ``[batch, length, vocabulary]`` out."""

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, block: int, dropout: float):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(block, width)
        self.blocks = nn.Sequential(*(Block(width, heads, block, dropout) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        return self.head(self.norm(self.blocks(x)))


class Training:
    """The lecture's training loop, a step at a time."""

    def __init__(self, model: Lecture, tokens: torch.Tensor, batch: int, block: int, learning_rate: float):
        self.model, self.tokens, self.batch, self.block = model, tokens, batch, block
        self.device = next(model.parameters()).device
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, foreach=False, fused=False)

    def step(self) -> float:
        """One step; returns its loss."""
        starts = torch.randint(len(self.tokens) - self.block, (self.batch,))
        inputs = torch.stack([self.tokens[start : start + self.block] for start in starts]).to(self.device)
        targets = torch.stack([self.tokens[start + 1 : start + self.block + 1] for start in starts]).to(self.device)
        loss = functional.cross_entropy(self.model(inputs).flatten(0, 1), targets.flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()
