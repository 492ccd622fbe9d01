"""A SentencePiece tokenizer that folds case, of a handful of sentences: what texts are cut into for the stories of row D."""

from __future__ import annotations

TALES = [
    "Once upon a time there was a little bird. It was a very little bird!",
    "The bird sang a song; the song was long.",
    "One day, the bird's friend Jack saw a big, big bear... and ran.",
    "A café in the wood sold cake to the bird and to the bear.",
] * 4


def tokenizer(**changed):
    """Trained on the sentences; ``changed`` are settings of :class:`relab.settings.tokenizers.SentencePieceTokenizer`."""
    from relab import sentencepieces
    from relab.settings.tokenizers import SentencePieceTokenizer

    settings = {"kind": "sentencepiece", "corpus": "tales", "vocab_size": 120, "character_coverage": 1.0, "lower_case": True}
    return sentencepieces.train(TALES, SentencePieceTokenizer(**settings | changed), "the tales")
