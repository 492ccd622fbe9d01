"""Reward models: what the head reads, padding, what is learnt and written, errors in a sentence, accuracy over prompts."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support import tiny_bert
from support.finetuning import make_base
from support.reward_models import LORA, SPEC, make_splits
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from relab import characters
from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv
from relab.metrics.preferences import pair_accuracy
from relab.predictions import REWARDS, read_predictions
from relab.rewards import RewardModel
from relab.rewards.job import COLUMNS, FILES, Job, train, whole_texts
from relab.statistics import estimate
from relab.training.signals import StopSignal
from relab.training.state import State

CPU = torch.device("cpu")
TEXTS = ["the cat", "a dog sat under the mat and then it ran", "tree", "by the tree it was not seen again"]
NETWORKS = [(model, pooling) for model in ("bert", "base") for pooling in ("last", "mean")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Splits of preferences, and two model directories: ``base``, a tiny GPT-2, and ``bert``."""
    folder = tmp_path_factory.mktemp("rewards")
    make_splits(folder)
    make_base(folder / "base")
    tiny_bert.write(folder / "bert")
    return folder


def spec(training=None, **more) -> Job:
    changed = {**copy.deepcopy(SPEC), **more}
    changed["training"] |= training or {}
    return Job.model_validate(changed)


def trained(job, folder, out, splits=None):
    """A trained reward model, and its directory with everything written."""
    splits = splits or {split: folder / f"{split}.parquet" for split in ("train", "validation", "test")}
    with State.open(out / "state") as state:
        result = train(job, splits=splits, base=folder / job.model, device=CPU, code="abc", state=state, stop=StopSignal())
        result.write(out / "mine")
        state.finish()
    return result, out / "mine"


@pytest.fixture(scope="module")
def directory(folder, tmp_path_factory):
    """A function that returns the directory of a reward model of a network and a pooling, hardly trained."""
    made = {}

    def make(model, pooling):
        if (model, pooling) not in made:
            job = spec({"steps": 2}, model=model, pooling=pooling, tokens={"bert": 20, "base": 60}[model])  # a word has many
            made[model, pooling] = trained(job, folder, tmp_path_factory.mktemp("made"))[1]
        return made[model, pooling]

    return make


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "pooling"), NETWORKS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_no_score(directory, tmp_path, model, pooling, side):
    """Whatever stands beside a text in a batch, and whichever side its tokenizer pads."""
    shutil.copytree(directory(model, pooling), tmp_path / "mine")
    settings = json.loads((tmp_path / "mine/tokenizer_config.json").read_bytes())
    (tmp_path / "mine/tokenizer_config.json").write_text(json.dumps({**settings, "padding_side": side}))
    reward_model = RewardModel.load(tmp_path / "mine", CPU)
    alone = torch.cat([reward_model.score([text]) for text in TEXTS])
    assert torch.allclose(reward_model.score(TEXTS), alone, atol=1e-5)
    assert torch.allclose(reward_model.score(TEXTS[::-1]), alone.flip(0), atol=1e-5)
    assert alone.unique().numel() == len(TEXTS)
    assert reward_model.score([]).shape == (0,)


