"""Settings of models that learn from preferences: which rule makes them from what, where they may stand, what does not fit."""

from __future__ import annotations

import pytest
from support.preferences import with_preferences

from relab.artefacts.models import bases, files, tokenizer_of
from relab.artefacts.registry import MAKERS
from relab.errors import UserError
from relab.settings.config import resolve

TRAINING = {"batch": 4, "steps": 8, "learning_rate": 0.01, "evaluation": {"every": 4}}
DPO = {"kind": "dpo", "base": "gpt2_small", "dataset": "liked", "training": TRAINING}
SPLITS = {split: f"results/datasets/liked/{split}.parquet" for split in ("train", "validation")}


@pytest.fixture
def raw(merged):
    """The tests' tiniest configuration with models that learn from preferences, and a sampling of the adapter."""
    raw = merged("tests/config/tiny.yaml")
    models = {"dpo": DPO, "dpo_lora": {**DPO, "base": "dpo", "adaptation": {"kind": "lora"}}}
    return with_preferences(raw, models, "dpo_lora")


def test_a_rule_makes_each_from_the_pairs_and_its_base(raw):
    artefacts = resolve(raw).artefacts
    for name, expected, base in (("dpo", "train_dpo", "gpt2_small"), ("dpo_lora", "adapt_by_dpo", "dpo")):
        settings = artefacts.models[name].settings
        makers = [rule for rule, (maker, kind) in MAKERS.items() if kind.name == "models" and maker.makes(settings)]
        assert makers == [expected]
        assert MAKERS[expected][0].inputs(artefacts, model=name) == {**SPLITS, **files(artefacts, base)}
    assert bases(artefacts, "dpo_lora") == ["dpo", "gpt2_small"] and tokenizer_of(artefacts, "dpo_lora") == "gpt2_small"


def test_the_adapter_is_sampled_beside_its_base(raw):
    raw["samplings"]["continuations"] = raw["samplings"]["of_adapter"]
    resolved = resolve(raw)
    assert {"dpo_lora", "dpo", "gpt2_small"} <= set(resolved.needed["models"]) and "liked" in resolved.needed["datasets"]
    read = MAKERS["sample_texts"][0].inputs(resolved.artefacts, sampling="of_adapter")
    assert {"results/models/dpo_lora/adapter_model.safetensors", "results/models/dpo/model.safetensors"} <= {*read.values()}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dataset": "balanced"}, "models.dpo.dataset: 'balanced' is of the kind classification, expected a data"),
        ({"dataset": "like"}, "models.dpo.dataset: 'like' is not among the datasets; did you mean 'liked'?"),
        ({"base": "t5"}, "models.dpo.base: 't5' is an encoder–decoder, expected a language model"),
        ({"base": "minilm"}, "models.dpo.base: 'minilm' is an encoder, expected a language model"),
        ({"base": "dpo_lora"}, "models.dpo.base: 'dpo_lora' is an adapter, expected a model with weights of its own"),
        ({"base": "dpo"}, "models.dpo.base: expected a model to start from, found a circle"),
        ({"beta": 0}, "models.dpo.beta: input should be greater than 0"),
        ({"loss": "hinge"}, "models.dpo.loss: input should be 'sigmoid' or 'reference_free'"),
        ({"template": "Go on:"}, "models.dpo: template: expected a text with {source} in it once"),
        ({"adaptation": {"kind": "prefix"}}, "models.dpo.adaptation: "),
        ({"adaptation": {"kind": "lora", "dropout": 0.05}}, "models.dpo.adaptation.dropout: input should be less than"),
        ({"quantisation": "4bit"}, "models.dpo: quantisation: only the frozen base of an adapter"),
        ({"adaptation": {"kind": "lora"}, "training": {**TRAINING, "sharded": True}}, "models.dpo: training.sharded: only"),
        ({"training": {**TRAINING, "smoothing": 0.1}}, "models.dpo.training.smoothing: "),
    ],
)  # fmt: skip
def test_mistakes_are_found_before_any_job(raw, changes, sentence):
    raw["models"]["dpo"] = {**DPO, **changes}
    with pytest.raises(UserError) as caught:
        resolve(raw)
    told = str(caught.value).replace(".adaptation.lora.", ".adaptation.")
    assert told.startswith(sentence) and "\n" not in told
