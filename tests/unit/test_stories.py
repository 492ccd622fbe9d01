"""Rows D3 to D5: accounts of the temperature, scores, tables and programs, from judged texts that were made up."""

from __future__ import annotations

import math
import runpy
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from support.sampled_texts import line, settings
from support.sampled_texts import write as write_samples
from support.tiny_gpt2 import FOLDER, tokenizer

from relab.chapters.stories.distributions import distribution_scores, drawn_by
from relab.chapters.stories.methods import method_of, plain
from relab.chapters.stories.names import (
    ACCOUNTS,
    BEST,
    CONTEXTS,
    ENTROPY,
    JUDGED,
    PERPLEXITY,
    RULES,
    StoriesSpec,
    StoriesTables,
    TraceTemperature,
    agreement,
    tau,
)
from relab.chapters.stories.scores import perplexity_change
from relab.chapters.stories.tables import accounts_table, examples_table, grid_table, temperature_table
from relab.checkpoints import load_model
from relab.corpora.storage import Writer
from relab.errors import UserError
from relab.files import read_csv
from relab.judging.spec import HUMAN
from relab.judging.storage import Judgement, read_judgements, write_judgements
from relab.sampling.loop import sample
from relab.scores import SCHEMA, Summaries, read_scores, with_summary
from relab.settings.base import canonical, check
from relab.settings.chapters import ReportedSetting, SamplerSetting, contrasts
from relab.settings.samplings import Decoding
from relab.texts.samples import read_samplings

#: The write-up's settings with its perplexities.
SETTINGS = [
    {"temperature": 0.1, "top_k": 3, "reported": 56.25},
    {"temperature": 1, "top_k": 3, "reported": 39.42},
    {"temperature": 1, "top_k": 2, "reported": 38.70},
    {"temperature": 0.5, "top_k": 2, "reported": 21.37},
]
PLAIN = [{key: one[key] for key in ("temperature", "top_k")} for one in SETTINGS]
SPEC = {
    **{"samplings": ["grid", "accounts"], "human": True, "judge": "big", "equal_tokens": 3},
    "temperature": {"samplings": ["grid", "accounts"], "settings": SETTINGS},
}
TABLES = {
    **SPEC,
    **{"grid": ["grid"], "titles": {"grid": "Ours", "human": "People"}, "models": {"grid": "small", "accounts": "big"}},
    **{"reported": {"grid": {"T 0.1, k 3": 56.25}}, "examples": [0, 1]},
}
#: The methods that the accounts need, with the loss a token that the judge is made to have: what they say of 0.1 and of 0.5.
GRID = {"T 0.1, k 3": (0.1, "divide", 3, 1.0), "T 1, k 3": (1, "divide", 3, 3.0)}
GRID |= {"T 1, k 2": (1, "divide", 2, 2.0), "T 0.5, k 2": (0.5, "divide", 2, 1.5)}
MORE = {"T 0.1, k 3, multiplied": (0.1, "multiply", 3, 4.0), "T 0.5, k 2, multiplied": (0.5, "multiply", 2, 2.5)}
TEXTS = 4
START = "<|endoftext|>"


def lines(methods) -> list[dict]:
    """Four texts of each method, the last of them ended by itself."""
    return [
        line(
            name, 0, [1, 2, 3, 9], index, ended=index == 3, prompt="Once ", text=f"a tale {index} of {name}",
            settings=settings(do_sample=True, temperature=temperature, temperature_rule=rule, top_k=k),
        )
        for name, (temperature, rule, k, _) in methods.items()
        for index in range(TEXTS)
    ]  # fmt: skip


def judged(source: str, methods) -> list[Judgement]:
    """Texts of two to five tokens, whose losses are spread around that of their method."""
    return [
        Judgement(
            source=source, method=name, prompt="Once ", prompt_index=0, index=index, text=f"a tale {index} of {name}",
            start=START, tokens=2 + index, characters=10, logprobs=[-loss - 0.1 * (index - 1.5)] * (2 + index), cut=index == 0,
        )
        for name, (*_, loss) in methods.items()
        for index in range(TEXTS)
    ]  # fmt: skip


