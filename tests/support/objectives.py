"""Every objective that a network can be trained for, with a tiny network and a few rows of real text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from support import tiny_gpt2
from transformers import BertConfig, BertForSequenceClassification, MarianConfig, MarianMTModel

from relab import gpt
from relab.settings.models import Architecture, Training
from relab.training.batches import (
    Documents,
    PromptTargets,
    RandomBlocks,
    RandomExamples,
    evenly_spread_blocks,
    evenly_spread_examples,
)
from relab.training.loop import Trainer
from relab.training.objectives.classification import Classification
from relab.training.objectives.dpo import Comparisons, DirectPreference
from relab.training.objectives.next_token import NextToken, TrainingData
from relab.training.objectives.objective import Objective
from relab.training.objectives.pairwise import Pairwise, Preferences
from relab.training.objectives.sequence_to_sequence import Pairs, SequenceToSequence
from relab.training.processes import ALONE, Processes

CPU = torch.device("cpu")
SEED, PAD, START, END = 5, 0, 1, 2
BLOCK = 24

LINES = [
    line for line in (tiny_gpt2.DATA / "ruth_jonah_philemon.it.txt").read_text(encoding="utf-8").splitlines() if len(line) > 8
][:48]
LETTERS = sorted(set("".join(LINES)))
VOCABULARY = len(LETTERS) + 3


def ids(text: str) -> list[int]:
    """Token ids of a text's characters; three ids are not among them."""
    return [LETTERS.index(character) + 3 for character in text]


WORDS = [ids(word) for word in " ".join(LINES).split()]
#: Every line has another length than its neighbours.
TEXTS = [ids(line)[: 6 + index % 15] for index, line in enumerate(LINES)]
TRAIN, VALIDATION = TEXTS[:40], TEXTS[40:]


class Stream:
    """Token ids in memory, read as those of a file are."""

    def __init__(self, tokens: list[int]):
        self._tokens, self.size = np.array(tokens), len(tokens)

    def slice(self, begin: int, end: int) -> np.ndarray:
        return self._tokens[begin:end]


def decoder(dropout: float, tied: bool = False) -> torch.nn.Module:
    """A GPT-2 of one layer."""
    sizes = {"width": 16, "layers": 1, "heads": 2, "block": BLOCK, "dropout": dropout}
    return gpt.build(Architecture(**sizes, tied=tied), VOCABULARY)


def reader(outputs: int, dropout: float) -> torch.nn.Module:
    """A BERT of one layer with a classification head."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = BertConfig(
        **sizes, **rates, vocab_size=VOCABULARY, max_position_embeddings=64, num_labels=outputs, pad_token_id=PAD
    )
    return BertForSequenceClassification(config)


def translator(dropout: float) -> torch.nn.Module:
    """A Marian of one layer in encoder and decoder."""
    sizes = {"layers": 1, "attention_heads": 2, "ffn_dim": 32}
    both = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in sizes.items()}
    marks = {"pad_token_id": PAD, "eos_token_id": END, "decoder_start_token_id": START}
    more = {"d_model": 16, "vocab_size": VOCABULARY, "dropout": dropout, "max_position_embeddings": 64}
    return MarianMTModel(MarianConfig(**both, **marks, **more))


def stream(batch: int, accumulation: int, processes: Processes, device: torch.device) -> Objective:
    train, validation = (Stream([token for text in texts for token in text]) for texts in (TRAIN, VALIDATION))
    blocks = RandomBlocks(
        train, block=BLOCK, batch=batch, accumulation=accumulation, seed=SEED, device=device, processes=processes
    )
    return NextToken(TrainingData(blocks, evenly_spread_blocks(validation, block=BLOCK, count=3, batch=2, device=device)))


def documents(batch: int, accumulation: int, processes: Processes, device: torch.device) -> Objective:
    train, validation = (Documents(texts.__getitem__, list(map(len, texts)), BLOCK) for texts in (TRAIN, VALIDATION))
    return _of_examples(train, validation, batch, accumulation, processes, device)


def prompts(batch: int, accumulation: int, processes: Processes, device: torch.device) -> Objective:
    train, validation = (
        PromptTargets([text[:5] for text in texts], [text[5:] for text in texts], BLOCK) for texts in (TRAIN, VALIDATION)
    )
    return _of_examples(train, validation, batch, accumulation, processes, device, by_length=True)


def _of_examples(
    train, validation, batch: int, accumulation: int, processes: Processes, device: torch.device, by_length: bool = False
) -> Objective:
    drawn = RandomExamples(
        train, batch=batch, accumulation=accumulation, seed=SEED, device=CPU, processes=processes, replacement=False,
        by_length=by_length,
    )  # fmt: skip
    return NextToken(TrainingData(drawn, evenly_spread_examples(validation, count=8, batch=3, device=device)), "documents")


def classification(batch: int, accumulation: int, processes: Processes, device: torch.device) -> Objective:
    """Whether a text's first letter is in the first half of the alphabet."""
    half = VOCABULARY // 2
    train, validation = (
        SimpleNamespace(ids=texts, labels=[int(text[0] > half) for text in texts]) for texts in (TRAIN, VALIDATION)
    )
    return Classification(train, validation, **_options(batch, accumulation, processes, device))


