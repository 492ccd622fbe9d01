"""Finetuned models beside their base: held-out passages, scores, tables, the figure of losses."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp
from support.finetuned_rows import SPEC, job, judgement, make_files, scored, summaries, write_corpus
from support.finetuning import make_base
from support.losses import DROPOUT

from relab.errors import UserError
from relab.judging.storage import read_judgements
from relab.rows.finetuned.figures import draw
from relab.rows.finetuned.measure import measure, spread
from relab.rows.finetuned.names import CHANGE, HELD_OUT, PARSES, PARSES_CUT, Passages, ScoreSpec
from relab.rows.finetuned.scores import functions, held_out_scores, score_models
from relab.rows.finetuned.tables import tabulate
from relab.rows.job import MAIN
from relab.rows.shared import finetuning_names as names
from relab.rows.shared.finetuning_figures import draw_losses
from relab.rows.shared.finetuning_scores import bytes_counted, mean_loss
from relab.rows.shared.finetuning_tables import curve
from relab.rows.shared.intervals import ENDS

PYTHON = ["def g():\n  return 1\n\n\nclass", "def h(a, b): return a\nb"]
FULL = {name: {**model, "adaptation": {"kind": "full"}} for name, model in SPEC["models"].items()}
CODE = {**SPEC, "name": "code", "models": FULL, "source_code": True}


def judgements(tuned=-1.0):
    texts = ["wörd", "two words", "three words here"]
    return {
        (name, HELD_OUT): [judgement(name, HELD_OUT, text, [value] * 3, index) for index, text in enumerate(texts)]
        for name, value in (("old", -2.0), ("heart-s0", tuned), ("heart-s1", tuned))
    }


@pytest.fixture
def files(tmp_path):
    return make_files(tmp_path, judgements(), ["a text"], PYTHON)


# held-out passages


def numbered(document: int, lines: int) -> str:
    return "\n".join(f"{document}.{line} is a line" for line in range(lines))


def test_each_passage_is_of_another_document_and_begins_where_a_line_does(tmp_path):
    path = write_corpus(tmp_path / "v.parquet", *(numbered(document, 400 if document == 3 else 20) for document in range(9)))
    passages = spread(path, Passages(number=4, characters=30))
    assert [passage.split(".")[0] for passage in passages] == ["1", "3", "5", "7"]  # the long one has no more than others
    for passage in passages:
        first, *_, last = passage.split()
        assert len(passage) <= 30 and re.fullmatch(r"\d\.\d+", first) and re.fullmatch(r"is|a|line|\d\.\d+", last)
    assert spread(path, Passages(number=4, characters=30)) == passages


def test_passages_begin_anywhere_in_their_documents(tmp_path):
    path = write_corpus(tmp_path / "v.parquet", *(numbered(document, 100) for document in range(40)))
    lines = [int(passage.split()[0].split(".")[1]) for passage in spread(path, Passages(number=40, characters=30))]
    quarters = Counter(line // 25 for line in lines)
    assert sorted(quarters) == [0, 1, 2, 3] and max(quarters.values()) <= 12


def test_a_document_shorter_than_a_passage_is_one_and_an_empty_one_is_none(tmp_path):
    path = write_corpus(tmp_path / "w.parquet", "a b", " \n", " c d\n\n")
    assert spread(path, Passages(number=2, characters=99)) == ["a b", "c d"]
    assert spread(path, Passages(number=2, characters=2)) == ["a", "c"]
    with pytest.raises(UserError, match="w.parquet: expected 3 documents, one a passage, found 2: ask for fewer, or"):
        spread(path, Passages(number=3, characters=99))


def test_every_model_judges_every_passage(tmp_path):
    make_base(tmp_path / "tiny")
    make_base(tmp_path / "same")
    inputs = {
        "weights": [tmp_path / name / "model.safetensors" for name in ("same", "tiny")],
        "validation": [write_corpus(tmp_path / "v.parquet", "the merchant\nof Syracuse")],
    }
    spec = {"models": ["tiny", "same"], "passages": {"number": 1, "characters": 99}, "threads": 1}
    step = job(inputs, spec, judgements=tmp_path / "judgements.jsonl")
    measure(step)
    judged = read_judgements(tmp_path / "judgements.jsonl")
    assert list(judged) == [("tiny", HELD_OUT), ("same", HELD_OUT)]
    (text,) = judged["tiny", HELD_OUT]
    assert (text.text, text.prompt, text.characters) == ("the merchant\nof Syracuse", "", 24)
    assert text.logprobs == judged["same", HELD_OUT][0].logprobs and max(text.logprobs) < 0
    assert step.record["device"]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"models": ["a", "b"]}, "--spec.passages: this key is required"),
        ({"models": ["a", "b"], "passages": {"number": 1, "characters": 9}, "opening": 3}, "--spec.opening: unknown key"),
        ({"models": ["a"], "passages": {"number": 1, "characters": 9}}, "--spec.models: list should have at least 2 items"),
    ],
)
def test_what_is_judged_is_passages(tmp_path, spec, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        measure(job({}, spec))


# scores


def test_the_mean_training_loss_is_that_of_all_steps(files):
    history = pd.DataFrame({"step": [0, 2, 3], "train_loss": [None, 3.0, 1.5]}).set_index("step")
    assert mean_loss(history) == pytest.approx((3 + 3 + 1.5) / 3)
    scores = summaries(score_models(job(files, SPEC))["scores"])
    assert scores.value("heart", names.MEAN_LOSS, "train") == pytest.approx((2.5 + 3.0) / 2)
    assert scores.value("heart", "final loss") == pytest.approx(2.25)
    assert scores.value("heart", "final loss", "train") == pytest.approx(1.75 - DROPOUT)
    assert scores.find("heart", names.MEAN_LOSS, "train")["unit"] == "seed"  # what training itself saw
    assert scores.value("heart", names.TOKENS_SEEN, "train") == 30
    assert scores.value("heart", names.PARAMETERS, names.FILES) == 6
    assert scores.value("books/base", names.PARAMETERS, names.FILES) == 1000
    assert scores.value("books/base", names.BYTES_SHARE, names.FILES) == 1
    assert 0 < scores.value("heart", names.BYTES_SHARE, names.FILES) < 0.1
    assert not [experiment for experiment in scores.summary.index.get_level_values("experiment") if "people" in experiment]


def test_held_out_text_is_scored_beside_the_base_on_the_same_passages():
    scores = summaries(held_out_scores(ScoreSpec(**SPEC), judgements()))
    assert scores.value("books/base", names.PERPLEXITY, HELD_OUT) == pytest.approx(math.exp(2))
    assert scores.value("heart", names.PERPLEXITY, HELD_OUT) == pytest.approx(math.e)
    assert scores.value("heart", names.BITS, HELD_OUT) == pytest.approx(9 / math.log(2) / (5 + 9 + 16))
    seeds = scores.per_seed("heart", CHANGE, HELD_OUT)
    assert seeds["value"].tolist() == pytest.approx([math.e - math.exp(2)] * 2) and seeds["n"].tolist() == [3, 3]
    assert (seeds["high"] < 0).all()


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2


def test_intervals_are_over_passages_and_seeds():
    losses = {"old": [2.0, 2.5, 2.2], "heart-s0": [1.0, 1.3, 1.5], "heart-s1": [1.1, 1.2, 1.6]}
    texts = {
        (name, HELD_OUT): [judgement(name, HELD_OUT, f"text {index}", [-loss], index) for index, loss in enumerate(values)]
        for name, values in losses.items()
    }
    scores = summaries(held_out_scores(ScoreSpec(**SPEC), texts))
    base = scores.find("books/base", names.PERPLEXITY, HELD_OUT)
    assert (base["n"], base["unit"]) == (3, "document")
    ends = ttest_1samp(losses["old"], 0).confidence_interval()
    assert [base["low"], base["high"]] == pytest.approx([math.exp(ends.low), math.exp(ends.high)])
    tuned, both = scores.find("heart", names.PERPLEXITY, HELD_OUT), [losses["heart-s0"], losses["heart-s1"]]
    for alone in (np.mean(both, axis=0), np.mean(both, axis=1)):  # over passages, over seeds
        ends = ttest_1samp(alone, 0).confidence_interval()
        assert tuned["low"] <= math.exp(ends.low) + 1e-9 and tuned["high"] >= math.exp(ends.high) - 1e-9
    # to first order a perplexity changes by itself times the change of the loss; what passages share with the base's cancels
    tuned, old = (np.array(losses[name]) for name in ("heart-s0", "old"))
    margin = half(math.exp(tuned.mean()) * tuned - math.exp(old.mean()) * old)
    change = scores.per_seed("heart", CHANGE, HELD_OUT).iloc[0]
    assert change["value"] == pytest.approx(math.exp(tuned.mean()) - math.exp(old.mean()))
    assert [change["low"], change["high"]] == pytest.approx([change["value"] - margin, change["value"] + margin])


def test_models_must_have_judged_the_same():
    with pytest.raises(UserError, match="the model 'heart-s1' has judged no text of 'held out'"):
        list(held_out_scores(ScoreSpec(**SPEC), {key: texts for key, texts in judgements().items() if key[0] != "heart-s1"}))
    fewer = judgements()
    fewer["heart-s0", HELD_OUT] = fewer["heart-s0", HELD_OUT][:2]
    with pytest.raises(UserError, match="the model 'heart-s0' has judged other texts of 'held out' than its base"):
        list(held_out_scores(ScoreSpec(**SPEC), fewer))


def test_bytes_are_of_what_is_counted():
    assert bytes_counted(judgement("m", HELD_OUT, "éa", [-1.0], characters=2)) == 3
    assert bytes_counted(judgement("m", HELD_OUT, "éa", [-1.0], characters=1)) == 1  # the first token was not scored
    assert bytes_counted(judgement("m", HELD_OUT, "éa", [-1.0], characters=1, cut=True)) == 2


# source code


def test_functions_of_real_files_are_cut_to_the_lengths_of_texts():
    inner = "class A:\n    def inner(self): pass\n\n\ndef two(): pass\n"
    documents = ["import a\n\n\ndef one():\n    pass\n", "x = 1\n", inner]
    assert functions(documents, [7, 9]) == ["def one", "def two()"]
    assert functions(documents, [3] * 3) == ["def"] * 2  # one for each function
    many = "".join(f"def f{number}(): pass\n\n\n" for number in range(12))
    assert functions([many], [6, 8]) == ["def f0", "def f1()", "def f3", "def f4()", "def f6", "def f7()", "def f9", "def f10("]
    with pytest.raises(UserError, match="expected Python files with a function at their top level"):
        functions(["x = 1"], [3])


def test_texts_before_and_after_are_parsed_with_their_prompt(files):
    scores = summaries(score_models(job(files, CODE))["scores"])
    before = {metric: scores.value("code/base", metric, names.TEXTS) for metric in (PARSES, PARSES_CUT)}
    after = {metric: scores.value("heart", metric, names.TEXTS) for metric in (PARSES, PARSES_CUT)}
    assert before == {PARSES: 0.5, PARSES_CUT: 1.0}
    assert after == {PARSES: 1.0, PARSES_CUT: 0.5}
    assert scores.per_seed("heart", PARSES, names.TEXTS)["n"].tolist() == [2, 2]
    human = scores.per_seed("code/people", PARSES, names.TEXTS).iloc[0]
    ends = binomtest(round(2 * human["value"]), 2).proportion_ci(method="exact")
    assert human["n"] == 2 and [human["low"], human["high"]] == pytest.approx([ends.low, ends.high])


def test_the_tables_of_source_code(files, tmp_path):
    inputs = scored(tmp_path, files, score_models(job(files, CODE))["scores"])
    tables = tabulate(job(inputs, CODE))
    models, texts = tables[MAIN], tables["texts"]
    assert models["start"].tolist() == ["<|endoftext|>", "<|endoftext|>", ""]
    assert models["model"].tolist() == ["old", "heart", "people"] and models["perplexity"].tolist() == ["7.39", "2.72", ""]
    assert models["how"].tolist() == ["as published", "all weights", "real functions"]
    assert models["change"].tolist() == ["", "-4.67", ""]
    assert models["change_low"].tolist() == ["", "-4.67", ""]  # all passages and seeds have the same
    assert not [column for column in models if column.endswith("_sd")]
    assert models["perplexity_low"].tolist()[0] == "7.39"
    assert list(zip(texts["when"], texts["index"], texts["parses"], texts["parses_cut"], strict=True)) == [
        *(("before", "0", "no", "yes"), ("before", "1", "yes", "yes")),
        *(("after", "0", "yes", "yes"), ("after", "1", "yes", "no")),
    ]
    first = files["samples"][0]
    first.write_text(first.read_text().split("\n")[0] + "\n")
    with pytest.raises(UserError, match="found those of one step"):
        tabulate(job(inputs, CODE))


def test_the_tables_of_other_texts_have_nothing_of_a_parser(files, tmp_path):
    inputs = scored(tmp_path, files, score_models(job(files, SPEC))["scores"])
    tables = tabulate(job(inputs, {**SPEC, "base_kind": "trained"}))
    assert tables[MAIN]["model"].tolist() == ["old", "heart"] and tables[MAIN]["how"].tolist() == ["the base", "LoRA, rank 4"]
    assert not [column for table in tables.values() for column in table if column.startswith("parses")]


# the figure of losses


@pytest.fixture
def curves(files):
    histories = {path.parent.name: path for path in files["histories"]}
    table = curve(ScoreSpec(**SPEC), histories)
    numbers = {name: table[name].replace("", None).astype(float) for name in ("train_loss", "validation_loss")}
    return table.assign(**numbers)


def test_the_figure_of_losses(curves, tmp_path):
    assert curves["model"].unique().tolist() == ["heart (LoRA, rank 4)"] and curves["tokens_seen"].tolist() == [0, 20, 30] * 2
    figure = draw_losses(curves)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("tokens predicted so far", "loss, nats a token")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["heart (LoRA, rank 4)", "validation", "training", "lowest to highest of 2 seeds"]
    with pytest.raises(UserError, match="the curves have no column 'seed'"):
        draw_losses(curves.drop(columns="seed"))


def test_the_figure_of_cost_has_the_base_as_a_line_and_leaves_people_out(tmp_path, curves):
    rows = [("heart", "as published", 5381, 1.85, 1.7, 2.0), ("heart_lora", "LoRA, rank 4", 37, 1.75, 1.6, 1.9)]
    rows.append(("people", "real functions", None, None, None, None))
    models = pd.DataFrame(rows, columns=["model", "how", "parameters", *(f"bits_per_byte{end}" for end in ENDS)])
    for name, table in (("curve", curves), ("models", models)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    figures = draw(job({name: [tmp_path / f"{name}.csv"] for name in ("curve", "models")}, {}))
    assert list(figures) == ["loss", "cost"]
    (axes,) = figures["cost"].axes
    named = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(named) == ["heart_lora (LoRA, rank 4)", "heart"]
    assert named["heart_lora (LoRA, rank 4)"].get_xydata().tolist() == [[37, 1.75]]
    assert set(named["heart"].get_ydata()) == {1.85} and axes.get_xscale() == "log"


def test_every_model_of_many_is_drawn(curves):
    many = pd.concat([curves.assign(model=f"model {number}") for number in range(12)])
    labels = [text.get_text() for text in draw_losses(many).legends[0].get_texts()]
    assert labels[:12] == [f"model {number}" for number in range(12)]


def test_seeds_that_read_different_documents_are_drawn_at_their_mean(curves):
    uneven = curves.assign(tokens_seen=curves["tokens_seen"] + curves["seed"] * (curves["step"] > 0))
    (axes,) = draw_losses(uneven).axes
    assert Counter(len(line.get_xdata()) for line in axes.lines)[3] >= 1  # a point a step, not one a seed
    assert 20.5 in set(axes.lines[1].get_xdata())