PEOPLE = [
    Judgement(
        source=HUMAN, method=HUMAN, prompt="", prompt_index=0, index=index, text="w1 w2 w3 w4 w5 w6 w7 w8 w9", start=START,
        tokens=3, characters=26, logprobs=[-0.5] * 3, cut=False,
    )
    for index in range(2)
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    write_samples(tmp_path / "samples/grid.jsonl", lines(GRID))
    write_samples(tmp_path / "samples/accounts.jsonl", lines(MORE))
    write_judgements(tmp_path / "j.jsonl", [*judged("grid", GRID), *judged("accounts", MORE), *PEOPLE])
    for name, documents in {"train": ["W1 w2, w3 w4 w5 w6 w7 w8!"], "validation": [f"{STORY} {n}" for n in range(5)]}.items():
        with Writer(tmp_path / f"{name}.parquet") as writer:
            for document in documents:
                writer.add(document)
    model = load_model(FOLDER, torch.device("cpu"))
    model.save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path


STORY = "Once upon a time there was a merchant of Syracuse, condemned to die"


def run_program(monkeypatch, checkout, name, spec, folder, **options):
    options |= {"spec": canonical(spec), "provenance": folder / f"{name}.json"}
    words = [
        str(word)
        for option, value in options.items()
        for word in (f"--{option}", *(value if isinstance(value, list) else [value]))
    ]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])
    runpy.run_path(str(checkout / f"scripts/{name}.py"), run_name="__main__")


@pytest.fixture
def programs(monkeypatch, checkout, folder):
    """A function that runs the three programs; the last one writes its tables."""
    samples = [folder / "samples/grid.jsonl", folder / "samples/accounts.jsonl"]
    shared = {"samples": samples, "judgements": folder / "j.jsonl", "distributions": folder / "d.parquet"}

    def run(score: dict = SPEC, tabulate: dict = TABLES):
        trace = {"documents": 3, "characters": 60, "settings": PLAIN}
        files = {"model": folder / "model", "validation": folder / "validation.parquet", "output": folder / "d.parquet"}
        run_program(monkeypatch, checkout, "trace_temperature", trace, folder, **files)
        files = {**shared, "train": folder / "train.parquet", "output": folder / "s.parquet"}
        run_program(monkeypatch, checkout, "score_stories", score, folder, **files)
        outputs = {name: folder / f"{name}.csv" for name in ("grid", "diversity", "examples", "temperature", "accounts")}
        run_program(
            monkeypatch, checkout, "tabulate_stories", tabulate, folder, **shared, scores=folder / "s.parquet", **outputs
        )
        return outputs

    return run


def measured(folder, experiment, metric, split=JUDGED, name="s.parquet"):
    return Summaries(read_scores(folder / name), name).per_seed(experiment, metric, split).iloc[0]


def test_figures_of_a_method_and_of_people(programs, folder):
    tables = programs()
    grid = read_csv(tables["grid"], dtype=str).fillna("").set_index(["source", "method"])
    row = grid.loc[("Ours", "T 1, k 3")]
    # losses 2.85, 2.95, 3.05, 3.15 a token of texts of 2, 3, 4, 5 tokens
    total = 2 * 2.85 + 3 * 2.95 + 4 * 3.05 + 5 * 3.15
    assert row["perplexity"] == f"{math.exp(total / 14):.2f}" and row["median_perplexity"] == (
        f"{(math.exp(2.95) + math.exp(3.05)) / 2:.2f}"
    )
    assert row["bits_per_character"] == f"{total / math.log(2) / 40:.3f}"
    # the first three tokens of the three texts that have so many
    assert (row["equal_perplexity"], row["equal_texts"], row["equal_tokens"]) == (f"{math.exp(3.05):.2f}", "3", "3")
    assert (row["texts"], row["tokens"], row["cut"]) == ("4", "3.5", "1")
    assert float(row["perplexity_low"]) < float(row["perplexity"]) < float(row["perplexity_high"])
    assert row["median_perplexity_low"] == ""  # four texts leave it open
    assert set(grid["start"]) == {START}
    people = grid.loc[("People", "human")]
    assert (people["perplexity"], people["texts"]) == (f"{math.exp(0.5):.2f}", "2")


