"""Sampled texts: what is read and refused, which arguments act, scores of methods and of pairs of them, the two tables."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp
from support.row_steps import run_step
from support.sampled_texts import line, settings, write

from relab.errors import UserError
from relab.files import read_csv, write_csv
from relab.report import tables as report_tables
from relab.scores import SCHEMA, Summaries, read_scores, with_summary, write_scores
from relab.settings.samplings import Decoding
from relab.texts.arguments import inert_arguments, keyword_arguments
from relab.texts.samples import read_samplings, read_texts

HEATED = "greedy, inert temperature"
DRAWN = {"settings": settings(do_sample=True, temperature=0.7)}

#: Two prompts. Greedy runs in circles, the same again with a temperature that cannot act; sampling draws two texts a prompt.
LINES = [
    line("greedy", 0, [1, 2, 1, 2, 1, 2, 1, 2]),
    line(HEATED, 0, [1, 2, 1, 2, 1, 2, 1, 2], settings=settings(temperature=1.5), token_logprobs=[-1.000001] * 8),
    line("sampling", 0, [1, 2, 3, 4, 5], 0, token_logprobs=[-2.0] * 5, text='one,\r\n"two" \x00', **DRAWN),
    line("sampling", 0, [6, 7, 9], 1, token_logprobs=[-4.0] * 3, ended=True, text="NA", **DRAWN),
    line("people", 0, [8, 8, 9, 9], settings=None, token_logprobs=[-3.0] * 4),
    line("greedy", 1, [3, 3, 3, 3, 3, 3]),
    line(HEATED, 1, [3, 3, 3, 3, 3, 3], settings=settings(temperature=1.5), token_logprobs=[-1.000001] * 6),
    line("sampling", 1, [3, 3, 3, 3, 3, 3], 0, **DRAWN),
    line("sampling", 1, [9], 1, ended=True, text="", token_logprobs=[-7.0], **DRAWN),
    line("people", 1, [5, 6, 7, 8], settings=None, token_logprobs=[-5.0] * 4),
]


@pytest.fixture
def samples(tmp_path):
    return write(tmp_path / "samples/arguments.jsonl", LINES)


@pytest.fixture
def scores(samples):
    from relab.texts.scores import text_scores

    frame = pd.DataFrame(with_summary(text_scores([read_texts(samples)])), columns=SCHEMA.names)
    return frame.set_index(["experiment", "seed", "metric"])


def test_texts_come_by_prompt_and_by_method_in_declared_order(samples):
    texts = read_texts(samples)
    assert (texts.sampling, texts.seed, texts.prompts) == ("arguments", 0, ["prompt 0 ", "prompt 1 "])
    assert list(texts.methods) == ["greedy", HEATED, "sampling", "people"]
    assert [(one.prompt_index, one.index) for one in texts.methods["sampling"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    # the token that ends a text is not part of it
    assert [one.tokens for one in texts.methods["sampling"]] == [[1, 2, 3, 4, 5], [6, 7], [3] * 6, []]
    assert texts.methods["people"][0].settings is None


def test_lines_of_prompts_in_turns_are_put_in_order(tmp_path):
    texts = read_texts(write(tmp_path / "a.jsonl", sorted(LINES, key=lambda one: one["index"])))
    assert [one.prompt_index for one in texts.methods["sampling"]] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "a.jsonl: expected sampled texts, found none"),
        ([LINES[0], {**LINES[5], "token_ids": "x"}], "a.jsonl, line 2: token_ids: input should be a valid list, found 'x'"),
        ([{**LINES[0], "text": None}], "a.jsonl, line 1: text: input should be a valid string"),
        (
            [{**LINES[0], "token_logprobs": [-1.0]}],
            "a.jsonl, line 1: token_logprobs: expected one for each of the 8 token_ids, found 1",
        ),
        ([line("m", 0, [], ended=True)], "a.jsonl, line 1: ended: expected an end-of-text token, found no token"),
        ([line("m", 0, [1])] * 2, "a.jsonl: method 'm', prompt 0: expected texts numbered 0, 1, … in order, found 0, 0"),
        ([line("m", 0, [1]), line("n", 0, [1]), line("m", 1, [2])], "a.jsonl: method 'n', prompt 1: .* found none"),
        ([line("m", 0, [1]), line("m", 0, [2], 2)], "a.jsonl: method 'm', prompt 0: .* found 0, 2"),
        ([line("m", 0, [1]), line("m", 1, [2], seed=1)], "a.jsonl: expected the texts of one seed, found those of several"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_texts_is_refused_by_line(tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        read_texts(write(tmp_path / "a.jsonl", lines))


def test_a_line_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(LINES[0]) + '\n{"method"\n')
    with pytest.raises(UserError, match="a.jsonl, line 2: not JSON"):
        read_texts(path)


def test_files_are_told_apart_by_their_names_and_come_in_the_settings_order(tmp_path):
    paths = [write(tmp_path / f"{name}.jsonl", LINES) for name in ("one", "two")]
    assert [texts.sampling for texts in read_samplings(paths, ["two", "one"])] == ["two", "one"]
    with pytest.raises(UserError, match="--samples: no file of three"):
        read_samplings(paths, ["one", "two", "three"])
    with pytest.raises(UserError, match="--samples: not expected: a file of two"):
        read_samplings(paths, ["one"])


@pytest.mark.parametrize(
    ("arguments", "without_effect"),
    [
        ({}, []),
        ({"temperature": 1.5, "top_k": 5, "top_p": 0.9, "min_p": 0.1}, ["temperature", "top_k", "top_p", "min_p"]),
        ({"do_sample": True, "temperature": 1.5, "top_k": 5, "top_p": 0.9, "min_p": 0.1}, []),
        ({"num_beams": 4, "early_stopping": True, "length_penalty": 0.5}, []),
        ({"num_beams": 4, "temperature": 0.5}, ["temperature"]),
        ({"early_stopping": True, "length_penalty": 0.5}, ["early_stopping", "length_penalty"]),
        ({"do_sample": True, "early_stopping": True}, ["early_stopping"]),
        ({"no_repeat_ngram_size": 3}, []),
        ({"do_sample": True, "top_k": 1, "temperature": 0.5, "top_p": 0.9}, ["temperature", "top_p"]),  # one token is left
        ({"do_sample": True, "top_p": 1.0}, ["top_p"]),  # all tokens are left
        ({"do_sample": True, "temperature": 0.5, "temperature_rule": "ignore"}, ["temperature"]),
        ({"do_sample": True, "temperature": 0.5, "temperature_rule": "multiply"}, []),
        ({"do_sample": True, "temperature_rule": "multiply"}, ["temperature_rule"]),
    ],
)
def test_arguments_that_cannot_act(arguments, without_effect):
    assert inert_arguments(Decoding(**arguments)) == without_effect


@pytest.mark.parametrize(
    "arguments",
    [
        {"temperature": 1.5, "top_k": 2, "top_p": 0.5, "min_p": 0.5, "early_stopping": True, "length_penalty": 3.0},
        {"do_sample": True, "top_k": 1, "temperature": 3.0, "top_p": 0.5, "min_p": 0.5},
        {"do_sample": True, "top_p": 1.0},
        {"do_sample": True, "temperature": 3.0, "temperature_rule": "ignore"},
        {"do_sample": True, "temperature_rule": "multiply"},
    ],
)
def test_the_sampling_itself_agrees_that_they_cannot_act(arguments):
    import torch

    from relab.sampling.token_selector import TokenSelector

    def chosen(method: Decoding) -> list[int]:
        generator = torch.Generator().manual_seed(0)
        logits, uniforms = torch.randn(64, 9, generator=generator), torch.rand(64, 1, generator=generator)
        return TokenSelector([method] * 64, [[0]] * 64, uniforms)(logits.log_softmax(-1), 0).flatten().tolist()

    method = Decoding(**arguments)
    plain = Decoding(**{name: value for name, value in arguments.items() if name not in inert_arguments(method)})
    assert plain != method
    assert chosen(method) == chosen(plain)
    assert len(set(chosen(plain))) > 1


def test_the_call_names_what_differs_from_the_default_and_whether_it_draws():
    assert keyword_arguments(Decoding()) == "do_sample=False"
    assert keyword_arguments(Decoding(do_sample=True, temperature=0.7, top_k=6)) == "do_sample=True, temperature=0.7, top_k=6"
    assert keyword_arguments(Decoding(num_beams=2, early_stopping=True)) == "do_sample=False, num_beams=2, early_stopping=True"
    assert keyword_arguments(None) == "–" and inert_arguments(None) == []


def test_each_measure_of_each_method(scores):
    def found(method: str, metric: str) -> tuple[float, int]:
        row = scores.loc[(f"arguments/{method}", "0", metric)]
        assert row["split"] == "texts"
        return pytest.approx(row["value"]), row["n"]

    # n counts prompts that have a value
    assert found("greedy", "repeated 4-grams") == ((3 / 5 + 2 / 3) / 2, 2)
    assert found("greedy", "distinct-2") == ((2 / 7 + 1 / 5) / 2, 2)
    # texts of less than an n-gram are left out, and the token that ends a text is in none
    assert found("sampling", "repeated 4-grams") == ((0 + 2 / 3) / 2, 2)
    assert found("sampling", "distinct-2") == ((1 + 1 + 1 / 5) / 3, 2)
    # but its probability counts
    assert found("sampling", "mean log-probability") == ((-2 - 4 - 1 - 7) / 4, 2)
    assert found("sampling", "tokens") == ((5 + 2 + 6 + 0) / 4, 2)
    assert found("sampling", "ended") == (0.5, 2)
    assert found("people", "mean log-probability") == (-4, 2)


def test_intervals_are_over_prompts_and_the_data_are_the_prompts(scores, tmp_path):
    row, ends = scores.loc[("arguments/people", "0", "mean log-probability")], ttest_1samp([-3, -5], 0).confidence_interval()
    assert [row["low"], row["high"]] == pytest.approx([ends.low, ends.high]) and row["unit"] == "prompt"
    # two texts a prompt, which are alike: their means are what varies
    row, ends = scores.loc[("arguments/sampling", "0", "tokens")], ttest_1samp([3.5, 3], 0).confidence_interval()
    assert [row["low"], row["high"]] == pytest.approx([ends.low, ends.high])
    assert scores.loc[("arguments/people", "all", "mean log-probability")]["value"] == -4
    assert scores["data"].nunique() == 1

    from relab.texts.scores import text_scores

    other = [{**one, "prompt": one["prompt"].upper()} for one in LINES]
    rows = list(text_scores([read_texts(write(tmp_path / "arguments.jsonl", other))]))
    assert {row["data"] for row in rows}.isdisjoint(scores["data"])


def test_methods_are_compared_prompt_by_prompt_both_ways(scores):
    def found(pair: str, metric: str) -> tuple[float, int]:
        row = scores.loc[(f"arguments/{pair}", "0", metric)]
        return pytest.approx(row["value"]), row["n"]

    assert found("greedy − sampling", "repeated 4-grams") == ((3 / 5 + 0) / 2, 2)
    assert found("sampling − greedy", "repeated 4-grams") == (-(3 / 5 + 0) / 2, 2)
    # the mean over the texts of a prompt, then the difference, then the mean over prompts
    assert found("greedy − sampling", "mean log-probability") == ((-1 + 3 - 1 + 4) / 2, 2)
    row = scores.loc[("arguments/greedy − sampling", "0", "mean log-probability")]
    ends = ttest_1samp([-1 + 3, -1 + 4], 0).confidence_interval()
    assert [row["low"], row["high"]] == pytest.approx([ends.low, ends.high])
    experiments = {name for name, seed, _ in scores.index if seed == "0" and "−" in name}
    assert len(experiments) == 4 * 3


def test_texts_are_the_same_token_by_token(scores):
    for pair, share in ((f"greedy − {HEATED}", 1), ("greedy − sampling", 0.5), ("greedy − people", 0)):
        row = scores.loc[(f"arguments/{pair}", "0", "same text")]
        assert (row["value"], row["n"]) == (share, 2)
    row = scores.loc[(f"arguments/greedy − {HEATED}", "0", "same text")]
    ends = binomtest(2, 2).proportion_ci(method="exact")  # two prompts do not tell of all
    assert [row["low"], row["high"]] == pytest.approx([ends.low, ends.high])


def test_which_method_is_at_least_as_likely(scores):
    def share(pair: str) -> float:
        return scores.loc[(f"arguments/{pair}", "0", "at least as likely")]["value"]

    assert (share("greedy − sampling"), share("sampling − greedy")) == (1, 0)
    assert (share("sampling − people"), share("people − sampling")) == (1, 0.5)  # -3 and -4 beside -3 and -5
    # the same tokens are as likely, whatever rounding does to their last digits
    assert share(f"{HEATED} − greedy") == share(f"greedy − {HEATED}") == 1


def test_one_prompt_has_scores_without_intervals_and_one_method_no_pairs(tmp_path):
    from relab.texts.scores import text_scores

    alone = [line("drawn", 0, [1, 2, 3, 4, number], number, **DRAWN) for number in range(3)]
    rows = list(text_scores([read_texts(write(tmp_path / "unconditional.jsonl", alone))]))
    assert {row["experiment"] for row in rows} == {"unconditional/drawn"} and {row["n"] for row in rows} == {1}
    assert all(math.isnan(row["low"]) and not math.isnan(row["value"]) for row in rows)


def test_texts_too_short_for_a_measure_have_no_value_and_no_difference(tmp_path):
    from relab.texts.scores import text_scores

    short = [line(method, prompt, tokens) for prompt in (0, 1) for method, tokens in (("a", [1]), ("b", [1, 2, 3, 4]))]
    rows = {(row["experiment"], row["metric"]): row for row in text_scores([read_texts(write(tmp_path / "s.jsonl", short))])}
    for experiment in ("s/a", "s/a − b"):
        row = rows[experiment, "repeated 4-grams"]
        assert math.isnan(row["value"]) and row["n"] == 0
    empty = [line(method, prompt, tokens) for prompt in (0, 1) for method, tokens in (("a", []), ("b", [1]))]
    rows = {(row["experiment"], row["metric"]): row for row in text_scores([read_texts(write(tmp_path / "e.jsonl", empty))])}
    assert math.isnan(rows["e/a − b", "at least as likely"]["value"]) and rows["e/a", "tokens"]["value"] == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with the texts of two samplings, and the scores and tables that the steps of a row make of them."""
    folder = tmp_path_factory.mktemp("texts")
    alone = [line("start", 0, [4, 4, number], number, prompt="", **DRAWN) for number in range(2)]
    samples = [write(folder / "arguments.jsonl", LINES), write(folder / "alone.jsonl", alone)]
    scores, spec = folder / "scores.parquet", {"samplings": ["arguments", "alone"]}
    done = run_step("texts.steps.score", {"samples": samples}, {"scores": scores}, spec, folder / "s.json")
    assert done.returncode == 0, done.stderr
    files, tables = {"samples": samples, "scores": scores}, {"main": folder / "methods.csv", "texts": folder / "texts.csv"}
    done = run_step("texts.steps.tabulate", files, tables, spec, folder / "t.json")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_same_texts_give_the_same_bytes(made):
    from relab.texts.scores import text_scores
    from relab.texts.tables import methods_table, texts_table

    samplings = read_samplings([made / "alone.jsonl", made / "arguments.jsonl"], ["arguments", "alone"])
    write_scores(made / "again/scores.parquet", with_summary(text_scores(samplings)))
    scores = Summaries(read_scores(made / "again/scores.parquet"), "scores")
    write_csv(made / "again/methods.csv", methods_table(samplings, scores))
    write_csv(made / "again/texts.csv", texts_table(samplings))
    for name in ("scores.parquet", "methods.csv", "texts.csv"):
        assert (made / name).read_bytes() == (made / "again" / name).read_bytes()


