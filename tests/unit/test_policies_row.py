"""The row of policies: measured texts become scores and tables; known values, and properties that any texts must have."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from relab.errors import UserError
from relab.parquet import read_parquet, write_parquet
from relab.rows.policies import names
from relab.rows.policies.curves import learning_table, policy_curves
from relab.rows.policies.measure import Scorers, human_rows
from relab.rows.policies.scores import policy_scores
from relab.rows.policies.tables import phrases_table, systems_table, texts_table
from relab.rows.policies.texts import SCHEMA, SystemTexts, read_systems
from relab.scores import Summaries, with_summary

PROMPTS = ["the", "the", "a", "one", "no", "we"]
#: The policy says the same every time; the reference never says a pair of words twice.
SAME = " film is a great film"
DIFFERENT = [f" w{row}a w{row}b w{row}c" for row in range(len(PROMPTS))]


def rows(system, texts, reward, judge, log_ratio=0.0, seed=0, ended=True):
    return pd.DataFrame(
        {
            **{"system": system, "seed": seed, "row": range(len(PROMPTS)), "prompt": PROMPTS, "text": texts},
            **{"ended": ended, "log_ratio": log_ratio, "reward": reward, "judge": judge},
        }
    )


@pytest.fixture
def measured(tmp_path):
    """The file of measured texts of a reference, of a policy with two seeds and of humans."""
    reward = np.arange(6.0)
    frames = [
        rows("SFT", DIFFERENT, reward, [-1, 1, -1, 1, -1, 1]),
        rows("PPO", [SAME] * 6, reward + 2 * reward.std(ddof=1), [1, 1, 1, 1, 1, -1], log_ratio=3.0),
        rows("PPO", [SAME] * 6, reward + 4 * reward.std(ddof=1), [1, 1, 1, 1, 1, -1], log_ratio=5.0, seed=1),
        rows(names.PREFERRED, DIFFERENT, [3.0] * 6, [1.0] * 6, math.nan),
        rows(names.REJECTED, DIFFERENT, [1, 1, 1, 1, 3, 5], [-1.0] * 6, math.nan),
    ]
    path = tmp_path / "measured.parquet"
    write_parquet(path, pd.concat(frames[::-1], ignore_index=True), SCHEMA)  # whatever their order in the file
    return path


@pytest.fixture
def spec():
    systems = {"SFT": {"film": 0}, "PPO": {"ppo-s0": 0, "ppo-s1": 1}}
    return names.Spec(name="row", split="test", reference="SFT", systems=systems, order=["SFT", "PPO"], judge=True, examples=3)


@pytest.fixture
def scores(measured, spec):
    return Summaries(pd.DataFrame(with_summary(policy_scores(spec, read_systems(measured, spec)))), measured)


def value(scores, system, metric):
    return scores.value(f"row/{system}", metric, "test")


def test_of_phrases_in_equally_many_texts_the_first_is_the_commonest():
    """Another one in each process otherwise, and with it the interval of its share."""
    told = [f"word{number}" for number in range(60)]
    phrases = SystemTexts(pd.DataFrame({"prompt": ["", ""], "text": [" ".join(told), " ".join(told[::-1])]})).phrases()
    assert phrases.most_common(1) == [(tuple(told[: names.PHRASE]), 1)]


def test_rewards_are_in_standard_deviations_of_the_references_texts(scores):
    assert value(scores, "SFT", names.REWARD) == pytest.approx(0)
    assert value(scores, "PPO", names.REWARD) == pytest.approx(3)
    assert scores.value("row/PPO − SFT", names.REWARD, "test") == pytest.approx(3)
    assert scores.find("row/PPO", names.REWARD, "test")["n"] == 5  # prompts, not texts


def test_a_text_wins_against_the_references_after_the_same_prompt_and_half_where_both_get_as_much(scores):
    assert value(scores, "PPO", names.wins(names.REWARD)) == 1
    # more, equal, more, equal, more, less
    assert value(scores, "PPO", names.wins(names.JUDGE)) == pytest.approx((3 + 2 * 0.5) / 6)
    with pytest.raises(UserError, match="no score"):
        value(scores, "SFT", names.wins(names.REWARD))


def test_a_judge_prefers_what_it_finds_likelier_than_not(scores):
    assert value(scores, "SFT", names.JUDGED_PREFERRED) == pytest.approx(3 / 6)
    assert value(scores, "PPO", names.JUDGED_PREFERRED) == pytest.approx(5 / 6)
    assert value(scores, names.REJECTED, names.JUDGED_PREFERRED) == 0


def test_divergence_is_the_mean_log_ratio_and_humans_have_none(scores):
    assert value(scores, "PPO", names.KL) == pytest.approx(4)
    assert value(scores, "SFT", names.KL) == 0
    with pytest.raises(UserError, match="no score"):
        value(scores, names.PREFERRED, names.KL)


def test_collapse_onto_one_sentence_is_seen(scores, measured, spec):
    assert value(scores, "SFT", names.DISTINCT) == pytest.approx(1, abs=0.06)  # "the" stands before two different words
    assert value(scores, "PPO", names.DISTINCT) < 0.4
    assert value(scores, "PPO", names.COMMONEST) == 1
    assert value(scores, "SFT", names.COMMONEST) == pytest.approx(1 / 6)
    phrases = phrases_table(read_systems(measured, spec))
    first = phrases[phrases["system"] == "PPO"].iloc[0]
    assert first["phrase"] in ("a great film", "film is a", "is a great") and float(first["share"]) == 1
    assert "SFT 0.0%" in first["others"]


def test_the_scorers_are_held_to_human_pairs(scores):
    assert value(scores, names.SCORERS[names.JUDGE], names.ACCURACY) == 1
    assert value(scores, names.SCORERS[names.REWARD], names.ACCURACY) == pytest.approx((4 + 0.5) / 6)


class Pairs:
    """What a judge with three classes says: log-probabilities of a text by its length."""

    classes_ = np.array(["bad", "good", "none"])

    def predict_log_proba(self, texts):
        return np.log([[0.25, 0.5, 0.25] if len(text) > 1 else [0.5, 0.125, 0.375] for text in texts])


@pytest.mark.parametrize("judge", [Pairs(), None])
def test_texts_are_written_with_what_scores_them_and_without_a_judge_too(tmp_path, judge):
    reward_model = SimpleNamespace(score=lambda texts: torch.tensor([float(len(text)) for text in texts]))
    pairs = {"prompt": ["a", ""], "chosen": ["bc", "d"], "rejected": ["", ""]}
    frame = human_rows("chosen", [1, 0], pairs, Scorers(None, reward_model, judge, "good"))
    write_parquet(tmp_path / "measured.parquet", frame, SCHEMA)
    written = read_parquet(tmp_path / "measured.parquet", SCHEMA, "texts")
    assert list(written["row"]) == [1, 0] and list(written["reward"]) == [1, 3]
    expected = [math.nan, math.nan] if judge is None else [math.log(0.125 / 0.875), 0]
    assert written["judge"].to_numpy() == pytest.approx(expected, nan_ok=True)


def test_a_row_without_a_judge_has_none_of_its_columns(measured, spec):
    spec = spec.model_copy(update={"judge": False})
    systems = read_systems(measured, spec)
    scores = Summaries(pd.DataFrame(with_summary(policy_scores(spec, systems))), measured)
    table = systems_table(spec, systems, scores)
    assert "reward" in table and not [column for column in table if column.startswith("judge")]
    assert list(table["system"]) == ["SFT", "PPO", names.PREFERRED, names.REJECTED]


def test_shown_texts_stand_side_by_side_after_spread_prompts(measured, spec):
    table = texts_table(spec, read_systems(measured, spec))
    assert list(table["row"].unique()) == [1, 3, 5]
    assert list(table[table["row"] == 3]["system"]) == ["SFT", "PPO", names.PREFERRED]
    assert table[(table["row"] == 3) & (table["system"] == "PPO")]["text"].item() == "one" + SAME


def test_missing_texts_are_told(measured, spec):
    wanting = spec.model_copy(update={"systems": {**spec.systems, "PPO": {"ppo-s0": 0, "ppo-s2": 2}}})
    with pytest.raises(UserError, match="expected texts of PPO with the seed 2, found none"):
        read_systems(measured, wanting)


def test_curves_of_one_way_of_learning(tmp_path):
    for name, column in (("a", "kl"), ("b", "accuracy")):
        (tmp_path / name).mkdir()
        pd.DataFrame({"step": [0, 5], f"validation_{column}": [0.0, 0.25]}).to_csv(tmp_path / name / "history.csv", index=False)
    models = {"a": names.CurveModel(label="PPO", kind="ppo", seed=1), "b": names.CurveModel(label="DPO", kind="dpo", seed=0)}
    spec = names.CurvesSpec(models=models, order=["b", "a"])
    files = {name: tmp_path / name / "history.csv" for name in models}
    curves = policy_curves(spec, files, ["kl"], "ppo")
    assert curves.to_dict("list") == {"system": ["PPO"] * 2, "seed": [1, 1], "step": [0, 5], "kl": ["0.0000", "0.2500"]}
    with pytest.raises(UserError, match="validation_entropy"):
        policy_curves(spec, files, ["entropy"], "ppo")


def test_what_was_not_trained_here_has_no_curve():
    from relab.rows.job import Job

    assert learning_table(Job({}, {}, {})).empty
