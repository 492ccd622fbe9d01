"""A peer of the training benchmarks: a small GPT and its loop in the manner of Karpathy's nanoGPT, as its authors run it.

One projection for queries, keys and values, one fused call for attention and its dropout, pre-norm, GELU, an output layer that
is tied to the embedding. The token ids are a file of uint16 that is mapped into memory anew for every batch, whose blocks are
sliced and stacked one by one; the next batch is fetched before the backward pass. AdamW, fused on CUDA alone, with weight decay
of matrices; gradients clipped to 1; warm-up and a cosine; the loss is read every tenth step. On CUDA bfloat16, TF32 and, as by
default there, the compiled model; on a CPU float32 and no compilation, as its readme runs it.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class LayerNorm(nn.Module):
    """Layer normalisation whose bias can be left out."""

    def __init__(self, width: int, bias: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float, bias: bool):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_key_value = nn.Linear(width, 3 * width, bias=bias)
        self.projection, self.after = nn.Linear(width, width, bias=bias), nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.query_key_value(x).split(width, dim=2)
        query, key, value = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
        return self.after(self.projection(mixed.transpose(1, 2).contiguous().view(batch, length, width)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float, bias: bool):
        super().__init__()
        self.norm_1, self.norm_2 = LayerNorm(width, bias), LayerNorm(width, bias)
        self.attention = Attention(width, heads, dropout, bias)
        self.widen, self.narrow = nn.Linear(width, 4 * width, bias=bias), nn.Linear(4 * width, width, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm_1(x))
        return x + self.dropout(self.narrow(functional.gelu(self.widen(self.norm_2(x)))))


class NanoGPT(nn.Module):
    """A language model: token ids and targets ``[batch, length]`` in, the mean loss out."""

    def __init__(
        self, vocabulary: int, width: int, layers: int, heads: int, block: int, dropout: float, bias: bool = True
    ):  # fmt: skip
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(block, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, bias) for _ in range(layers))
        self.norm, self.head = LayerNorm(width, bias), nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for part in self.blocks:  # what is added up in the residual stream
            for projection in (part.attention.projection, part.narrow):
                nn.init.normal_(projection.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.dropout(self.tokens(ids) + self.positions(positions))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1), ignore_index=-1)


class Training:
    """nanoGPT's training loop, a step at a time.

    Args:
        model: the model, on its device.
        path: the token ids, uint16 one behind the other.
        batch, block: blocks in a batch, and tokens of a block.
        compiled: compile the model; the first steps then take a minute.
    """

    RATE, LEAST, WARMUP, STEPS = 1e-3, 1e-4, 100, 5000

    def __init__(self, model: NanoGPT, path: Path, batch: int, block: int, compiled: bool):
        self.path, self.batch, self.block = path, batch, block
        self.device = next(model.parameters()).device
        self.cuda = self.device.type == "cuda"
        if self.cuda:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        self.precision = torch.autocast("cuda", torch.bfloat16) if self.cuda else nullcontext()
        self.parameters = list(model.parameters())
        matrices, vectors = ([p for p in self.parameters if (p.dim() >= 2) == wanted] for wanted in (True, False))
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
        fused = {"fused": True} if self.cuda else {}
        self.optimizer = torch.optim.AdamW(groups, lr=self.RATE, betas=(0.9, 0.99), **fused)
        self.model = torch.compile(model) if compiled else model
        self.done = 0
        self.ahead = self.blocks()

    def blocks(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch of random blocks and their targets."""
        data = np.memmap(self.path, dtype=np.uint16, mode="r")
        starts = torch.randint(len(data) - self.block, (self.batch,))
        pair = [
            torch.stack([torch.from_numpy(data[start : start + self.block].astype(np.int64)) for start in starts + shift])
            for shift in (0, 1)
        ]
        if self.cuda:
            return tuple(part.pin_memory().to(self.device, non_blocking=True) for part in pair)
        return tuple(part.to(self.device) for part in pair)

    def step(self) -> None:
        """One step."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with self.precision:
            loss = self.model(*self.ahead)
        self.ahead = self.blocks()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.done % 10 == 0:
            loss.item()
        self.done += 1

    def rate(self) -> float:
        """The learning rate of the next step."""
        if self.done < self.WARMUP:
            return self.RATE * (self.done + 1) / (self.WARMUP + 1)
        share = min(1.0, (self.done - self.WARMUP) / (self.STEPS - self.WARMUP))
        return self.LEAST + (self.RATE - self.LEAST) * (1 + math.cos(math.pi * share)) / 2
