"""A published BERT in miniature: random weights, with the files that sentence encoders are published in and BERT's names.

Its tokenizer knows whole words, each with an id of its own. Its weights are ten times as large as BERT's at the start, so that
contexts matter and texts are not all alike.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertConfig, BertForPreTraining, BertTokenizer, PreTrainedModel

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = "a the cat dog sat ran on under mat tree and then it was not seen again by any one in town"
VOCABULARY = (*SPECIAL, *WORDS.split())
WIDTH, HEADS, LAYERS, CONTEXT = 16, 2, 2, 24


def model(kind: type[PreTrainedModel] = BertForPreTraining) -> PreTrainedModel:
    """The model with its random weights; as published, with the heads that it was trained with."""
    sizes = {"hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "intermediate_size": 2 * WIDTH}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(**sizes, vocab_size=len(VOCABULARY), max_position_embeddings=CONTEXT, initializer_range=0.2)
        return kind(config).eval()


def write(folder: Path, kind: type[PreTrainedModel] = BertForPreTraining) -> Path:
    """Write the files of the miniature; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model(kind).save_pretrained(folder)
    BertTokenizer({word: number for number, word in enumerate(VOCABULARY)}, do_lower_case=True).save_pretrained(folder)
    return folder
