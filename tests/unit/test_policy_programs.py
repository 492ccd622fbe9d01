"""The programs that train policies: what they write, and what they refuse in one sentence."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from support.policies import PPO, PPO_LORA, PolicyRun, job, make_policies

from relab.checkpoints import load_model, load_tokenizer
from relab.errors import UserError
from relab.files import read_csv
from relab.rewards import RewardModel
from relab.sampling import sample
from relab.sampling.prompts import LanguageModel
from relab.training.objectives.ppo import ClippedPolicy
from relab.training.policies import encoded_prompts

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Splits of preferences and a reward model; the base is beside their folder."""
    return make_policies(tmp_path_factory.mktemp("data") / "words")


@pytest.mark.parametrize("settings", [PPO, PPO_LORA], ids=["all weights", "LoRA"])
def test_a_program_writes_a_model_that_is_rewarded_more(data, settings, tmp_path):
    """Its directory is one like any other, without the critic; the history has a row for each evaluation."""
    training = {"steps": 40, "texts": 64, "batch": 32, "accumulation": 1, "learning_rate": 0.01}
    spec = {**settings, "training": {**settings["training"], **training, "evaluation": {"every": 10, "texts": 12}}}
    shutil.copytree(data.parent / "base", tmp_path / "models" / "base")
    run = PolicyRun(tmp_path, data, spec, base=tmp_path / "models" / "base")
    run.run_here()
    history = read_csv(run.output / "history.csv")
    assert list(history.columns) == list(ClippedPolicy.columns)
    assert history.step.tolist() == [0, 10, 20, 30, 40]
    assert history.train_standardised_reward.iloc[-1] > history.train_standardised_reward.iloc[1]
    assert read_csv(run.output / "speed.csv").texts_per_second.notna().sum() == 4
    model, tokenizer = load_model(run.output, CPU), load_tokenizer(run.output)
    assert not any("critic" in name for name, _ in model.named_parameters())
    prompts = [tokenizer("abc")["input_ids"]] * 64
    rewards = []
    for network in (load_model(data.parent / "base", CPU), model):
        answers = sample(network, prompts, length=8, seeds=range(64), stop=[tokenizer.eos_token_id])
        texts = ["abc" + tokenizer.decode(answer.token_ids, skip_special_tokens=True) for answer in answers]
        rewards.append(RewardModel.load(data / "reward", CPU).score(texts).mean().item())
    assert rewards[1] > rewards[0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prompt_tokens": 1}, r".*parquet: expected prompts of at most 1 tokens \(prompt_tokens\), found none among \d+"),
        ({"answer_tokens": 60}, "prompt_tokens and answer_tokens: expected at most the context of .*, 64 tokens, found 84"),
    ],
)
def test_what_does_not_fit_is_refused_by_a_program(data, changes, sentence, tmp_path):
    run = PolicyRun(tmp_path, data, {**PPO, **changes}, base=data.parent / "base")
    with pytest.raises(UserError) as error:
        run.run_here()
    assert re.fullmatch(sentence, str(error.value)) and not run.output.exists()


def test_a_program_refuses_a_folder_without_a_reward_model(data, tmp_path):
    shutil.copytree(data, tmp_path / "words")
    (tmp_path / "words" / "reward" / "reward_model.json").write_text(
        '{"base": "b", "pooling": "mean", "tokens": 9, "tokenizer": ""}'
    )
    run = PolicyRun(tmp_path / "run", tmp_path / "words", PPO, base=data.parent / "base")
    with pytest.raises(UserError, match="a reward model of another tokenizer than it says"):
        run.run_here()


def test_long_prompts_are_left_out_and_counted(data, caplog):
    settings = job(prompt_tokens=3)
    lm = LanguageModel(load_model(data.parent / "base", CPU), load_tokenizer(data.parent / "base"))
    prompts = encoded_prompts(data / "train.parquet", settings, lm)
    assert 0 < len(prompts) < 48 and max(len(prompt.read.token_ids) for prompt in prompts) <= 3
    assert f"{48 - len(prompts)} of 48 prompts are too long and left out" in caplog.text