def sequence_to_sequence(batch: int, accumulation: int, processes: Processes, device: torch.device) -> Objective:
    """A word read backwards."""
    train, validation = (Pairs(words, [[*reversed(word), END] for word in words]) for words in (WORDS[:60], WORDS[60:75]))
    return SequenceToSequence(train, validation, smoothing=0.1, **_options(batch, accumulation, processes, device))


def pairwise(batch: int, accumulation: int, processes: Processes, device: torch.device) -> Objective:
    """A text is better than its letters in order, which may be shorter."""
    train, validation = (Preferences(texts, [sorted(text)[:-1] for text in texts]) for texts in (TRAIN, VALIDATION))
    return Pairwise(train, validation, **_options(batch, accumulation, processes, device))


def comparisons(texts: list[list[int]]) -> Comparisons:
    """Behind its beginning a text is better than all of its letters in order."""
    prompts, answers = [text[:5] for text in texts], ([text[5:] for text in texts], [sorted(text) for text in texts])
    return Comparisons(*(PromptTargets(prompts, side, BLOCK) for side in answers))


def direct_preference(batch: int, accumulation: int, processes: Processes, device: torch.device) -> Objective:
    """With another network than the one that is trained as the reference."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        reference = decoder(0.0).eval()
    options = _options(batch, accumulation, processes, device)
    train, validation = (
        comparisons(texts).with_reference(reference, batch=8, pad=PAD, device=CPU) for texts in (TRAIN, VALIDATION)
    )
    return DirectPreference(train, validation, beta=0.5, **options)


def _options(batch: int, accumulation: int, processes: Processes, device: torch.device) -> dict[str, Any]:
    shared = {"device": device, "processes": processes}
    return {"batch": batch, "accumulation": accumulation, "seed": SEED, "pad": PAD, **shared}


@dataclass(frozen=True)
class Trained:
    """An objective with a network that can be trained for it."""

    objective: Callable[..., Objective]
    network: Callable[[float], torch.nn.Module]

    def trainer(
        self, *, steps: int = 12, batch: int = 4, accumulation: int = 2, dropout: float = 0.2, seed: int = SEED,
        processes: Processes = ALONE, device: torch.device = CPU, **settings: Any,
    ) -> Trainer:  # fmt: skip
        """A trainer of a new network."""
        torch.manual_seed(seed)
        network = self.network(dropout).to(device)
        training = Training(**{
            "steps": steps, "batch": batch, "accumulation": accumulation, "learning_rate": 0.01, "clip": 1.0,
            "schedule": {"kind": "cosine", "warmup": 2}, "evaluation": {"every": 5, "blocks": 4}, **settings,
        })  # fmt: skip
        objective = self.objective(batch, accumulation, processes, device)
        return Trainer(network, objective, training, device=device, processes=processes)


OBJECTIVES = {
    "next token of blocks": Trained(stream, decoder),
    "next token of documents": Trained(documents, decoder),
    "next token of the target behind a prompt": Trained(prompts, decoder),
    "classification": Trained(classification, lambda dropout: reader(2, dropout)),
    "sequence to sequence": Trained(sequence_to_sequence, translator),
    "direct preference": Trained(direct_preference, decoder),
    "pairwise preference": Trained(pairwise, lambda dropout: reader(1, dropout)),
}
