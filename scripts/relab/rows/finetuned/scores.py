"""Scores of finetuned models beside their base: losses, held-out passages, for source code what parses.

Experiments and metrics are described in :mod:`relab.rows.finetuned.names`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from relab.corpora.storage import documents
from relab.errors import UserError
from relab.judging.storage import Judgements, read_judgements
from relab.metrics import Metric
from relab.metrics.parsing import ParsedShare, without_last_line
from relab.rows.finetuned.names import CHANGE, HELD_OUT, PARSES, PARSES_CUT, ScoreSpec
from relab.rows.finetuned.texts import joined, sampled
from relab.rows.job import Job
from relab.rows.shared.finetuning_names import TEXTS, Spec
from relab.rows.shared.finetuning_scores import judged, perplexity, text_scores, training_scores
from relab.scores import Row, score
from relab.statistics import paired_change, units_digest


def score_models(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(ScoreSpec)
    rows = [*training_scores(job, spec), *held_out_scores(spec, read_judgements(job.file("judgements")))]
    if spec.source_code:
        with tempfile.TemporaryDirectory() as folder:
            parsed = ParsedShare(keep_in_memory=True, cache_dir=folder)
            samples = job.by_name("samples", spec.models)
            rows += code_scores(spec, samples, list(documents(job.file("validation"))), parsed)
    return {"scores": rows}


def held_out_scores(spec: Spec, judgements: Judgements) -> Iterator[Row]:
    """Perplexity and bits per byte of held-out passages; for a finetuned model the change of perplexity from its base on the
    same passages.

    Raises:
        UserError: a model that has not judged what its base has.
    """
    base = judged(judgements, spec.base, HELD_OUT)
    data = units_digest(*(text.text for text in base))
    for name, model in spec.with_base.items():
        texts = judged(judgements, name, HELD_OUT, like=base)
        yield from text_scores(model.experiment, model.seed, HELD_OUT, texts, data)
        if name != spec.base:
            changed = paired_change(perplexity(base, data), perplexity(texts, data))
            yield score(model.experiment, model.seed, HELD_OUT, CHANGE, changed, data)


def code_scores(spec: ScoreSpec, samples: Mapping[str, Path], files: Sequence[str], parsed: Metric) -> Iterator[Row]:
    """The share of texts, prompt and continuation, that Python's parser accepts: of the base (what the first model sampled
    before its first step), of each model after its last one, and of real functions that are cut to the same lengths.

    Args:
        samples: files of sampled texts by model.
        files: held-out Python files.
        parsed: the share that parses.
    """
    before = joined(sampled(samples[spec.order[0]])[0])
    groups = [(spec.base_experiment, 0, before)]
    groups += [(spec.models[name].experiment, spec.models[name].seed, joined(sampled(samples[name])[1])) for name in spec.order]
    groups.append((spec.human_experiment, 0, functions(files, [len(text) for text in before])))
    for experiment, seed, texts in groups:
        for metric, shown in ((PARSES, texts), (PARSES_CUT, [without_last_line(text) for text in texts])):
            yield score(experiment, seed, TEXTS, metric, parsed.compute(predictions=shown)["share"])


def functions(files: Sequence[str], lengths: Sequence[int]) -> list[str]:
    """Python files from each of their top-level functions on, cut to some lengths in characters in turns: four for each length
    where there are so many, evenly spread over all.

    Raises:
        UserError: no function at the top level of any file.
    """
    sources = [text[start.start() :] for text in files for start in re.finditer(r"^def ", text, re.MULTILINE)]
    if not sources:
        raise UserError("the validation text: expected Python files with a function at their top level, found none")
    number = min(len(sources), 4 * len(lengths))
    return [sources[index * len(sources) // number][: lengths[index % len(lengths)]] for index in range(number)]
