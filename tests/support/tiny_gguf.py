"""A tiny Llama as a GGUF file, written as llama.cpp's converter writes one."""

from __future__ import annotations

from pathlib import Path

import torch
from support import tiny_gpt2
from transformers import LlamaConfig, LlamaForCausalLM

from relab.rehearsal import gguf

WIDTH, FEED_FORWARD, HEADS, KEY_HEADS, LAYERS, CONTEXT = 64, 96, 4, 2, 2, 128
VOCABULARY = tiny_gpt2.VOCABULARY


def llama() -> LlamaForCausalLM:
    """The model with random weights that the file holds."""
    torch.manual_seed(0)
    sizes = {"hidden_size": WIDTH, "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS, "vocab_size": VOCABULARY}
    heads = {"num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "max_position_embeddings": CONTEXT}
    return LlamaForCausalLM(LlamaConfig(**sizes, **heads, initializer_range=0.2, tie_word_embeddings=True)).eval()


def write(path: Path, quantization: str = "F32", **options: str | None) -> Path:
    """Write the file, its matrices in ``quantization``; ``options`` are those of :func:`relab.rehearsal.gguf.write`."""
    made = tiny_gpt2.tokenizer()
    vocabulary = made.get_vocab()
    merges = (tiny_gpt2.FOLDER / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    tokens = sorted(vocabulary, key=vocabulary.get)
    return gguf.write(path, llama(), tokens, merges, made.eos_token, quantization=quantization, **options)