def test_how_varied_texts_are_and_how_they_end(programs):
    table = read_csv(programs()["diversity"], dtype=str).fillna("")
    assert table["method"].tolist() == [*GRID, HUMAN]
    table = table.set_index(["source", "method"])
    row, people = table.loc[("Ours", "T 1, k 3")], table.loc[("People", "human")]
    assert float(row["self_bleu"]) > 0.5 and row["copied_8grams"] == "0.000" and row["distinct_2"] == "1.000"
    assert (row["texts"], row["ended"]) == ("4", "0.250")
    assert (people["copied_8grams"], people["self_bleu"], people["ended"]) == ("0.500", "1.000", "")


def test_rows_of_the_grid_tell_who_wrote_and_what_the_writeup_found(programs):
    grid = read_csv(programs()["grid"], dtype=str).fillna("")
    assert grid["method"].tolist() == [*GRID, HUMAN]  # what is there for the accounts alone is not shown
    assert grid["reported"].tolist() == ["56.25", "", "", "", ""]
    assert grid["note"].tolist() == ["", "", "", "", "without a prompt"]
    assert grid["settings"][0] == "do_sample=True, temperature=0.1, top_k=3" and grid["settings"][4] == "–"


def test_a_row_whose_model_is_the_judge_says_so(programs):
    tables = programs(tabulate={**TABLES, "models": {"grid": "big", "accounts": "big"}})
    assert set(read_csv(tables["grid"])["note"][:4]) == {"the judge's own text"}


def test_examples_are_the_same_numbers_of_every_method(programs):
    examples = read_csv(programs()["examples"], dtype=str).fillna("")
    assert [tuple(row) for row in examples[["method", "index"]].to_numpy()] == [
        (method, index) for method in (*GRID, HUMAN) for index in ("0", "1")
    ]
    assert examples["text"][1] == "a tale 1 of T 0.1, k 3" and examples["prompt"][1] == "Once "


def test_a_number_that_a_method_has_no_text_of_is_refused(folder):
    samplings = read_samplings([folder / f"samples/{name}.jsonl" for name in SPEC["samplings"]], SPEC["samplings"])
    spec = check(StoriesTables, {**TABLES, "examples": [0, 3]}, "--spec")
    with pytest.raises(UserError, match="examples: .* every method has, found 3: of human/human there are 2"):
        examples_table(spec, samplings, read_judgements(folder / "j.jsonl"))


def test_accounts_are_scored_on_distributions_and_on_judged_texts(programs, folder):
    tables = programs()
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
    assert measured(folder, "divide", tau(PERPLEXITY), ACCOUNTS)["value"] == pytest.approx(0)
    assert measured(folder, "multiply", tau(PERPLEXITY), ACCOUNTS)["value"] == pytest.approx(4 / 6)
    assert measured(folder, "ignore", tau(PERPLEXITY), ACCOUNTS)["value"] == pytest.approx(4 / math.sqrt(6 * 4))
    assert accounts["perplexity_tau"][flatter, hotter] == pytest.approx(0.667)


def test_doctored_perplexities_turn_the_verdict_on_an_account(programs, folder):
    turned = {**GRID, "T 0.1, k 3": (0.1, "divide", 3, 3.5)}
    write_judgements(folder / "j.jsonl", [*judged("grid", turned), *judged("accounts", MORE), *PEOPLE])
    programs()
    assert measured(folder, "divide", agreement(PERPLEXITY), ACCOUNTS)["value"] == 1
    assert measured(folder, "divide", agreement(ENTROPY), ACCOUNTS)["value"] == 0.5


def test_the_same_input_gives_the_same_bytes(programs, folder):
    first = {path.name: path.read_bytes() for path in [*programs().values(), folder / "s.parquet", folder / "d.parquet"]}
    second = {path.name: path.read_bytes() for path in [*programs().values(), folder / "s.parquet", folder / "d.parquet"]}
    assert first == second


@pytest.mark.parametrize(("option", "spec"), [("score", SPEC), ("tabulate", TABLES)])
def test_judgements_of_other_texts_end_the_programs_with_a_sentence(programs, option, spec):
    with pytest.raises(SystemExit, match="j.jsonl: not expected: texts of the source 'human', method 'human'"):
        programs(**{option: {**spec, "human": False}})


