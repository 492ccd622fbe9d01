"""How tests/data/tiny_gpt2 was made: a published GPT-2 in miniature, with the files and names that GPT-2's repository has.

Its weights are random but ten times as large as GPT-2's at the start, so that contexts matter and texts are not all alike.
Run it as a program to write the files again: python tests/support/tiny_gpt2.py
"""

from __future__ import annotations

import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
FOLDER = DATA / "tiny_gpt2"
FILES = ("config.json", "merges.txt", "model.safetensors", "vocab.json")
VOCABULARY, WIDTH, HEADS, LAYERS, CONTEXT = 320, 16, 2, 1, 64


def tokenizer():
    """Byte-level BPE of one act of a play."""
    from relab import bytepair

    text = (DATA / "comedy_of_errors_act_1.en.md").read_text(encoding="utf-8")
    return bytepair.train(text.splitlines(keepends=True), VOCABULARY, "the play")


def model(end: int):
    """The model with its random weights; ``end`` is the id of the end-of-text token."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    sizes = {"n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS, "n_positions": CONTEXT, "vocab_size": VOCABULARY}
    return GPT2LMHeadModel(GPT2Config(**sizes, initializer_range=0.2, bos_token_id=end, eos_token_id=end))


def write(folder: Path) -> None:
    """Write the files of the miniature."""
    folder.mkdir(parents=True, exist_ok=True)
    made = tokenizer()
    made.backend_tokenizer.model.save(str(folder))  # vocab.json and merges.txt
    model(made.eos_token_id).save_pretrained(folder)
    (folder / "generation_config.json").unlink()  # the files published in 2019 had none


if __name__ == "__main__":
    sys.path.insert(0, str(DATA.parents[1] / "scripts"))
    write(FOLDER)
