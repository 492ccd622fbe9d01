"""Sampling texts from a language model: batched, cached, each text with a random stream of its own.

`loop` is the loop and its promises, `choice` how the next token of each text is chosen, `beams` beam search by Transformers,
`attention` attends to the cache,
`streams` gives the random numbers, `texts` samplings from settings to records.
"""

from relab.sampling.loop import Generation, sample
from relab.sampling.streams import text_seed

__all__ = ["Generation", "sample", "text_seed"]
