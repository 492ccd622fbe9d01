"""What may follow the beginning of a sentence: by the grammar, exactly, and in the sentences that were drawn from it.

Both count as training does. A sentence stands alone, so its first token is never predicted; nothing follows its last one,
so whatever a model says there it was never taught.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from relab.corpora.storage import documents
from relab.encoding import encode
from relab.errors import UserError
from relab.grammar import Grammar
from relab.settings.corpora import GrammarReader

#: Weights of tokens by their ids.
Weights = dict[int, float]


class Continuations:
    """The tokens that follow each beginning of some sentences.

    Args:
        sentences: weight of each sentence, given as token ids.
    """

    def __init__(self, sentences: Mapping[tuple[int, ...], float]):
        self._following: dict[tuple[int, ...], Weights] = {}
        for ids, weight in sentences.items():
            for end in range(1, len(ids)):
                following = self._following.setdefault(ids[:end], {})
                following[ids[end]] = following.get(ids[end], 0) + weight

    def weight(self, beginning: Sequence[int]) -> float:
        """The weight of all sentences that go on from a beginning: their number, where every sentence weighs 1."""
        return math.fsum(self._following.get(tuple(beginning), {}).values())

    def after(self, beginning: Sequence[int]) -> Weights:
        """Probability of each next token, given a beginning that goes on; empty where no sentence does."""
        total = self.weight(beginning)
        return {token: weight / total for token, weight in self._following.get(tuple(beginning), {}).items()}

    def entropy(self) -> float:
        """Entropy of a token given all before it, in nats: the loss of a model that knows these probabilities.

        The mean over all tokens that are predicted, that is all but the first one of each sentence, by their weight.

        Raises:
            UserError: where no sentence has two tokens.
        """
        beginnings = [following.values() for following in self._following.values()]
        totals = [math.fsum(weights) for weights in beginnings]
        if not totals:
            raise UserError("there is nothing to predict: no sentence has two tokens")
        pairs = zip(beginnings, totals, strict=True)
        return math.fsum(weight * math.log(total / weight) for weights, total in pairs for weight in weights) / math.fsum(
            totals
        )

    def loss(self, sentences: Iterable[Sequence[int]]) -> float:
        """Mean loss of these probabilities on some sentences, in nats per token that is predicted; a sentence counts as
        often as it is given.

        On few sentences it may lie below the entropy or above it: they are drawn, and so are the ones that are frequent there.

        Raises:
            UserError: where no sentence has two tokens, and for one that is none of those known, whose loss is infinite.
        """
        losses = []
        for ids in sentences:
            for end in range(1, len(ids)):
                probability = self.after(ids[:end]).get(ids[end], 0)
                if not probability:
                    raise UserError(f"expected sentences of the grammar, found the token ids {list(ids)}")
                losses.append(-math.log(probability))
        if not losses:
            raise UserError("there is nothing to predict: no sentence has two tokens")
        return math.fsum(losses) / len(losses)


@dataclass(frozen=True)
class Sentences:
    """The sentences of a grammar with their probabilities, and those of a training text with their counts."""

    grammar: Continuations
    corpus: Continuations

    @classmethod
    def read(cls, reader: GrammarReader, train: Path, tokenizer: PreTrainedTokenizerBase) -> Sentences:
        """The sentences as a tokenizer cuts them.

        Raises:
            UserError: the training text holds what the grammar does not make, a character that the tokenizer lacks.
        """
        probabilities = Grammar(reader).sentences()
        ids = {text: tuple(encode(tokenizer, text, "the sentences of the grammar").tolist()) for text in probabilities}
        counts = Counter(documents(train))
        for text in counts:
            if text not in probabilities:
                raise UserError(f"{train}: expected sentences of the grammar, as it makes them, found {text!r}")
        return cls(
            Continuations({ids[text]: probability for text, probability in probabilities.items()}),
            Continuations({ids[text]: counts[text] for text in probabilities if text in counts}),
        )
