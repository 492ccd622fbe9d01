"""Settings of policies: which rule makes them from what, where they may stand, what does not fit."""

from __future__ import annotations

import pytest
from support.preferences import with_preferences

from relab.artefacts import reward_models
from relab.artefacts.models import bases, files, tokenizer_of
from relab.artefacts.registry import MAKERS
from relab.errors import UserError
from relab.settings.config import resolve

TRAINING = {"batch": 8, "steps": 8, "learning_rate": 0.01, "evaluation": {"every": 4}}
PPO = {"kind": "ppo", "base": "gpt2_small", "dataset": "liked", "reward_model": "taste", "training": TRAINING}
REWARD = {"model": "gpt2_small", "dataset": "liked", "tokens": 32, "training": TRAINING}


@pytest.fixture
def raw(merged):
    """The tests' tiniest configuration with a reward model, policies, and a sampling of the adapter."""
    raw = merged("tests/config/tiny.yaml")
    raw.setdefault("reward_models", {})["taste"] = REWARD
    models = {"ppo": PPO, "ppo_lora": {**PPO, "base": "ppo", "adaptation": {"kind": "lora"}}}
    return with_preferences(raw, models, "ppo_lora")


def test_a_rule_makes_each_from_prompts_base_and_reward_model(raw):
    artefacts = resolve(raw).artefacts
    read = {split: f"results/datasets/liked/{split}.parquet" for split in ("train", "validation")}
    read |= {f"reward_{key}": path for key, path in reward_models.files("taste").items()}
    for name, expected, base in (("ppo", "train_policy", "gpt2_small"), ("ppo_lora", "adapt_policy", "ppo")):
        settings = artefacts.models[name].settings
        makers = [rule for rule, (maker, kind) in MAKERS.items() if kind.name == "models" and maker.makes(settings)]
        assert makers == [expected]
        assert MAKERS[expected][0].inputs(artefacts, model=name) == {**read, **files(artefacts, base)}
    assert bases(artefacts, "ppo_lora") == ["ppo", "gpt2_small"] and tokenizer_of(artefacts, "ppo_lora") == "gpt2_small"


def test_what_samples_a_policy_needs_its_reward_model(raw):
    raw["samplings"]["continuations"] = raw["samplings"]["of_adapter"]
    needed = resolve(raw).needed
    assert {"ppo_lora", "ppo", "gpt2_small"} <= set(needed["models"])
    assert "taste" in needed["reward_models"] and "liked" in needed["datasets"]


def test_a_published_classifier_rewards_a_policy_with_the_tokenizer_of_a_model(raw):
    raw["reward_models"]["taste"] = {"kind": "published", "asset": "t5", "model": "gpt2_small", "label": "GOOD"}
    raw["samplings"]["continuations"] = raw["samplings"]["of_adapter"]
    resolved = resolve(raw)
    maker, _ = MAKERS["import_reward_model"]
    read = maker.inputs(resolved.artefacts, reward_model="taste")
    assert {path for path in read.pop("files")} == {f"results/assets/t5/{name}" for name in raw["assets"]["t5"]["files"]}
    assert read == {key: f"results/models/gpt2_small/{key}.json" for key in ("tokenizer", "tokenizer_config")}
    assert maker.settings(resolved.artefacts, reward_model="taste") == {**raw["reward_models"]["taste"], "tokens": 128}
    assert "taste" in resolved.needed["reward_models"] and {"t5", "gpt2_small"} <= set(resolved.needed["assets"])
    assert set(reward_models.files("taste").values()) <= {
        *MAKERS["train_policy"][0].inputs(resolved.artefacts, model="ppo").values()
    }


def test_the_kind_of_a_trained_reward_model_may_be_left_out(raw):
    """Written out it changes nothing of its job."""
    jobs = []
    for kind in ({}, {"kind": "trained"}):
        raw["reward_models"]["taste"] = REWARD | kind
        artefacts = resolve(raw).artefacts
        assert [rule for rule, (maker, made) in MAKERS.items() if made.name == "reward_models"
                and maker.makes(artefacts.reward_models["taste"].settings)] == ["train_reward_model"]  # fmt: skip
        maker, _ = MAKERS["train_reward_model"]
        jobs.append((maker.inputs(artefacts, reward_model="taste"), maker.settings(artefacts, reward_model="taste")))
    assert jobs[0] == jobs[1] and "kind" not in jobs[0][1]


def test_what_estimates_values_follows_from_what_is_trained(raw):
    raw["models"]["rloo"] = {**PPO, "advantages": "leave_one_out", "answers": 4}
    artefacts = resolve(raw).artefacts
    assert {name: artefacts.models[name].settings.value_network for name in ("ppo", "ppo_lora", "rloo")} == {
        "ppo": "copy",
        "ppo_lora": "head",
        "rloo": None,
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dataset": "balanced"}, "models.ppo.dataset: 'balanced' is of the kind classification, expected a data"),
        ({"reward_model": "tast"}, "models.ppo.reward_model: 'tast' is not among the reward_models; did you mean 'taste'?"),
        ({"base": "stories-s0", "prompt_tokens": 900}, "models.ppo.prompt_tokens and answer_tokens: expected at most"),
        ({"base": "t5"}, "models.ppo.base: 't5' is an encoder–decoder, expected a language model"),
        ({"base": "ppo_lora"}, "models.ppo.base: 'ppo_lora' is an adapter, expected a model with weights of its own"),
        ({"temperature": 0}, "models.ppo.temperature: input should be greater than 0"),
        ({"answers": 3}, "models.ppo: answers: expected a divisor of training.texts, 64, found 3"),
        ({"advantages": "leave_one_out"}, "models.ppo: answers: expected at least 2, of which one can be left out, found 1"),
        ({"adaptation": {"kind": "prefix"}}, "models.ppo.adaptation: "),
        ({"adaptation": {"kind": "lora", "bias": "all"}}, "models.ppo: adaptation.bias: expected none, since"),
        ({"kl": {"coefficient": 0, "target": 3}}, "models.ppo.kl: coefficient: expected a number above 0 beside a target"),
        ({"training": {**TRAINING, "texts": 60}}, "models.ppo.training: texts: expected a multiple of the texts of a step"),
        ({"training": {**TRAINING, "gradient_checkpointing": True}}, "models.ppo.training: gradient_checkpointing: not of"),
        ({"training": {**TRAINING, "sharded": True}}, "models.ppo.training: sharded: not of policies"),
    ],
)  # fmt: skip
def test_mistakes_are_found_before_any_job(raw, changes, sentence):
    raw["models"]["ppo"] = {**PPO, **changes}
    with pytest.raises(UserError) as caught:
        resolve(raw)
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


def test_a_policy_is_not_scored_by_what_starts_from_it(raw):
    """Whichever model of the circle stands first."""
    child = {"kind": "dpo", "base": "ppo", "dataset": "liked", "training": TRAINING}
    raw["reward_models"]["circular"] = {**REWARD, "model": "child"}
    policy = {**PPO, "reward_model": "circular"}
    for models in ({"child": child, "ppo": policy}, {"ppo": policy, "child": child}):
        others = {name: model for name, model in raw["models"].items() if name not in models}
        with pytest.raises(UserError) as caught:
            resolve({**raw, "models": {**models, **others}})
        expected = "models.ppo.reward_model: expected one that does not start from models.ppo, found 'circular'"
        assert str(caught.value) == expected
