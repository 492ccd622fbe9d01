"""Settings of encoder–decoders and of models trained on pairs: where they may stand, what they need, what does not fit."""

from __future__ import annotations

import pytest
from support.jobs import job_settings

from relab.artefacts.models import bases, files, tokenizer_of
from relab.artefacts.registry import MAKERS
from relab.errors import UserError
from relab.settings.config import resolve

TRAINING = {"batch": 4, "steps": 8, "learning_rate": 0.01, "evaluation": {"every": 4}}
PAIRS = {
    "kind": "pairs",
    "title": "",
    "asset": "mine",
    "tables": {"all": {"file": "words.tsv"}},
    "source": "a",
    "target": "b",
}
ARCHITECTURE = {"width": 16, "encoder_layers": 1, "decoder_layers": 1, "heads": 2}
MODELS = {
    "t5": {"kind": "encoder_decoder", "asset": "t5"},
    "scratch": {"kind": "trained_on_pairs", "dataset": "mine", "tokenizer": "signs", "architecture": ARCHITECTURE},
    "t5_tuned": {"kind": "finetuned_on_pairs", "base": "t5", "dataset": "mine"},
    "t5_lora": {"kind": "finetuned_on_pairs", "base": "t5_tuned", "dataset": "mine", "adaptation": {"kind": "lora"}},
    "gpt2_tuned": {"kind": "finetuned_on_pairs", "base": "gpt2_small", "dataset": "mine"},
    "gpt2_prefix": {
        "kind": "finetuned_on_pairs", "base": "gpt2_tuned", "dataset": "mine", "adaptation": {"kind": "prefix"},
    },
}  # fmt: skip
ENCODER_DECODERS = ("t5", "scratch", "t5_tuned", "t5_lora")


@pytest.fixture
def raw(merged):
    """The tests' tiniest configuration with every kind of model that reads pairs, and a sampling of each."""
    raw = merged("tests/config/tiny.yaml")
    published = {**raw["assets"]["tiny_gpt2"]}
    raw["assets"] |= {"t5": published, "gpt2_small": published}
    raw["assets"]["mine"] = {**raw["assets"]["tiny_sets"], "files": {"words.tsv": {}}}
    raw["datasets"]["mine"] = PAIRS
    raw["tokenizers"] |= {"signs": {"kind": "character", "dataset": "mine"}}
    raw["models"]["gpt2_small"] = {"kind": "published", "asset": "gpt2_small"}
    for name, model in MODELS.items():
        raw["models"][name] = {**model, **({} if name == "t5" else {"training": TRAINING})}
        prompts = {"dataset": "mine", "split": "test"}
        raw["samplings"][f"of_{name}"] = {"model": name, "prompts": prompts, "methods": {"greedy": {}}, "length": 4}
    return raw


def refused(raw, sentence):
    with pytest.raises(UserError) as caught:
        resolve(raw)
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


def test_every_kind_is_sampled_and_each_is_made_by_one_rule(raw):
    artefacts = resolve(raw).artefacts
    makers = {
        name: [rule for rule, (maker, kind) in MAKERS.items() if kind.name == "models" and maker.makes(model.settings)]
        for name, model in artefacts.models.items()
    }
    assert {name: makers[name] for name in MODELS} == {
        "t5": ["import_model"],
        "scratch": ["train_on_pairs"],
        "t5_tuned": ["train_on_pairs"],
        "t5_lora": ["adapt_to_pairs"],
        "gpt2_tuned": ["train_on_pairs"],
        "gpt2_prefix": ["adapt_to_pairs"],
    }
    assert all(len(rules) == 1 for rules in makers.values())