@pytest.mark.parametrize(
    ("model", "spec", "message"),
    [
        (StoriesSpec, {**SPEC, "samplings": ["grid"]}, "temperature.samplings: expected judged samplings .grid., found"),
        (StoriesSpec, {**SPEC, "samplings": ["grid", "human"]}, "samplings: 'human' is the name of the held-out documents"),
        (StoriesTables, {**TABLES, "grid": ["other"]}, "grid: expected judged samplings .*, found 'other'"),
        (StoriesTables, {**TABLES, "titles": {"grid": "Ours"}}, "titles: expected one of 'human', found none"),
        (StoriesTables, {**TABLES, "models": {"grid": "big"}}, "models: expected one of 'accounts', found none"),
        (StoriesTables, {**TABLES, "reported": {"x": {}}}, "reported: expected judged samplings .*, found 'x'"),
        (TraceTemperature, {"documents": 1, "characters": 1, "settings": PLAIN[1:3]}, "expected two that differ"),
        (TraceTemperature, {"documents": 1, "characters": 1, "settings": PLAIN[:1] * 2}, "expected each once, found T 0.1"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together_are_refused(model, spec, message):
    with pytest.raises(UserError, match=message):
        check(model, spec, "--spec")


def test_contrasts_are_pairs_of_one_k_from_the_higher_temperature_to_the_lower():
    found = contrasts([ReportedSetting(**one) for one in SETTINGS])
    assert [(high.label, low.label) for high, low in found] == [("T 1, k 3", "T 0.1, k 3"), ("T 1, k 2", "T 0.5, k 2")]


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
    assert plain(Decoding(do_sample=True, **method)) == Decoding(do_sample=True, **same)


def test_a_setting_that_nobody_sampled_is_named(folder):
    samplings = read_samplings([folder / "samples/grid.jsonl"], ["grid"])
    setting = SamplerSetting(temperature=0.1, top_k=3)
    assert method_of(setting, "divide", samplings) == ("grid", "T 0.1, k 3")
    assert method_of(setting, "ignore", samplings) == ("grid", "T 1, k 3")
    with pytest.raises(
        UserError, match="temperature 0.1, temperature_rule multiply, top_k 3 among those of the samplings grid,"
    ):
        method_of(setting, "multiply", samplings)


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
    assert drawn_by(method, LOGPROBS)[0].tolist() == pytest.approx(probabilities, abs=1e-6)


def test_the_sampler_draws_by_what_is_scored():
    model = load_model(FOLDER, torch.device("cpu"))
    method = SamplerSetting(temperature=0.3, top_k=3).decoding("multiply")
    with torch.no_grad():
        expected = drawn_by(method, model(torch.tensor([[5, 6]])).logits[:, -1].log_softmax(-1))[0]
    found = sample(model, [[5, 6]] * 3000, length=1, seeds=range(3000), decoding=method, batch=3000)
    counted = np.bincount([one.token_ids[0] for one in found], minlength=len(expected)) / 3000
    assert np.abs(counted - expected.numpy()).max() < 0.04 and (counted[expected.numpy() == 0] == 0).all()


def test_distributions_are_means_over_the_prefixes_of_documents():
    model, own = load_model(FOLDER, torch.device("cpu")), tokenizer()
    texts, done = ["Once upon a time", "a merchant of Syracuse"], []
    rows = list(distribution_scores(model, own, texts, [SamplerSetting(**one) for one in PLAIN], done.append))
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


def test_a_missing_score_is_named(folder):
    samplings = read_samplings([folder / f"samples/{name}.jsonl" for name in SPEC["samplings"]], SPEC["samplings"])
    spec, none = check(StoriesTables, TABLES, "--spec"), Summaries(pd.DataFrame(columns=SCHEMA.names), "s.parquet")
    for table in (
        lambda: grid_table(spec, samplings, none, {}),
        lambda: temperature_table(spec, samplings, none, none, {}),
        lambda: accounts_table(spec, none, none),
    ):
        with pytest.raises(UserError, match="s.parquet: no score '.*' .* of the experiment"):
            table()
