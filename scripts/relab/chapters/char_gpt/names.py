"""Names of the chapter's experiments and metrics, as its scores have them and its tables and claims look them up."""

#: Experiments ``{corpus}/…`` beside those of the models: text that people wrote, characters drawn by their frequency.
CEILING, FLOOR = "held-out text", "drawn characters"

#: Shares of the whole lines and of the whole words (by length) of a text that stand in its corpus, and their split.
LINES, WORDS = "lines in corpus", "words in corpus"
TEXTS = "texts"

BEST_STEP = "best step"


def at(metric: str, step: int) -> str:
    """Name of a metric measured at a step on the way."""
    return f"{metric} at step {step}"