def test_what_a_training_reads(raw):
    artefacts = resolve(raw).artefacts
    (maker, _), (adapter, _) = MAKERS["train_on_pairs"], MAKERS["adapt_to_pairs"]
    splits = {split: f"results/datasets/mine/{split}.parquet" for split in ("train", "validation")}
    scratch = maker.inputs(artefacts, model="scratch")
    assert splits.items() <= scratch.items()
    assert {path for key, path in scratch.items() if key not in splits} == {
        f"results/tokenizers/signs/{name}" for name in ("tokenizer.json", "tokenizer_config.json")
    }
    assert maker.inputs(artefacts, model="t5_tuned") == {**splits, **files(artefacts, "t5")}
    assert adapter.inputs(artefacts, model="t5_lora") == {**splits, **files(artefacts, "t5_tuned")}
    assert "results/models/t5_tuned/model.safetensors" in adapter.inputs(artefacts, model="t5_lora").values()
    sampled = MAKERS["sample_texts"][0].inputs(artefacts, sampling="of_t5_lora")
    assert {"results/models/t5_lora/adapter_model.safetensors", "results/models/t5_tuned/model.safetensors"} <= {
        *sampled.values()
    }


def test_what_is_needed_follows_from_a_model(raw):
    raw["samplings"]["continuations"] = raw["samplings"]["of_t5_lora"]
    needed = resolve(raw).needed
    assert {"t5_lora", "t5_tuned", "t5"} <= set(needed["models"]) and "mine" in needed["datasets"]
    assert "scratch" not in needed["models"] and "signs" not in needed["tokenizers"]
    raw["samplings"]["continuations"] = raw["samplings"]["of_scratch"]
    needed = resolve(raw).needed
    assert "scratch" in needed["models"] and "signs" in needed["tokenizers"] and "mine" in needed["datasets"]


def test_a_tokenizer_and_bases_are_those_of_the_root(raw):
    artefacts = resolve(raw).artefacts
    assert bases(artefacts, "t5_lora") == ["t5_tuned", "t5"] and tokenizer_of(artefacts, "t5_lora") == "t5"
    assert tokenizer_of(artefacts, "scratch") == "signs"


def test_only_the_settings_of_a_job_are_its_slice(raw):
    before = resolve(raw)
    raw["models"]["scratch"]["training"] = {**TRAINING, "steps": 9}
    after = resolve(raw)
    slices = [[job_settings(one, "train_on_pairs", model=name) for name in ("scratch", "t5_tuned")] for one in (before, after)]
    assert slices[0][0] != slices[1][0] and slices[0][1] == slices[1][1]


