"""The rows of the default configuration: mistakes in them are found before any job, and named in one sentence."""

from __future__ import annotations

import pytest

from relab.errors import UserError
from relab.settings.config import resolve

STORIES = "models/stories/training"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("rows/A1/kind", "loss_curve", "rows.A1.kind: 'loss_curve' is no kind of row; did you mean loss_curves?"),
        ("rows/A1/kind", None, "rows.A1.kind: this key is required"),
        ("rows/A1/widths", 3, "rows.A1.widths: unknown key"),
        ("rows/A1", "loss_curves", "rows.A1: input should be a valid dictionary, found 'loss_curves'"),
        ("rows/A1/models", "gpt", "rows.A1.models: 'gpt' is not among the models"),
        ("rows/A2/shown_steps", [150], "150 is not a step at which models.italian-w32-s0 is sampled"),
        ("rows/A2/where", {"seed": [1]}, "'seed' is not among the varied keys"),
        ("rows/A2/where", {"width": [64]}, "none of [64] is among its values [32, 128]"),
        ("rows/A2/where", {"depth": [1]}, "rows.A2.where: 'depth' is not among the varied keys"),
        ("models/char_gpt/training/evaluation/every", 30, "100 is not a step at which models.italian-w32-s0 is evaluated"),
        ("rows/A4/tokenizer", "gpt", "'gpt' is not among the tokenizers; did you mean 'gpt2'?"),
        ("rows/B2/samplings", ["selections"], "rows.B2.samplings: 'selections' is not among the samplings"),
        ("rows/C2/model", "gpt2", "rows.C2.model: 'gpt2' is not among the models"),
        ("rows/E1/models", "smollm2", "rows.E1.models: 'smollm2' is of the kind published, expected models"),
        ("rows/E1/models", "char_gpt", "rows.E1.models: expected models that differ in their seed alone"),
        ("rows/E2/models", "mingpt_larger", "models.mingpt-larger-s0.corpus: expected one drawn from a grammar"),
        ("models/mingpt/training/reading", "blocks", "models.mingpt-s0.training.reading: expected documents"),
        ("rows/E1/every", 70, "rows.E1.every: 70 is no multiple of the 50 steps"),
        ("rows/D2/models", "char_gpt", "rows.D2.models: expected models that differ in their seed alone"),
        ("rows/D2/models", "smollm2", "rows.D2.models: 'smollm2' is of the kind published, expected models"),
        ("rows/D1/tokenizers", ["gpt2"], "'gpt2' is of the kind published, expected a tokenizer of the kind sentencepiece"),
        (f"{STORIES}/reading", "blocks", "models.stories.training.reading: expected documents"),
        (f"{STORIES}/samples", None, "models.stories.training.samples: required"),
        ("rows/D4/judge/model", "minilm", "rows.D4.judge.model: 'minilm' is an encoder"),
        ("rows/D4/judge/model", "starling", "rows.D4.judge.model: 'starling' is not among the models"),
        ("rows/D4/samplings", ["grid"], "rows.D4.samplings: 'grid' is not among the samplings"),
        ("rows/D4/examples", [0, 20], "rows.D4.examples: expected numbers below 20, of which stories_grid has texts"),
        ("rows/A6/probes", ["balanced", "balanced"], "rows.A6.probes: two probes are fitted on 'balanced'"),
        ("rows/A6/probes", ["passages"], "rows.A6.probes: 'passages' is of the kind retriever"),
        ("rows/mine", {"kind": "texts", "samplings": ["arguments"]}, "rows.mine.chapter: this key is required"),
        ("report", {"rows": ["A10"]}, "report.rows: 'A10' is not among the rows of the report; did you mean"),
        ("chapters", {"mine": {}}, "chapters.mine.title: this key is required"),
        ("chapters", {"char_gpt": {"title": "Mine"}}, "chapters.char_gpt: a write-up has that key"),
        ("chapters", {"stories": {"cut": 9}}, "chapters.stories.cut: this key has moved; expected rows.D1.limit"),
        ("models/recital_full", {"seed": 3}, "models.recital_full: this key has moved; expected models.memorisation_full"),
    ],
)
def test_a_mistake_in_a_row_is_found_before_any_job_and_named(merged, path, value, sentence):
    raw = merged()
    *parents, leaf = path.split("/")
    group = raw
    for parent in parents:
        group = group.setdefault(parent, {})
    group[leaf] = value
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
