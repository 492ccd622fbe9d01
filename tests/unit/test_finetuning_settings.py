"""Settings of finetuned models: what they may start from, what follows from it for the rest of the configuration."""

from __future__ import annotations

import pytest
from support.jobs import job_settings

from relab.artefacts.models import bases, tokenizer_of
from relab.artefacts.registry import MAKERS
from relab.errors import UserError
from relab.settings.base import check
from relab.settings.config import resolve
from relab.settings.models import Adaptation, FullAdaptation, LoraAdaptation, PrefixAdaptation

TINY = "tests/config/tiny.yaml"
LORA = {"kind": "lora", "targets": ["c_attn"]}


def used_tokens(resolved):
    """Tokenizers with the corpora that the report needs as token ids of theirs."""
    return [tuple(path.split("/")[2:4]) for path in resolved.derived("tokens", "/train.arrow")]


def finetuned(resolved, rule):
    """The models that a rule makes."""
    return [name for name, member in resolved.artefacts.models.items() if MAKERS[rule][0].makes(member.settings)]


@pytest.fixture
def raw(merged):
    """The tests' tiniest configuration, in which a sampling shows the model ``mine``, finetuned from ``smollm2``."""
    raw = merged(TINY)
    raw["models"]["mine"] = {**raw["models"]["tuned"]}
    raw["samplings"]["continuations"]["model"] = "mine"
    return raw


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, FullAdaptation()),
        ({"kind": "full"}, FullAdaptation()),
        (LORA, LoraAdaptation(kind="lora", rank=16, alpha=32, dropout=0.05, targets=["c_attn"], bias="none")),
        ({"kind": "prefix", "tokens": None}, PrefixAdaptation(kind="prefix")),
    ],
)
def test_kinds_of_adaptation_and_their_defaults(given, expected):
    assert check(Adaptation, given, "adaptation") == expected


@pytest.mark.parametrize(("given", "length"), [({}, 20), ({"tokens": 7}, 7), ({"text": "Once upon a time"}, None)])
def test_the_length_of_a_prefix(given, length):
    assert check(Adaptation, {"kind": "prefix", **given}, "adaptation").length == length


@pytest.mark.parametrize(
    ("model", "changes", "sentence"),
    [
        ("mine", {"base": "smolm2"}, "models.mine.base: 'smolm2' is not among the models; did you mean 'smollm2'?"),
        ("mine", {"base": "minilm"}, "models.mine.base: 'minilm' is an encoder, expected a language model"),
        ("mine", {"base": "tuned_lora"}, "models.mine.base: 'tuned_lora' is an adapter, expected a model with weights of"),
        ("mine", {"base": "mine"}, "models.mine.base: expected a model to start from, found a circle: mine → mine"),
        ("tuned", {"base": "mine"}, None),
        ("mine", {"corpus": "italien"}, "models.mine.corpus: 'italien' is not among the corpora; did you mean 'italian'?"),
        ("mine", {"block": 1}, "models.mine.block: input should be greater than or equal to 2, found 1"),
        ("mine", {"adaptation": {"kind": "loar"}}, "models.mine.adaptation: kind: expected one of 'full', 'lora', 'prefix', "
         "found 'loar'"),
        ("mine", {"adaptation": {**LORA, "rnk": 2}}, "models.mine.adaptation.lora.rnk: unknown key; did you mean rank?"),
        ("mine", {"adaptation": {**LORA, "targets": []}}, "models.mine.adaptation.lora.targets: list should have at least"),
        ("mine", {"quantisation": "4bit"}, "models.mine: quantisation: only the frozen base of an adapter is quantised"),
        ("mine", {"adaptation": {"kind": "prefix", "text": "a", "tokens": 2}}, "models.mine.adaptation.prefix: tokens: "),
        ("mine", {"quantisation": "2bit", "adaptation": LORA}, "models.mine.quantisation: input should be '8bit' or '4bit'"),
    ],
)  # fmt: skip
def test_mistakes_are_found_before_any_job(raw, model, changes, sentence):
    raw["models"][model] = {**raw["models"][model], **changes}
    if sentence is None:
        resolve(raw)
    else:
        with pytest.raises(UserError) as caught:
            resolve(raw)
        assert str(caught.value).startswith(sentence)