@pytest.mark.parametrize("model", ENCODER_DECODERS)
@pytest.mark.parametrize(
    ("place", "key", "expected"),
    [
        (("models", "tuned"), "base", "a language model"),
        (("encoders", "tiny"), "model", "an encoder or a language model"),
        (("classifiers", "random"), "model", "an encoder or a language model"),
        (("rows", "C2"), "model", "an encoder or a language model"),
        (("rows", "D4", "judge"), "model", "a language model"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_an_encoder_decoder_is_refused_where_texts_are_continued_or_read(raw, model, place, key, expected):
    settings = raw
    for part in place:
        settings = settings[part]
    settings[key] = model
    name = ".".join(place).replace("random", "random-s0")
    refused(raw, f"{name}.{key}: {model!r} is an encoder–decoder, expected {expected}")


def test_a_language_model_trained_on_pairs_is_one_everywhere(raw):
    raw["models"]["tuned"]["base"] = raw["encoders"]["tiny"]["model"] = raw["rows"]["D4"]["judge"]["model"] = "gpt2_tuned"
    resolve(raw)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("models", "scratch"), ("models", "t5_tuned"), ("tokenizers", "signs"), ("samplings", "of_t5")],
)
def test_a_data_set_of_another_kind_is_refused(raw, kind, name):
    settings, key = raw[kind][name], f"{kind}.{name}.dataset"
    if kind == "samplings":
        settings, key = settings["prompts"], f"{kind}.{name}.prompts.dataset"
    settings["dataset"] = "balanced"
    refused(raw, f"{key}: 'balanced' is of the kind classification, expected a data set of the kind pairs")
    settings["dataset"] = "mined"
    refused(raw, f"{key}: 'mined' is not among the datasets; did you mean 'mine'?")


@pytest.mark.parametrize(
    ("model", "changes", "sentence"),
    [
        ("t5_tuned", {"base": "minilm"}, "models.t5_tuned.base: 'minilm' is an encoder, expected a language model or an enco"),
        ("t5_tuned", {"base": "t5_lora"}, "models.t5_tuned.base: 't5_lora' is an adapter, expected a model with"),
        ("t5_tuned", {"base": "t5_tuned"}, "models.t5_tuned.base: expected a model to start from, found a circle"),
        ("t5_lora", {"adaptation": {"kind": "prefix"}}, "models.t5_lora.adaptation.kind: a prefix does not reach the enc"),
        ("gpt2_prefix", {"adaptation": {"kind": "prefix", "text": "a", "tokens": 3}}, "models.gpt2_prefix.adaptation.prefix: "),
        ("gpt2_prefix", {"adaptation": {"kind": "prefix", "text": ""}}, "models.gpt2_prefix.adaptation.prefix.text: string"),
        ("gpt2_tuned", {"training": {**TRAINING, "smoothing": 0.1}}, "models.gpt2_tuned.training.smoothing: of encoder–"),
        ("t5_tuned", {"training": {**TRAINING, "smoothing": 1.0}}, "models.t5_tuned.training.smoothing: input should be"),
        ("scratch", {"tokenizer": "ruth-characters"}, "models.scratch.tokenizer: expected one with a token that ends a text"),
        ("scratch", {"architecture": {**ARCHITECTURE, "heads": 3}}, "models.scratch.architecture: the width must be divisible"),
        ("scratch", {"architecture": {**ARCHITECTURE, "kind": "bert"}}, "models.scratch.architecture.kind: input"),
        ("scratch", {"source_tokens": 1}, "models.scratch.source_tokens: input should be greater than or equal to 2, found 1"),
        ("t5_tuned", {"template": "Translate"}, "models.t5_tuned: template: expected a text with {source} in it once"),
        ("gpt2_tuned", {"system": "Be brief."}, "models.gpt2_tuned: system: expected only with chat"),
        ("gpt2_tuned", {"quantisation": "4bit"}, "models.gpt2_tuned: quantisation: only the frozen base of an adapter"),
        ("gpt2_prefix", {"training": {**TRAINING, "sharded": True}}, "models.gpt2_prefix: training.sharded: only all weights"),
        ("gpt2_prefix", {"training": {**TRAINING, "gradient_checkpointing": True}}, "models.gpt2_prefix: training.gradient"),
        ("scratch", {"training": {**TRAINING, "evaluation": {"every": 4, "blocks": 3}}}, "models.scratch.training.ev"),
    ],
)  # fmt: skip
def test_mistakes_are_found_before_any_job(raw, model, changes, sentence):
    raw["tokenizers"]["ruth-characters"] = {"kind": "character", "corpus": "italian"}
    raw["models"][model] = {**raw["models"][model], **changes}
    refused(raw, sentence)


@pytest.mark.parametrize(
    ("tokenizer", "sentence"),
    [
        ({"kind": "character"}, "tokenizers.signs: expected corpus or dataset, found neither"),
        ({"kind": "byte_pair", "vocab_size": 300, "corpus": "italian", "dataset": "mine"}, "tokenizers.signs: expected"),
        ({"kind": "character", "corpus": "italian", "pattern": "[a-z]"}, "tokenizers.signs: pattern: only of a"),
        ({"kind": "character", "dataset": "mine", "pattern": "[a-z"}, "tokenizers.signs.pattern: "),
    ],
)  # fmt: skip
def test_mistakes_in_the_tokenizer_of_a_data_set(raw, tokenizer, sentence):
    raw["tokenizers"]["signs"] = tokenizer
    with pytest.raises(UserError) as caught:
        resolve(raw)
    assert str(caught.value).replace(".character:", ":").replace(".byte_pair:", ":").startswith(sentence)