@pytest.mark.parametrize(("model", "pooling"), NETWORKS)
def test_the_score_is_the_head_of_the_last_state_or_of_the_mean(directory, model, pooling):
    """Computed by Transformers from the files, each text for itself."""
    path = directory(model, pooling)
    body, tokenizer = AutoModel.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)
    head = load_file(path / "model.safetensors")["score.weight"][0]
    scores = RewardModel.load(path, CPU).score(TEXTS)
    for text, score in zip(TEXTS, scores, strict=True):
        with torch.no_grad():
            states = body(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        pooled = states[-1] if pooling == "last" else states.mean(0)
        assert float(score) == pytest.approx(float(pooled @ head), abs=1e-5)


def test_transformers_opens_one_that_reads_the_last_token_of_a_language_model(directory):
    path = directory("base", "last")
    network, tokenizer = AutoModelForSequenceClassification.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)
    tokenizer.pad_token_id = network.config.pad_token_id
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = network(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert torch.allclose(logits[:, 0], RewardModel.load(path, CPU).score(TEXTS), atol=1e-5)
    assert network.config.architectures == ["GPT2ForSequenceClassification"]


def test_a_long_text_loses_its_beginning(directory):
    reward_model = RewardModel.load(directory("bert", "mean"), CPU)  # 20 tokens with those around a text
    end = "cat sat under the mat and then it ran by the tree in town and then not"
    assert len(end.split()) == 18 - 1
    scores = reward_model.score([f"the {end}", f"a dog ran on the {end}", f"dog {end}"])
    assert scores[0] == pytest.approx(float(scores[1]), abs=1e-5)
    assert scores[0] != pytest.approx(float(scores[2]), abs=1e-3)


@pytest.mark.parametrize("model", ["base", "bert"])
def test_what_is_cut_is_counted(folder, tmp_path, model):
    result, _ = trained(spec({"steps": 1}, model=model, tokens=8), folder, tmp_path)
    tokenizer, rows = AutoTokenizer.from_pretrained(folder / model), storage.read(folder / "test.parquet")
    texts = [text for side in ("chosen", "rejected") for text in whole_texts(rows, side)]
    longer = sum(len(tokenizer(text)["input_ids"]) > 8 for text in texts)
    assert 0 < longer < len(texts)
    assert result.summary()["truncated"]["test"] == longer


def test_a_tokenizer_of_characters_keeps_the_end_too(folder, tmp_path):
    shutil.copytree(folder / "base", tmp_path / "letters")
    characters.save(characters.build("abcdefghijklmnopqrstuvwxyz "), tmp_path / "letters")
    splits = {split: folder / f"{split}.parquet" for split in ("train", "validation", "test")}
    _, path = trained(spec({"steps": 1}, model="letters", tokens=6), tmp_path, tmp_path, splits)
    reward_model = RewardModel.load(path, CPU)
    scores = reward_model.score(["the cat sat", "that cat sat", "at sat"])
    assert scores.numpy() == pytest.approx(scores.numpy()[:1].repeat(3), abs=1e-5)
    with pytest.raises(UserError, match="texts, row 2: character 'Q'"):
        reward_model.score(["a", "Q"])


# --- what is learnt ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "pooling", "rate"), [("bert", "mean", 0.01), ("bert", "last", 0.01), ("base", "last", 0.01)])
def test_a_preference_is_learnt(folder, tmp_path, model, pooling, rate):
    splits = make_splits(tmp_path / "more", train=400)
    training = {"steps": 150, "batch": 16, "accumulation": 1, "learning_rate": rate, "evaluation": {"every": 50}}
    _, path = trained(spec(training, model=model, pooling=pooling), folder, tmp_path, splits)
    rewards = read_predictions(path / "rewards.parquet", REWARDS)
    assert (rewards["reward_chosen"] > rewards["reward_rejected"]).mean() > 0.95
    assert read_csv(path / "history.csv")["validation_accuracy"].max() > 0.95


def test_the_rewards_of_the_test_pairs_are_those_of_the_written_model(folder, tmp_path):
    for name, adaptation in {"full": {"kind": "full"}, "lora": LORA}.items():
        _, path = trained(spec(adaptation=adaptation), folder, tmp_path / name)
        rows, rewards = storage.read(folder / "test.parquet"), read_predictions(path / "rewards.parquet", REWARDS)
        for side in ("chosen", "rejected"):
            scores = RewardModel.load(path, CPU).score(whole_texts(rows, side))
            assert np.array_equal(scores.numpy(), rewards[f"reward_{side}"]), "bit for bit"


def test_lora_changes_the_layers_that_it_updates_alone(folder, tmp_path):
    _, path = trained(spec(adaptation=LORA), folder, tmp_path)
    before, after = AutoModel.from_pretrained(folder / "base"), AutoModel.from_pretrained(path)
    changed = {name for name, value in before.state_dict().items() if not torch.equal(value, after.state_dict()[name])}
    assert changed == {"h.0.attn.c_attn.weight"}


def test_the_head_has_a_learning_rate_of_its_own(folder, tmp_path):
    """One step of gradient descent at ten times the rate moves the head ten times as far, and all else as far as before."""
    moved = {}
    for name, rate in {"start": None, "same": 0.01, "higher": 0.1}.items():
        step = {"optimizer": "sgd", "weight_decay": 0, "clip": None, "schedule": {"kind": "constant"}, "keep": "last"}
        step |= {"steps": 1, "learning_rate": 0.01 if rate else 1e-12, "head_learning_rate": rate}
        _, path = trained(spec(step), folder, tmp_path / name)
        moved[name] = load_file(path / "model.safetensors")
    distances = {name: {key: value - moved["start"][key] for key, value in moved[name].items()} for name in ("same", "higher")}
    head = distances["same"].pop("score.weight")
    torch.testing.assert_close(distances["higher"].pop("score.weight"), 10 * head, atol=1e-6, rtol=1e-4)
    assert head.abs().max() > 1e-4
    for key, distance in distances["same"].items():
        torch.testing.assert_close(distances["higher"][key], distance, atol=1e-7, rtol=0)


def test_recomputing_activations_changes_nothing(folder, tmp_path):
    weights = []
    for again in (False, True):
        _, path = trained(spec({"gradient_checkpointing": again}, pooling="mean"), folder, tmp_path / str(again))
        weights.append(load_file(path / "model.safetensors")["score.weight"])
    torch.testing.assert_close(*weights, atol=1e-5, rtol=1e-4)


def test_the_files_and_the_history(directory):
    path = directory("bert", "mean")
    assert {file.name for file in path.iterdir()} == set(FILES)
    history = read_csv(path / "history.csv")
    assert list(history) == COLUMNS
    assert list(history["step"]) == [0, 2]
    assert list(history["pairs_seen"]) == [0, 16]


# --- errors -----------------------------------------------------------------------------------------------------------


def test_another_tokenizer_than_it_says_is_a_sentence(directory, tmp_path):
    shutil.copytree(directory("base", "last"), tmp_path / "mine")
    shutil.copy(directory("bert", "last") / "tokenizer.json", tmp_path / "mine/tokenizer.json")
    with pytest.raises(
        UserError, match=r"mine: a reward model of another tokenizer than it says: expected tokenizer.json of S"
    ):
        RewardModel.load(tmp_path / "mine", CPU)


def test_a_tokenizer_of_another_network_is_a_sentence(folder, tmp_path):
    shutil.copytree(folder / "bert", tmp_path / "bert")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / "base" / name, tmp_path / "bert" / name)
    splits = {split: folder / f"{split}.parquet" for split in ("train", "validation", "test")}
    size = len(tiny_bert.VOCABULARY)
    with pytest.raises(UserError, match=f"the tokenizer is another network's: expected token ids below {size}, found "):
        trained(spec(model="bert"), tmp_path, tmp_path, splits)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_reward_that_is_not_finite_is_refused(directory, tmp_path, value):
    shutil.copytree(directory("base", "last"), tmp_path / "mine")
    weights = load_file(tmp_path / "mine/model.safetensors")
    weights["score.weight"][0, 0] = value
    save_file(weights, tmp_path / "mine/model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="mine: the reward of the text 'the cat' is not a finite number: "):
        RewardModel.load(tmp_path / "mine", CPU).score(TEXTS)


def test_what_is_no_reward_model_is_a_sentence(folder, directory, tmp_path):
    with pytest.raises(UserError, match=r"base: reward_model.json not found, expected a reward model with config.json and "):
        RewardModel.load(folder / "base", CPU)
    shutil.copytree(directory("base", "last"), tmp_path / "mine")
    header = json.loads((tmp_path / "mine/reward_model.json").read_bytes())
    (tmp_path / "mine/reward_model.json").write_text(json.dumps({**header, "pooling": "first"}))
    with pytest.raises(UserError, match=r"reward_model.json.*pooling"):
        RewardModel.load(tmp_path / "mine", CPU)
    shutil.copy(directory("base", "last") / "reward_model.json", tmp_path / "mine/reward_model.json")
    shutil.copy(folder / "base/model.safetensors", tmp_path / "mine/model.safetensors")
    with pytest.raises(UserError, match="cannot be opened as a reward model"):
        RewardModel.load(tmp_path / "mine", CPU)


def test_more_tokens_than_the_context_is_a_sentence(folder, tmp_path):
    with pytest.raises(UserError, match="tokens: expected at most 24, the context of bert, found 25"):
        trained(spec(model="bert", tokens=25), folder, tmp_path)


def test_a_split_without_pairs_is_a_sentence(folder, tmp_path):
    splits = make_splits(tmp_path / "none")
    storage.write(splits["validation"], [], storage.PREFERENCES)
    with pytest.raises(UserError, match="validation.parquet: expected pairs of a preferred and another text, found none"):
        trained(spec(), folder, tmp_path, splits)


def test_it_is_not_divided_among_cards():
    with pytest.raises(ValueError, match="sharded: a reward model is not divided among cards"):
        spec({"sharded": True})


# --- accuracy ---------------------------------------------------------------------------------------------------------


def test_accuracy_of_pairs_by_hand():
    measured = pair_accuracy([1, 2, 3, 0, 5], [0, 3, 3, -1, 4], ["a", "a", "b", "b", "c"])
    assert (measured.value, measured.n, measured.unit) == (pytest.approx(3.5 / 5), 3, "prompt")


def test_pairs_of_one_prompt_count_as_one_when_it_comes_to_the_interval():
    """A hundred pairs that all share a prompt with nine others say no more than ten pairs, each for itself."""
    correct = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    prompts = [str(number) for number in range(10)]
    alone = estimate({0: pair_accuracy(correct, [0.5] * 10, prompts)})
    repeated = estimate({0: pair_accuracy(correct.repeat(10), [0.5] * 100, np.repeat(prompts, 10))})
    distinct = estimate({0: pair_accuracy(correct.repeat(10), [0.5] * 100, [str(number) for number in range(100)])})
    assert repeated.value == alone.value == distinct.value == pytest.approx(0.8)
    assert (repeated.n, distinct.n) == (10, 100)
    assert repeated.high - repeated.low > 2 * (distinct.high - distinct.low)
