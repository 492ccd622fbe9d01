"""A grammar of a few sentences, texts drawn from it, small models of random weights: for tests of models of sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.losses import save_losses

READER: dict[str, Any] = {
    "kind": "grammar",
    "symbols": {
        "sentence": {"{person} {acts} {article} {animal}.": 3, "I {acts} {animal}.": 1},
        "person": ["He", "She"],
        "acts": ["holds", "rubs"],
        "article": {"a": 3, "the": 1},
        "animal": ["dog", "cat"],
    },
    "number": 10,
}

TRAIN = ["He holds a dog.", "He holds a cat.", "He holds the dog.", "He holds a dog.", "She rubs a dog.", "I holds cat."]


def corpus(path: Path, texts: list[str] = TRAIN) -> Path:
    """Write a training split."""
    from relab.corpora.storage import Writer

    path.parent.mkdir(parents=True, exist_ok=True)
    with Writer(path) as writer:
        for text in texts:
            writer.add(text)
    return path


def tokenizer_of():
    """Byte pairs of the grammar's sentences: every word with the blank before it is one token."""
    from relab import bytepair
    from relab.grammar import Grammar
    from relab.settings.corpora import GrammarReader

    return bytepair.train(Grammar(GrammarReader(**READER)).sentences(), 278, "the grammar")


def architecture(**changes):
    """That of the models: one block, a context of 32 tokens; weights large enough that no two contexts are alike."""
    from relab.settings.models import Architecture

    sizes = {"width": 8, "layers": 2, "heads": 2, "block": 32, "initializer_range": 0.3, "tied": False}
    return Architecture(**{**sizes, **changes})


def model_of(tokenizer, seed: int = 0):
    """A model of random weights in evaluation mode."""
    import torch

    from relab import gpt

    torch.manual_seed(seed)
    return gpt.build(architecture(), len(tokenizer)).eval()


def save_model(folder: Path, tokenizer, seed: int = 0) -> Path:
    """A model directory with such a model and the losses of a training that was made up."""
    from relab import characters, gpt

    characters.save(tokenizer, folder.parent / "tokenizer")
    gpt.save(model_of(tokenizer, seed), folder.parent / "tokenizer", folder)
    save_history(folder / "history.csv", seed)
    return folder


def save_history(path: Path, seed: int, start: float = 6.0) -> None:
    """Losses at steps 0, 2, … 8; those of the second seed lie 0.1 above the first's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ["step,tokens_seen,train_loss,validation_loss,train_bits_per_byte,validation_bits_per_byte,folded,learning_rate"]
    for step, loss in zip((0, 2, 4, 6, 8), (start, 4.0, 3.0, 2.0, 1.5), strict=True):
        loss += 0.1 * seed
        train, bits = (f"{loss + 0.25}", f"{(loss + 0.25) / 2}") if step else ("", "")  # there is none before the first step
        rows.append(f"{step},{step * 64},{train},{loss},{bits},{loss / 2},False,0.001")
    path.write_text("\n".join(rows) + "\n")
    save_losses(path)