def test_a_circle_of_several_is_told(raw):
    raw["models"]["tuned"] = {**raw["models"]["tuned"], "base": "mine"}
    raw["models"]["mine"] = {**raw["models"]["mine"], "base": "tuned"}
    with pytest.raises(UserError, match="found a circle: tuned → mine → tuned"):
        resolve(raw)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("gradient_checkpointing", True, "training.gradient_checkpointing: a prefix stands in the cache"),
        ("schedule", {"kind": "cosine", "decay_steps": 3}, "schedule: decay_steps: only of the kind linear, found kind cosine"),
        ("schedule", {"kind": "linear", "decay_steps": -2}, "decay_steps: input should be greater than or equal to -1"),
    ],
)
def test_settings_of_training_that_do_not_go_together(raw, key, value, sentence):
    training = {**raw["models"]["mine"]["training"], key: value}
    raw["models"]["mine"] |= {"adaptation": {"kind": "prefix"}, "training": training}
    with pytest.raises(UserError, match=sentence):
        resolve(raw)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (("encoders", "tiny"), "encoders.tiny.model: 'tuned_lora' is an adapter"),
        (("rows", "C2"), "rows.C2.model: 'tuned_lora' is an adapter"),
    ],
)
def test_where_a_model_of_its_own_is_needed_an_adapter_is_refused(raw, place, sentence):
    raw[place[0]][place[1]]["model"] = "tuned_lora"
    with pytest.raises(UserError, match=sentence):
        resolve(raw)


@pytest.mark.parametrize("model", ["tuned_lora", "tuned_prefix"])
def test_an_adapter_is_sampled_and_judges_like_any_model(raw, model):
    raw["samplings"]["continuations"]["model"] = raw["rows"]["D4"]["judge"]["model"] = model
    assert model in resolve(raw).needed["models"]


def test_what_a_finetuned_model_needs_is_used(raw):
    raw["models"]["mine"] |= {"base": "tuned_too", "corpus": "italian", "adaptation": LORA}
    raw["models"]["tuned_too"] = {**raw["models"]["tuned"], "base": "spare", "corpus": "english"}
    raw["assets"]["spare"] = raw["assets"]["tiny_gpt2"]
    raw["models"]["spare"] = {"kind": "published", "asset": "spare"}
    resolved = resolve(raw)
    assert bases(resolved.artefacts, "mine") == ["tuned_too", "spare"] and bases(resolved.artefacts, "spare") == []
    assert {"mine", "tuned_too", "spare"} <= set(resolved.needed["models"])
    assert {("spare", "italian"), ("spare", "english")} <= set(used_tokens(resolved))
    assert {"italian", "english"} <= set(resolved.needed["corpora"])
    assert "spare" in resolved.needed["assets"] and "spare" not in resolved.needed["tokenizers"]
    assert "mine" in finetuned(resolved, "train_adapter") and "mine" not in finetuned(resolved, "finetune_model")


def test_a_model_that_was_trained_here_keeps_its_tokenizer(raw):
    raw["models"]["mine"]["base"] = "italian-w4-s0"
    resolved = resolve(raw)
    for model in ("mine", "italian-w4-s0"):
        assert tokenizer_of(resolved.artefacts, model) == "italian-characters"
    assert {("italian-characters", "english")} <= set(used_tokens(resolved))


def test_a_published_base_may_not_share_its_name_with_another_tokenizer(raw):
    raw["models"]["gpt2"] = {"kind": "published", "asset": "tiny_gpt2"}
    raw["models"]["mine"]["base"] = "gpt2"
    assert tokenizer_of(resolve(raw).artefacts, "mine") == "gpt2", "the tokenizer of the same asset is the same"
    raw["tokenizers"]["gpt2"]["asset"] = "tiny_italian"
    with pytest.raises(UserError, match="tokenizers.gpt2: expected another name, or the asset tiny_gpt2, since models.gpt2 is"):
        resolve(raw)


def test_a_sweep_makes_bases_corpora_seeds_and_ranks_vary(raw):
    raw["models"]["mine"] = {
        **raw["models"]["mine"],
        "name": "{corpus}-{base}-r{rank}-s{seed}",
        "sweep": {"corpus": ["italian", "english"], "base": ["smollm2"], "adaptation.rank": [1, 2], "seed": [0, 1]},
        "adaptation": LORA,
    }
    raw["samplings"]["continuations"]["model"] = "italian-smollm2-r1-s1"
    resolved = resolve(raw)
    family = resolved.artefacts.family("models", "mine")
    assert len(family) == 8 and family["english-smollm2-r2-s0"].settings.adaptation.rank == 2


def test_a_changed_rank_is_a_job_of_that_adapter_alone(raw):
    before = resolve(raw)
    raw["models"]["tuned_lora"]["adaptation"]["rank"] = 3
    after = resolve(raw)
    changed = [
        (rule, name)
        for rule in ("finetune_model", "train_adapter")
        for name in finetuned(before, rule)
        if job_settings(before, rule, model=name) != job_settings(after, rule, model=name)
    ]
    assert changed == [("train_adapter", "tuned_lora")]