def test_the_record_names_what_the_tables_were_made_of(made):
    inputs = json.loads((made / "t.json").read_text())["inputs"]
    assert {Path(path).name for path in inputs} == {"arguments.jsonl", "alone.jsonl", "scores.parquet"}


def test_the_table_of_methods(made):
    table = report_tables.read(str(made / "methods.csv"))
    assert table.values("method") == ["greedy", HEATED, "sampling", "people", "start"]
    greedy, heated, sampling, people, start = table.records
    assert (greedy["settings"], greedy["inert"], greedy["same_as"]) == ("do_sample=False", "", "")
    assert (heated["settings"], heated["inert"]) == ("do_sample=False, temperature=1.5", "temperature")
    assert heated["same_as"] == "greedy"
    assert (sampling["settings"], sampling["same_as"]) == ("do_sample=True, temperature=0.7", "")
    assert people["settings"] == "–"
    # the first text of the first prompt, as it is
    assert (sampling["prompt"], sampling["text"]) == ("prompt 0 ", 'one,\r\n"two" \x00')
    ends = ttest_1samp([-3, -4], 0).confidence_interval()
    shown = [sampling[f"mean_logprob{end}"] for end in ("", "_low", "_high", "_sd")]
    assert shown == ["-3.500", f"{ends.low:.3f}", f"{ends.high:.3f}", "2.646"]
    assert [sampling[name] for name in ("tokens", "ended", "texts", "prompts", "too_short")] == ["3.2", "0.500", "4", "2", "2"]
    # one prompt: no interval, but a spread over its texts
    assert [start[f"distinct_2{end}"] for end in ("", "_low", "_high", "_sd")] == ["1.000", "", "", "0.000"]
    assert (start["repeated_4grams"], start["repeated_4grams_sd"], start["too_short"]) == ("", "", "2")


