"""Accounts of what a temperature does: which methods draw so, on distributions and on judged texts that were made up."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from support.judged_texts import GRID, HUMAN_TEXTS, METHODS, MORE, SPEC, TABLES, Steps, compared_settings, judged, make_files
from support.tiny_gpt2 import FOLDER, tokenizer

from relab.checkpoints import load_model
from relab.errors import UserError
from relab.files import read_csv
from relab.judging.storage import write_judgements
from relab.rows.judged_texts import accounts
from relab.rows.judged_texts.accounts import method_of, without_inert_arguments
from relab.rows.judged_texts.distributions import distribution_scores, drawing_probabilities
from relab.rows.judged_texts.names import (
    ACCOUNTS,
    BEST,
    CONTEXTS,
    ENTROPY,
    PERPLEXITY,
    RULES,
    SamplerSetting,
    agreement,
    contrasts,
    tau,
)
from relab.rows.judged_texts.scores import perplexity_change
from relab.sampling.loop import sample
from relab.scores import SCHEMA, Summaries, read_scores, with_summary
from relab.settings.samplings import Method

SETTINGS = [SamplerSetting(temperature=temperature, top_k=k) for temperature, _, k, _ in GRID.values()]


@pytest.fixture
def folder(tmp_path):
    return make_files(tmp_path)


@pytest.fixture
def steps(folder, monkeypatch):
    return Steps(folder, monkeypatch)


def value(folder, experiment, metric):
    return Summaries(read_scores(folder / "s.parquet"), "s.parquet").per_seed(experiment, metric, ACCOUNTS).iloc[0]["value"]


def test_accounts_are_scored_on_distributions_and_on_judged_texts(steps, folder):
    tables = steps.tables()
    table = read_csv(tables["temperature"]).set_index(["account", "temperature", "top_k"])
    assert len(table) == 12 and (set(table["documents"]), set(table["texts"])) == ({3}, {4})
    sharper, flatter, inert = "softmax of logits / T", "softmax of logits × T", "in proportion to probabilities"
    entropy, method, best = table["entropy"], table["method"], table["best_probability"]
    assert entropy[sharper, 0.1, 3] < entropy[inert, 0.1, 3] == entropy[inert, 1, 3] < entropy[flatter, 0.1, 3]
    assert best[sharper, 0.5, 2] > best[inert, 0.5, 2] > best[flatter, 0.5, 2]
    assert method[flatter, 0.1, 3] == "T 0.1, k 3, multiplied" and method[inert, 0.1, 3] == "T 1, k 3"
    accounts = read_csv(tables["accounts"]).set_index(["account", "contrast"])
    hotter, cooler = "T 1, k 3 → T 0.1, k 3", "T 1, k 2 → T 0.5, k 2"
    assert accounts["reported"].to_dict() == {
        (account, contrast): way
        for account in (sharper, flatter, inert)
        for contrast, way in ((hotter, "raises"), (cooler, "lowers"))
    }
    # dividing sharpens: right of the second contrast; multiplying flattens: right of the first
    for metric in ("perplexity", "entropy"):
        low, high = accounts[f"{metric}_change_low"], accounts[f"{metric}_change_high"]
        assert high[sharper, hotter] < 0 and high[sharper, cooler] < 0
        assert low[flatter, hotter] > 0 and low[flatter, cooler] > 0
        # the same method twice: the same texts, and nothing to be unsure of
        assert low[inert, hotter] == high[inert, hotter] == low[inert, cooler] == high[inert, cooler] == 0
    assert accounts["perplexity_agreement"].tolist() == accounts["entropy_agreement"].tolist() == [0.5, 0.5, 0.5, 0.5, 0, 0]
    assert accounts["perplexity_change"][inert, hotter] == 0
    # 56.25, 39.42, 38.70, 21.37 beside losses 1, 3, 2, 1.5; 4, 3, 2, 2.5; 3, 3, 2, 2
    assert value(folder, "divide", tau(PERPLEXITY)) == pytest.approx(0)
    assert value(folder, "multiply", tau(PERPLEXITY)) == pytest.approx(4 / 6)
    assert value(folder, "ignore", tau(PERPLEXITY)) == pytest.approx(4 / math.sqrt(6 * 4))
    assert accounts["perplexity_tau"][flatter, hotter] == pytest.approx(0.667)


def test_doctored_perplexities_turn_the_verdict_on_an_account(steps, folder):
    turned = {**GRID, "T 0.1, k 3": (0.1, "divide", 3, 3.5)}
    write_judgements(folder / "j.jsonl", [*judged("grid", turned), *judged("accounts", MORE), *HUMAN_TEXTS])
    steps.tables()
    assert value(folder, "divide", agreement(PERPLEXITY)) == 1
    assert value(folder, "divide", agreement(ENTROPY)) == 0.5


@pytest.mark.parametrize("reported", [{}, {"grid/T 1, k 3": 39.42}])
def test_where_not_all_perplexities_are_reported_the_changes_stand_alone(steps, folder, reported):
    settings = {"settings": compared_settings(reported)}
    tables = steps.tables({**SPEC, **settings}, {**TABLES, **settings})
    accounts = read_csv(tables["accounts"])
    assert accounts["perplexity_change"].notna().all() and accounts["entropy_change_low"].notna().all()
    fits = [f"{metric}_{fit}" for metric in ("entropy", "perplexity") for fit in ("tau", "agreement")]
    assert accounts[["reported", *fits]].isna().all(axis=None)
    assert not read_scores(folder / "s.parquet")["metric"].str.startswith(("tau", "agreement")).any()
    assert read_csv(tables["temperature"])["reported"].notna().sum() == 3 * len(reported)


def test_without_settings_there_are_the_tables_of_texts_alone(steps, folder):
    with_accounts = {name: path.read_bytes() for name, path in steps.tables().items()}
    (folder / "d.parquet").unlink()
    tables = steps.tables({**SPEC, "settings": []}, {**TABLES, "settings": []})
    assert {name: path.read_bytes() for name, path in tables.items()} == {name: with_accounts[name] for name in tables}
    assert list(tables) == ["grid", "diversity", "examples"]


def test_contrasts_are_pairs_of_one_k_from_the_higher_temperature_to_the_lower():
    labels = [(high.label, low.label) for high, low in contrasts(SETTINGS)]
    assert labels == [("T 1, k 3", "T 0.1, k 3"), ("T 1, k 2", "T 0.5, k 2")]


def test_settings_without_k_are_compared_too():
    methods = {"mine": {"hot": Method(do_sample=True), "cold": Method(do_sample=True, temperature=0.5)}}
    methods["mine"]["flat"] = Method(do_sample=True, temperature=0.5, temperature_rule="multiply")
    found = accounts.compared_settings(["hot", "cold"], methods, {}, "temperature")
    assert [setting.label for setting in found] == ["T 1", "T 0.5"] and len(contrasts(found)) == 1
    assert found[1].methods == {"divide": ("mine", "cold"), "multiply": ("mine", "flat"), "ignore": ("mine", "hot")}


@pytest.mark.parametrize(
    ("method", "same"),
    [
        ({"temperature": 0.1, "temperature_rule": "ignore"}, {}),
        ({"temperature": 1.0, "temperature_rule": "multiply"}, {}),
        ({"top_k": 1, "temperature": 0.5, "temperature_rule": "multiply"}, {"top_k": 1}),
        ({"temperature": 0.1, "temperature_rule": "multiply"}, {"temperature": 0.1, "temperature_rule": "multiply"}),
    ],
)
def test_methods_that_draw_alike_are_told_as_one(method, same):
    assert without_inert_arguments(Method(do_sample=True, **method)) == Method(do_sample=True, **same)


def test_a_setting_that_nobody_sampled_is_named():
    samplings = {"grid": METHODS["grid"]}
    setting = SamplerSetting(temperature=0.1, top_k=3)
    assert method_of(setting, "divide", samplings, "key") == ("grid", "T 0.1, k 3")
    assert method_of(setting, "ignore", samplings, "key") == ("grid", "T 1, k 3")
    with pytest.raises(
        UserError, match="^key: .* temperature 0.1, temperature_rule multiply, top_k 3 among those of the samplings grid,"
    ):
        method_of(setting, "multiply", samplings, "key")


LOGPROBS = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()


@pytest.mark.parametrize(
    ("rule", "temperature", "k", "probabilities"),
    [
        ("ignore", 0.1, 2, [5 / 8, 3 / 8, 0, 0]),
        ("divide", 0.5, 2, [25 / 34, 9 / 34, 0, 0]),
        ("multiply", 0.5, 2, [0.5**0.5 / (0.5**0.5 + 0.3**0.5), 0.3**0.5 / (0.5**0.5 + 0.3**0.5), 0, 0]),
        ("divide", 1, 3, [10 / 19, 6 / 19, 3 / 19, 0]),
    ],
)
def test_what_is_drawn_by_under_each_account(rule, temperature, k, probabilities):
    method = SamplerSetting(temperature=temperature, top_k=k).decoding(rule)
    assert drawing_probabilities(method, LOGPROBS)[0].tolist() == pytest.approx(probabilities, abs=1e-6)


def test_the_sampler_draws_by_what_is_scored():
    model = load_model(FOLDER, torch.device("cpu"))
    method = SamplerSetting(temperature=0.3, top_k=3).decoding("multiply")
    with torch.no_grad():
        expected = drawing_probabilities(method, model(torch.tensor([[5, 6]])).logits[:, -1].log_softmax(-1))[0]
    found = sample(model, [[5, 6]] * 3000, length=1, seeds=range(3000), decoding=method, batch=3000)
    counted = np.bincount([one.token_ids[0] for one in found], minlength=len(expected)) / 3000
    assert np.abs(counted - expected.numpy()).max() < 0.04 and (counted[expected.numpy() == 0] == 0).all()


def test_distributions_are_means_over_the_prefixes_of_documents():
    model, own = load_model(FOLDER, torch.device("cpu")), tokenizer()
    texts, done = ["Once upon a time", "a merchant of Syracuse"], []
    rows = list(distribution_scores(model, own, texts, SETTINGS, done.append))
    frame = pd.DataFrame(with_summary(rows), columns=SCHEMA.names)
    values = []
    for text in texts:
        with torch.no_grad():
            logits = model(torch.tensor([[own.bos_token_id, *own(text)["input_ids"]]])).logits[0]
        best = (logits.topk(2).values / 0.5).softmax(-1)
        values += [-(row * row.log()).sum().item() for row in best]
    row = Summaries(frame, "").per_seed("divide/T 0.5, k 2", ENTROPY, CONTEXTS).iloc[0]
    assert row["value"] == pytest.approx(np.mean(values), abs=1e-5) and done == [1, 1]
    # the unit is the document, whose contexts are alike
    assert (row["n"], row["unit"], sum(row["counts"])) == (2, "document", len(values))
    assert set(frame["metric"]) == {ENTROPY, BEST}
    assert {name.split("/")[0] for name in frame["experiment"]} == set(RULES)


def test_perplexities_change_on_texts_that_drew_by_the_same_numbers():
    high, low = judged("grid", {"a": (1, "divide", 3, 2.0)}), judged("grid", {"b": (1, "divide", 3, 1.0)})
    found = perplexity_change(high, list(reversed(low))[:3])
    losses = [-sum(one.logprobs) for one in high[1:]]
    mean = sum(losses) / 12
    assert (found.value, found.n) == (pytest.approx(math.exp(mean - 1) - math.exp(mean)), 3)
    # to first order a perplexity changes by itself times the change of its loss, so that what texts share cancels
    own = np.array([-sum(one.logprobs) - mean * one.tokens for one in high[1:]]) * math.exp(mean) / 4
    others = np.array([-sum(one.logprobs) - (mean - 1) * one.tokens for one in low[1:]]) * math.exp(mean - 1) / 4
    assert found.sums - found.value == pytest.approx(others - own)
