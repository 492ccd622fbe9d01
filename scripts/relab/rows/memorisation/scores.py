"""Scores of models that learn a text by heart: of what is learnt (split ``trained``) and of the rest (``tail``).

Experiments and metrics are described in :mod:`relab.rows.memorisation.names`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from relab.corpora.storage import documents
from relab.judging.storage import Judgements, read_judgements
from relab.metrics import Metric
from relab.metrics.copying import CopiedEightGrams, copied_eight_grams
from relab.metrics.memorisation import longest_copied
from relab.rows.job import Job
from relab.rows.memorisation import names
from relab.rows.memorisation.names import SPLITS, ScoreSpec
from relab.rows.memorisation.texts import samplings
from relab.rows.shared.finetuning_names import TEXTS
from relab.rows.shared.finetuning_scores import judged, perplexity, text_scores, training_scores
from relab.scores import Row, exact, score
from relab.statistics import Measurement, units_digest
from relab.texts.samples import Texts
from relab.tokens.store import Tokens


class Source(NamedTuple):
    """The documents of a split: as texts, and as token ids."""

    texts: Sequence[str]
    tokens: Sequence[Sequence[int]]


def score_models(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(ScoreSpec)
    sources = {
        split: Source(list(documents(job.file(name))), _token_ids(Tokens(job.file(f"{name}_tokens"))))
        for split, name in SPLITS.items()
    }
    rows = [*training_scores(job, spec)]
    with tempfile.TemporaryDirectory() as folder:
        copied = CopiedEightGrams(keep_in_memory=True, cache_dir=folder)
        rows += memorisation_scores(spec, read_judgements(job.file("judgements")), samplings(job, spec), sources, copied)
    return {"scores": rows}


def _token_ids(tokens: Tokens) -> list[list[int]]:
    return [tokens.document(number).tolist() for number in range(len(tokens))]


def memorisation_scores(
    spec: ScoreSpec, judgements: Judgements, texts: Mapping[str, Texts], sources: Mapping[str, Source], copied: Metric
) -> Iterator[Row]:
    """Of each model what it knows of the text; of each of its greedy texts, how much of it stands in the text.

    Args:
        texts: sampled texts by model.
        sources: by split.
        copied: the share of 8-grams that are copied.
    """
    for name, model in spec.with_base.items():
        for split in SPLITS:
            yield from _knowledge(model.experiment, model.seed, split, judgements, name)
        greedy, *methods = texts[name].methods.values()
        for method in methods:
            alike = [float(text.token_ids == first.token_ids) for first, text in zip(greedy, method, strict=True)]
            same = Measurement.of(alike, "text", scale="share")
            yield score(model.experiment, model.seed, TEXTS, names.SAME, same)
        for text in greedy:
            for split, source in sources.items():
                share = copied.compute(predictions=[text.text], corpus=copied_eight_grams(source.texts, [text.text]))["share"]
                counted = {
                    names.CHARACTERS: longest_copied(text.text, source.texts),
                    names.TOKENS: longest_copied(text.tokens, source.tokens),
                    names.COPIED: share.value,
                }
                for metric, value in counted.items():
                    yield exact(f"{model.experiment}/{text.prompt}", model.seed, split, metric, value)


def _knowledge(experiment: str, seed: int, split: str, judgements: Judgements, model: str) -> Iterator[Row]:
    """Perplexity, probability a token (its inverse) and log-probability in nats of how the documents go on."""
    texts = judged(judgements, model, split)
    data = units_digest(*(text.text for text in texts))
    yield from text_scores(experiment, seed, split, texts, data)
    yield score(experiment, seed, split, names.PROBABILITY, 1 / perplexity(texts, data).value, data)
    total = math.fsum(value for text in texts for value in text.logprobs)
    yield score(experiment, seed, split, names.LOGPROB, total, data)
    yield exact(experiment, seed, split, names.TOKENS_READ, sum(text.tokens for text in texts), data)
