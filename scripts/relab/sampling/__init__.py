"""Sampling texts from a language model: batched, cached, each text with a random stream of its own.

`loop` is the sampling loop, `token_selector` selects the next token of each text, `beams` is beam search by Transformers,
`attention` attends to the cache, `activation` computes GPT-2's in one operation, `streams` gives the random numbers, `texts`
turns the settings of a sampling into records.
"""

from relab.sampling.loop import Generation, sample
from relab.sampling.streams import text_seed

__all__ = ["Generation", "sample", "text_seed"]