def test_the_table_of_all_texts(made):
    table = report_tables.read(str(made / "texts.csv"))
    assert len(table.records) == len(LINES) + 2
    assert table.values("method")[:5] == ["greedy", HEATED, "sampling", "sampling", "people"]
    drawn = table.where(method="sampling")
    assert [(one["prompt"], one["index"], one["text"], one["tokens"], one["ended"]) for one in drawn] == [
        ("prompt 0 ", "0", 'one,\r\n"two" \x00', "5", "no"),
        ("prompt 0 ", "1", "NA", "2", "yes"),
        ("prompt 1 ", "0", "3 3 3 3 3 3", "6", "no"),
        ("prompt 1 ", "1", "", "0", "yes"),
    ]
    assert [one["mean_logprob"] for one in drawn] == ["-2.000", "-4.000", "-1.000", "-7.000"]
    assert [one["repeated_4grams"] for one in drawn] == ["0.000", "", "0.667", ""]
    assert read_csv(made / "methods.csv")["texts"].tolist() == [2, 2, 4, 2, 2]


def test_scores_of_other_texts_are_refused_and_nothing_is_written(made, tmp_path):
    samples = write(tmp_path / "others.jsonl", LINES)
    files = {"samples": samples, "scores": made / "scores.parquet"}
    tables = {"main": tmp_path / "m.csv", "texts": tmp_path / "t.csv"}
    done = run_step("texts.steps.tabulate", files, tables, {"samplings": ["others"]}, tmp_path / "p.json")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "scores.parquet: no score 'repeated 4-grams' (texts) of the experiment 'others/greedy'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["others.jsonl"]
