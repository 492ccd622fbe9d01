"""Tiny encoder–decoders with random weights, and a data set of pairs that the smallest of them learns."""

from __future__ import annotations

import random
from pathlib import Path

VOCABULARY, PAD, END, FORCED, POSITIONS = 40, 0, 1, 2, 32
#: What Transformers calls them, with the token that a configuration forces at the beginning of a target.
ARCHITECTURES = ("t5", "bart", "marian")


def build(kind: str, seed: int = 0, vocabulary: int = VOCABULARY):
    """An encoder–decoder with large random weights, so that what it reads matters, in evaluation mode.

    The BART forces the first token of its targets, as published ones do; T5 has no longest text.
    """
    import torch
    from transformers import AutoModelForSeq2SeqLM, BartConfig, MarianConfig, T5Config

    special = {"vocab_size": vocabulary, "pad_token_id": PAD, "eos_token_id": END, "d_model": 16}
    sizes = {"layers": 2, "attention_heads": 2, "ffn_dim": 32}
    both = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in sizes.items()}
    absolute = {**special, **both, "max_position_embeddings": POSITIONS, "forced_eos_token_id": None, "bos_token_id": None}
    config = {
        "t5": lambda: T5Config(**special, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=PAD),
        "bart": lambda: BartConfig(**absolute, decoder_start_token_id=END),
        "marian": lambda: MarianConfig(**absolute, decoder_start_token_id=PAD),
    }[kind]()
    config.tie_word_embeddings = False  # a token would be followed by itself
    model = AutoModelForSeq2SeqLM.from_config(config)
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1 and "embed_positions" not in name:
                weight.normal_(0, 1 if "embed" in name or "shared" in name or "lm_head" in name else 0.3)
    if kind == "bart":
        model.generation_config.forced_bos_token_id = FORCED
    return model.eval()


def tokenizer(texts: list[str] | None = None):
    """A tokenizer of characters with tokens for padding (0) and the end (1)."""
    from relab import characters

    return characters.build_symbols(["abcdefghijklmnopqrstuvwxyz ,.'ABCDEFG" if texts is None else "".join(texts)], None)


def words(number: int, seed: int = 0, letters: str = "abcdef", longest: int = 5) -> list[str]:
    """Different words of a few letters."""
    draw = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < number:
        made["".join(draw.choices(letters, k=draw.randint(2, longest)))] = None
    return list(made)


def make_pairs(folder: Path, sources: list[str], validation: int) -> Path:
    """Write the splits of a data set whose targets are its sources read backwards; return the folder."""
    from relab.datasets.storage import PAIRS, write

    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"source": source, "target": source[::-1], "references": [source[::-1]]} for source in sources]
    write(folder / "train.parquet", rows[validation:], PAIRS)
    write(folder / "validation.parquet", rows[:validation], PAIRS)
    return folder
