"""Scores of a model in several number formats: perplexity of targets, metrics of texts, differences from the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from relab.datasets import storage
from relab.errors import UserError
from relab.metrics.generation import Outputs, measure
from relab.metrics.perplexity import corpus_perplexity
from relab.metrics.references import PAIR
from relab.rows.job import Job
from relab.rows.quantised.names import FILES, HELD, LOSS, PERPLEXITY, STORED, Form, Spec, read_forms
from relab.scores import Row, exact
from relab.scores import score as score_row
from relab.statistics import Measurement, difference, units_digest
from relab.texts.samples import Text, read_samplings


def score(job: Job) -> dict[str, Any]:
    """The step ``score``."""
    spec = job.settings(Spec)
    sampled = read_samplings(job.files("samples"), spec.samplings)
    texts = {sampling.sampling: sampling.methods[spec.method] for sampling in sampled}
    pairs = storage.read(job.file("pairs"))
    return {"scores": list(form_scores(spec, sampled[0].seed, read_forms(job.file("forms"), spec), texts, pairs))}


def form_scores(
    spec: Spec, seed: int, forms: Mapping[str, Form], texts: Mapping[str, Sequence[Text]], pairs: Mapping[str, Sequence[Any]]
) -> Iterator[Row]:
    """All scores: sizes, then each measure of each form, then its difference from that of the reference on the same pairs.

    Args:
        forms: what was measured, by sampling.
        texts: of each sampling one text for each pair that was sampled.
        pairs: the columns of the data set's part.
    """
    rows = [text.row for text in texts[spec.reference]]
    data = units_digest(*([pairs["source"][row], *_references(pairs, row)] for row in rows))
    measured = {name: _measured(spec, forms[name], texts[name], pairs, data) for name in spec.samplings}
    for name, metrics in measured.items():
        for metric, size in {STORED: forms[name].bytes_on_disk, HELD: forms[name].bytes_in_memory}.items():
            yield exact(spec.experiment(name), seed, FILES, metric, size)
        for metric, measurement in metrics.items():
            yield score_row(spec.experiment(name), seed, spec.split, metric, measurement, data)
    for name in spec.compared:
        for metric, measurement in measured[name].items():
            if metric == PERPLEXITY:
                continue
            beyond = difference({seed: measurement}, {seed: measured[spec.reference][metric]})
            yield score_row(spec.experiment(name, spec.reference), seed, spec.split, metric, beyond, data)


def _measured(
    spec: Spec, form: Form, texts: Sequence[Text], pairs: Mapping[str, Sequence[Any]], data: str
) -> dict[str, Measurement]:
    if len(form.logprobs) != len(texts):
        raise UserError(f"forms: expected {len(texts)} targets of {form.sampling}, found {len(form.logprobs)}")
    outputs = Outputs(
        texts=[text.text.strip() for text in texts],
        references=[_references(pairs, text.row) for text in texts],
        sources=[pairs["source"][text.row] for text in texts],
        cut=[not text.ended for text in texts],
        items=data,
        language=spec.language,
    )
    perplexity = corpus_perplexity(form.logprobs, data, PAIR)
    return {PERPLEXITY: perplexity, LOSS: replace(perplexity, scale="mean"), **measure(outputs, spec.metrics).scores}


def _references(pairs: Mapping[str, Sequence[Any]], row: int) -> list[str]:
    return [pairs["target"][row], *pairs["references"][row]]
