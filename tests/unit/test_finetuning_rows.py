"""Rows of finetuned models beside their base: what is read, scores, tables, figures, learning rates, parameters by module."""

from __future__ import annotations

import json
import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from scipy.stats import binomtest, ttest_1samp
from support.losses import DROPOUT, save_losses
from support.sampled_texts import line, settings
from support.sampled_texts import write as write_samples
from support.tiny_gpt2 import FOLDER, tokenizer

from relab.chapters.finetuning import names, parameters
from relab.chapters.finetuning.figure import draw_losses, draw_rates
from relab.chapters.finetuning.names import HELD_OUT, TAIL, TRAINED, RatesSpec, ReadSpec, ScoreSpec, TableSpec
from relab.chapters.finetuning.rates import AFTER, rates_scores, rates_table
from relab.chapters.finetuning.reading import asked, read_by, spread
from relab.chapters.finetuning.scores import (
    Files,
    bytes_counted,
    code_scores,
    functions,
    held_out_scores,
    learning_scores,
    mean_loss,
    recital_scores,
)
from relab.chapters.finetuning.tables import curve, models_table, recital_texts, texts_table
from relab.checkpoints import load_model
from relab.corpora.storage import Writer
from relab.errors import UserError
from relab.files import write_csv
from relab.judging.storage import Judgement, read_judgements, write_judgements
from relab.metrics.copying import CopiedEightGrams
from relab.metrics.parsing import ParsedShare
from relab.scores import SCHEMA, Summaries, with_summary
from relab.settings.chapters import AdapterSize, Passages
from relab.settings.config import resolve
from relab.settings.provide import finetuned_rows, provide
from relab.texts.samples import read_samplings
from relab.training.history import COLUMNS

MODELS = {"heart-s0": {"experiment": "heart", "seed": 0}, "heart-s1": {"experiment": "heart", "seed": 1}}
SPEC = {"role": "books", "base": "old", "models": MODELS, "order": list(MODELS)}
LORA = {"kind": "lora", "rank": 4, "targets": ["q_proj"]}
DATA = {"train": "a", "validation": "b"}


def corpus(path, *texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    with Writer(path) as writer:
        for text in texts:
            writer.add(text)
    return path


def judgement(source, method, text, logprobs, index=0, **more):
    told = {"prompt": "", "prompt_index": 0, "tokens": len(logprobs), "characters": len(text), "cut": False}
    told |= {"start": "<|endoftext|>", **more}
    return Judgement(source=source, method=method, index=index, text=text, logprobs=logprobs, **told)


def summaries(rows):
    return Summaries(pd.DataFrame(with_summary(rows), columns=SCHEMA.names), "scores.parquet")


@pytest.fixture
def files(tmp_path):
    """What two trainings leave behind, and the weights of base and adapters."""
    for name, shift in (("heart-s0", 0.0), ("heart-s1", 0.5)):
        rows = [
            [0, 0, None, 4.0 + shift, None, 2.0, False, 0.01],
            [2, 20, 3.0 + shift, 3.0 + shift, 1.5, 1.5, False, 0.005],
            [3, 30, 1.5 + shift, 2.0 + shift, 0.7, 1.0, False, 0.0],
        ]
        write_csv(tmp_path / name / "history.csv", pd.DataFrame(rows, columns=COLUMNS))
        save_losses(tmp_path / name / "history.csv")
        lines = [
            json.dumps({"step": step, "index": index, "prompt": "def f():", "text": text})
            for step, texts in ((0, ["\n  return 1\nde f", " 1"]), (3, ["\n  return 2\n", "\n  return"]))
            for index, text in enumerate(texts)
        ]
        (tmp_path / name / "samples.jsonl").write_text("\n".join(lines) + "\n")
        save_file({"lora_A": torch.zeros(2, 3)}, tmp_path / name / "adapter_model.safetensors")
    (tmp_path / "old").mkdir()
    save_file({"a": torch.zeros(50, 20)}, tmp_path / "old" / "model.safetensors")
    return Files(
        histories={name: tmp_path / name / "history.csv" for name in MODELS},
        losses={name: tmp_path / name / "losses.parquet" for name in MODELS},
        samples={name: tmp_path / name / "samples.jsonl" for name in MODELS},
        weights={"old": tmp_path / "old" / "model.safetensors"}
        | {name: tmp_path / name / "adapter_model.safetensors" for name in MODELS},
    )


# what is read


def numbered(document: int, lines: int) -> str:
    return "\n".join(f"{document}.{line} is a line" for line in range(lines))


def test_each_passage_is_of_another_document_and_begins_where_a_line_does(tmp_path):
    path = corpus(tmp_path / "v.parquet", *(numbered(document, 400 if document == 3 else 20) for document in range(9)))
    found = spread(path, Passages(number=4, characters=30))
    assert [one.split(".")[0] for one in found] == ["1", "3", "5", "7"]  # the long one has no more of them than others
    for passage in found:
        first, *_, last = passage.split()
        assert len(passage) <= 30 and re.fullmatch(r"\d\.\d+", first) and re.fullmatch(r"is|a|line|\d\.\d+", last)
    assert spread(path, Passages(number=4, characters=30)) == found


def test_passages_begin_anywhere_in_their_documents(tmp_path):
    path = corpus(tmp_path / "v.parquet", *(numbered(document, 100) for document in range(40)))
    lines = [int(one.split()[0].split(".")[1]) for one in spread(path, Passages(number=40, characters=30))]
    quarters = Counter(line // 25 for line in lines)
    assert sorted(quarters) == [0, 1, 2, 3] and max(quarters.values()) <= 12


def test_a_document_shorter_than_a_passage_is_one_and_an_empty_one_is_none(tmp_path):
    path = corpus(tmp_path / "w.parquet", "a b", " \n", " c d\n\n")
    assert spread(path, Passages(number=2, characters=99)) == ["a b", "c d"]
    assert spread(path, Passages(number=2, characters=2)) == ["a", "c"]
    with pytest.raises(UserError, match="w.parquet: expected 3 documents, one a passage, found 2: ask for fewer, or"):
        spread(path, Passages(number=3, characters=99))


def test_a_text_learnt_by_heart_is_read_after_its_first_words(tmp_path):
    train = corpus(tmp_path / "t.parquet", "one two\nthree four", "five  six seven")
    tail = corpus(tmp_path / "v.parquet", "a b c")
    rows = asked(train, tail, None, 2)
    assert [(one["method"], one["index"], one["prompt"], one["text"]) for one in rows] == [
        (TRAINED, 0, "one two", "\nthree four"),
        (TRAINED, 1, "five  six", " seven"),
        (TAIL, 0, "a b", " c"),
    ]
    with pytest.raises(UserError, match=r"v\.parquet: expected documents of more than 3 words, found 'a b c'"):
        asked(corpus(tmp_path / "u.parquet", "one two three four"), tail, None, 3)


def test_a_model_reads_what_it_is_asked(tmp_path):
    model = load_model(FOLDER, torch.device("cpu"))
    splits = corpus(tmp_path / "t.parquet", "x"), corpus(tmp_path / "v.parquet", "the merchant\nof Syracuse")
    rows = asked(*splits, Passages(number=1, characters=99), None)
    found = list(read_by(model, tokenizer(), "tiny", rows))
    write_judgements(tmp_path / "r.jsonl", found)
    assert list(read_judgements(tmp_path / "r.jsonl")) == [("tiny", HELD_OUT)]
    assert (found[0].text, found[0].characters) == ("the merchant\nof Syracuse", 24)


def test_what_is_read_is_passages_or_a_text_learnt_by_heart():
    with pytest.raises(ValidationError, match="expected passages or opening, and not both"):
        ReadSpec(models=["a", "b"])
    with pytest.raises(ValidationError, match="expected passages or opening, and not both"):
        ReadSpec(models=["a", "b"], opening=3, passages={"number": 1, "characters": 9})


# scores


def test_the_mean_training_loss_is_that_of_all_steps(files):
    history = pd.DataFrame({"step": [0, 2, 3], "train_loss": [None, 3.0, 1.5]}).set_index("step")
    assert mean_loss(history) == pytest.approx((3 + 3 + 1.5) / 3)
    scores = summaries(learning_scores(ScoreSpec(**SPEC), files, DATA))
    assert scores.value("heart", names.MEAN_LOSS, "train") == pytest.approx((2.5 + 3.0) / 2)
    assert scores.value("heart", "final loss") == pytest.approx(2.25)
    assert scores.value("heart", "final loss", "train") == pytest.approx(1.75 - DROPOUT)
    assert scores.find("heart", names.MEAN_LOSS, "train")["unit"] == "seed"  # what training itself saw
    assert scores.value("heart", names.TOKENS_SEEN, "train") == 30
    assert scores.value("heart", names.PARAMETERS, names.FILES) == 6
    assert scores.value("books/base", names.PARAMETERS, names.FILES) == 1000
    assert scores.value("books/base", names.BYTES_SHARE, names.FILES) == 1
    assert 0 < scores.value("heart", names.BYTES_SHARE, names.FILES) < 0.1


def readings(tuned=-1.0):
    texts = ["wörd", "two words", "three words here"]
    return {
        (name, HELD_OUT): [judgement(name, HELD_OUT, text, [value] * 3, index) for index, text in enumerate(texts)]
        for name, value in (("old", -2.0), ("heart-s0", tuned), ("heart-s1", tuned))
    }


def test_held_out_text_is_scored_beside_the_base_on_the_same_passages():
    scores = summaries(held_out_scores(ScoreSpec(**SPEC), readings()))
    assert scores.value("books/base", names.PERPLEXITY, HELD_OUT) == pytest.approx(math.exp(2))
    assert scores.value("heart", names.PERPLEXITY, HELD_OUT) == pytest.approx(math.e)
    assert scores.value("heart", names.BITS, HELD_OUT) == pytest.approx(9 / math.log(2) / (5 + 9 + 16))
    own = scores.per_seed("heart", names.CHANGE, HELD_OUT)
    assert own["value"].tolist() == pytest.approx([math.e - math.exp(2)] * 2) and own["n"].tolist() == [3, 3]
    assert (own["high"] < 0).all()


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2


def test_intervals_are_over_passages_and_seeds():
    losses = {"old": [2.0, 2.5, 2.2], "heart-s0": [1.0, 1.3, 1.5], "heart-s1": [1.1, 1.2, 1.6]}
    read = {
        (name, HELD_OUT): [judgement(name, HELD_OUT, f"text {index}", [-loss], index) for index, loss in enumerate(values)]
        for name, values in losses.items()
    }
    scores = summaries(held_out_scores(ScoreSpec(**SPEC), read))
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
    change = scores.per_seed("heart", names.CHANGE, HELD_OUT).iloc[0]
    assert change["value"] == pytest.approx(math.exp(tuned.mean()) - math.exp(old.mean()))
    assert [change["low"], change["high"]] == pytest.approx([change["value"] - margin, change["value"] + margin])


def test_models_must_have_read_the_same():
    with pytest.raises(UserError, match="the model 'heart-s1' has read nothing of 'held out'"):
        list(held_out_scores(ScoreSpec(**SPEC), {key: one for key, one in readings().items() if key[0] != "heart-s1"}))
    other = readings()
    other["heart-s0", HELD_OUT] = other["heart-s0", HELD_OUT][:2]
    with pytest.raises(UserError, match="the model 'heart-s0' has read other texts of 'held out' than its base"):
        list(held_out_scores(ScoreSpec(**SPEC), other))


def test_bytes_are_of_what_is_counted():
    assert bytes_counted(judgement("m", HELD_OUT, "éa", [-1.0], characters=2)) == 3
    assert bytes_counted(judgement("m", HELD_OUT, "éa", [-1.0], characters=1)) == 1  # the first token was not scored
    assert bytes_counted(judgement("m", HELD_OUT, "éa", [-1.0], characters=1, cut=True)) == 2


class Ids:
    """Token ids of a split as the scores read them."""

    def __init__(self, *documents):
        self._documents = [torch.tensor(one).numpy() for one in documents]

    def __len__(self):
        return len(self._documents)

    def document(self, number):
        return self._documents[number]


LEARNT = "a b c d e f g h i j k l"
REST = "m n o p q r s t u v w x"


@pytest.fixture
def recital(tmp_path, files):
    """A base that knows nothing, one model that recites what it learnt, one that does not."""
    texts = {"old": "no idea", "heart-s0": "c d e f g h i j k l", "heart-s1": "m n b c"}
    ids = {"old": [90, 91], "heart-s0": [3, 4, 5, 6], "heart-s1": [13, 14, 2]}
    samplings = {}
    for name, text in texts.items():
        told = {"text": text, "prompt": "a b", "token_logprobs": [-1.0] * len(ids[name])}
        lines = [line("greedy", 0, ids[name], **told)]
        lines.append(line("inert", 0, ids[name] if name != "old" else [90, 92], settings=settings(top_k=50), **told))
        write_samples(tmp_path / f"{name}-texts.jsonl", lines)
        samplings[name] = f"{name}-texts"
    found = {}
    for name, value in (("old", -4.0), ("heart-s0", -0.1), ("heart-s1", -0.3)):
        found[name, TRAINED] = [judgement(name, TRAINED, " c d", [value] * 2), judgement(name, TRAINED, " g", [value], 1)]
        found[name, TAIL] = [judgement(name, TAIL, " o p", [-5.0, -5.0])]
    spec = ScoreSpec(**{**SPEC, "role": "recital"}, samplings=samplings)
    paths = [tmp_path / f"{one}.jsonl" for one in samplings.values()]
    by_model = dict(zip(samplings, read_samplings(paths, list(samplings.values())), strict=True))
    documents = {TRAINED: [LEARNT], TAIL: [REST]}
    tokens = {TRAINED: Ids(range(1, 13)), TAIL: Ids(range(13, 25))}
    metrics = {names.COPIED: CopiedEightGrams(keep_in_memory=True, cache_dir=str(tmp_path))}
    rows = [*learning_scores(spec, files, DATA), *recital_scores(spec, found, by_model, documents, tokens, metrics)]
    return spec, summaries(rows), by_model, found


def test_what_was_learnt_by_heart_is_measured_beside_what_was_not(recital):
    _, scores, *_ = recital
    assert scores.value("recital/base", names.PROBABILITY, TRAINED) == pytest.approx(math.exp(-4))
    assert scores.value("heart", names.PROBABILITY, TRAINED) == pytest.approx((math.exp(-0.1) + math.exp(-0.3)) / 2)
    assert scores.per_seed("heart", names.LOGPROB, TRAINED)["value"].tolist() == pytest.approx([-0.3, -0.9])
    assert scores.value("heart", names.PERPLEXITY, TAIL) == pytest.approx(math.exp(5))
    learnt = scores.per_seed("heart/a b", names.CHARACTERS, TRAINED)["value"].tolist()
    assert learnt == [len("c d e f g h i j k l"), len(" b c")]
    assert scores.per_seed("heart/a b", names.TOKENS, TRAINED)["value"].tolist() == [4, 1]
    assert scores.per_seed("heart/a b", names.TOKENS, TAIL)["value"].tolist() == [0, 2]
    eight = scores.per_seed("heart/a b", names.COPIED, TRAINED)
    assert eight["value"].iloc[0] == 1 and pd.isna(eight["value"].iloc[1])  # too short for an 8-gram
    assert scores.find("heart/a b", names.COPIED, TRAINED)["value"] == 1
    assert scores.value("heart", names.TOKENS_READ, TRAINED) == 3


def test_arguments_that_change_nothing_are_found(recital):
    _, scores, *_ = recital
    assert scores.value("heart", names.SAME, names.TEXTS) == 1
    assert scores.value("recital/base", names.SAME, names.TEXTS) == 0


def test_the_tables_of_a_text_learnt_by_heart(recital):
    spec, scores, samplings, found = recital
    spec = TableSpec(**spec.model_dump(), adaptations=dict.fromkeys(MODELS, LORA))
    models = models_table(spec, scores, found)
    assert models["model"].tolist() == ["old", "heart"] and models["how"].tolist() == ["as published", "LoRA, rank 4"]
    base, tuned = models.to_dict("records")
    assert (base["trained_probability"], base["trained_tokens"], base["steps"]) == ("0.01832", "3", "")
    told = ("seeds", "mean_train_loss", "trained_logprob", "tail_tokens")
    assert [tuned[column] for column in told] == ["2", "2.750", "-0.6", "2"]
    texts = recital_texts(spec, scores, samplings)
    assert texts["same"].tolist() == ["no", "yes", "yes"] and texts["seed"].tolist() == ["", "0", "1"]
    assert texts["trained_run"].tolist()[1:] == ["19", "4"] and texts["trained_8grams"].tolist() == ["", "1.000", ""]


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


@pytest.fixture
def code(tmp_path, files):
    spec = ScoreSpec(**{**SPEC, "role": "code"})
    metrics = {names.PARSES: ParsedShare(keep_in_memory=True, cache_dir=str(tmp_path))}
    documents = ["def g():\n  return 1\n\n\nclass", "def h(a, b): return a\nb"]
    rows = [*learning_scores(spec, files, DATA), *held_out_scores(spec, readings())]
    return spec, summaries([*rows, *code_scores(spec, files.samples, documents, metrics)])


def test_texts_before_and_after_are_parsed_with_their_prompt(code):
    _, scores = code
    before = {metric: scores.value("code/base", metric, names.TEXTS) for metric in (names.PARSES, names.PARSES_CUT)}
    after = {metric: scores.value("heart", metric, names.TEXTS) for metric in (names.PARSES, names.PARSES_CUT)}
    assert before == {names.PARSES: 0.5, names.PARSES_CUT: 1.0}
    assert after == {names.PARSES: 1.0, names.PARSES_CUT: 0.5}
    assert scores.per_seed("heart", names.PARSES, names.TEXTS)["n"].tolist() == [2, 2]
    people = scores.per_seed("code/people", names.PARSES, names.TEXTS).iloc[0]
    ends = binomtest(round(2 * people["value"]), 2).proportion_ci(method="exact")
    assert people["n"] == 2 and [people["low"], people["high"]] == pytest.approx([ends.low, ends.high])


def test_the_tables_of_source_code(code, files):
    spec, scores = code
    spec = TableSpec(**spec.model_dump(), adaptations=dict.fromkeys(MODELS, {"kind": "full"}))
    models = models_table(spec, scores, readings())
    assert models["start"].tolist() == ["<|endoftext|>", "<|endoftext|>", ""]
    assert models["model"].tolist() == ["old", "heart", "people"] and models["perplexity"].tolist() == ["7.39", "2.72", ""]
    assert models["change"].tolist() == ["", "-4.67", ""]
    assert models["change_low"].tolist() == ["", "-4.67", ""]  # all passages and seeds have the same
    assert not [column for column in models if column.endswith("_sd")]
    assert models["perplexity_low"].tolist()[0] == "7.39"
    texts = texts_table(spec, files.samples)
    assert list(zip(texts["when"], texts["index"], texts["parses"], texts["parses_cut"], strict=True)) == [
        *(("before", "0", "no", "yes"), ("before", "1", "yes", "yes")),
        *(("after", "0", "yes", "yes"), ("after", "1", "yes", "no")),
    ]
    (files.samples["heart-s0"]).write_text((files.samples["heart-s0"]).read_text().split("\n")[0] + "\n")
    with pytest.raises(UserError, match="found those of one step"):
        texts_table(spec, files.samples)


# figures and learning rates


@pytest.fixture
def curves(files):
    spec = TableSpec(**SPEC, adaptations={"heart-s0": LORA, "heart-s1": LORA})
    found = curve(spec, files.histories)
    numbers = {name: found[name].replace("", None).astype(float) for name in ("train_loss", "validation_loss")}
    return found.assign(**numbers)


def test_the_figure_of_losses(curves):
    assert curves["model"].unique().tolist() == ["heart (LoRA, rank 4)"] and curves["tokens_seen"].tolist() == [0, 20, 30] * 2
    figure = draw_losses(curves)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("tokens predicted so far", "loss, nats a token")
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["heart (LoRA, rank 4)", "validation", "training", "lowest to highest of 2 seeds"]
    with pytest.raises(UserError, match="the curves have no column 'seed'"):
        draw_losses(curves.drop(columns="seed"))


def test_seeds_that_read_different_documents_are_drawn_at_their_mean(curves):
    uneven = curves.assign(tokens_seen=curves["tokens_seen"] + curves["seed"] * (curves["step"] > 0))
    (axes,) = draw_losses(uneven).axes
    assert Counter(len(one.get_xdata()) for one in axes.lines)[3] >= 1  # a place a step, not one a seed
    assert 20.5 in set(axes.lines[1].get_xdata())


RATES = {
    "training": {
        "steps": 8, "batch": 1, "learning_rate": 0.1, "evaluation": {"every": 1, "blocks": 1},
        "schedule": {"kind": "linear", "warmup": 2},
    },
    "sheet": {"kind": "linear", "warmup": 2, "decay_steps": -1},
}  # fmt: skip


def test_the_sheets_rate_is_nothing_after_warm_up():
    rates = rates_table(RatesSpec(**RATES))
    assert rates["sheet"].astype(float).tolist() == pytest.approx([0, 0.05, *[0.0] * 6])
    meant = [0, 0.05, *(0.1 * left / 6 for left in range(6, 0, -1))]
    assert rates["meant"].astype(float).tolist() == pytest.approx(meant, rel=1e-5)
    scores = summaries(rates_scores(RatesSpec(**RATES), rates))
    assert (scores.value("code/sheet", AFTER, "schedule"), scores.value("code/meant", AFTER, "schedule")) == (0, 1)


def test_the_sheets_rate_is_that_of_transformers_own_schedule():
    from transformers import get_linear_schedule_with_warmup

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=2, num_training_steps=-1)
    expected = []
    for _ in range(8):
        expected.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates_table(RatesSpec(**RATES))["sheet"].astype(float).tolist() == pytest.approx(expected)


def test_the_figure_of_learning_rates():
    rates = rates_table(RatesSpec(**RATES)).astype(float)
    (axes,) = draw_rates(rates).axes
    assert [line.get_ydata().max() for line in axes.lines] == pytest.approx([0.1, 0.05])
    with pytest.raises(UserError, match="the learning rates have no row"):
        draw_rates(rates[:0])


# parameters


def size(**more):
    told = {"vocabulary": 50272, "context": 2048, "width": 768, "feed_forward": 3072, "layers": 12, "heads": 12}
    adaptation = {"kind": "lora", "rank": 16, "alpha": 32, "dropout": 0.05, "targets": ["q_proj", "v_proj"]}
    return AdapterSize(**{"name": "OPT-125M", "adaptation": adaptation, **told, **more})


def test_the_write_ups_adapter_has_589824_parameters():
    tensors, total = parameters.counted(size())
    assert sum(map(math.prod, tensors.values())) == 589_824
    assert 589_824 / total == pytest.approx(0.00469, abs=5e-6)
    table = parameters.parameters_table({"OPT-125M": (tensors, total)}).set_index("module")
    module = "model.decoder.layers.*.self_attn.q_proj.lora_A"
    assert table.loc[module, ["shape", "number", "parameters"]].tolist() == ["16 × 768", 12, 147_456]
    assert table.loc[parameters.ALL, ["parameters", "share"]].tolist() == [589_824, "0.00469"]


def test_a_layer_that_the_architecture_lacks_is_told():
    lora = {"kind": "lora", "targets": ["c_attn"]}
    with pytest.raises(UserError, match="OPT-125M: .*c_attn"):
        parameters.counted(size(layers=1, width=12, heads=2, feed_forward=4, vocabulary=9, context=8, adaptation=lora))


def test_parameters_of_files_are_counted_by_module_and_beside_the_base(tmp_path):
    paths = {}
    for name, tensors in {
        "old": {"h.0.w.weight": torch.zeros(3, 4), "h.1.w.weight": torch.zeros(3, 4), "b": torch.zeros(6)},
        "thin": {f"base_model.model.h.{block}.w.lora_A.weight": torch.zeros(1, 4) for block in (0, 1)},
    }.items():
        (tmp_path / name).mkdir()
        paths[name] = tmp_path / name / "w.safetensors"
        save_file(tensors, paths[name])
    spec = names.AdaptersSpec(base="old", models={"thin": {"experiment": "thin", "seed": 0}}, order=["thin"])
    found = parameters.totals(spec, paths, {"thin"})
    assert found == {"thin": ({f"base_model.model.h.{block}.w.lora_A.weight": (1, 4) for block in (0, 1)}, 30 + 8)}
    table = parameters.parameters_table(found)
    rows = [["h.*.w.lora_A", "1 × 4", 2], [parameters.ALL, "", 2]]
    assert table.values.tolist() == [["thin", *row, 8, "0.21053"] for row in rows]
    scores = summaries(parameters.parameters_scores(found))
    assert scores.value("parameters/thin", parameters.TRAINED, parameters.SPLIT) == 8
    (tmp_path / "no.safetensors").write_text("no")
    with pytest.raises(UserError, match="expected weights in safetensors"):
        parameters.stored(tmp_path / "no.safetensors")


# settings


@pytest.mark.parametrize("overlays", [(), ("config/full.yaml",), ("tests/config/tiny.yaml",)])
def test_the_rows_are_the_same_at_every_scale(merged, overlays):
    resolved = resolve(merged(*overlays))
    assert list(finetuned_rows(resolved)) == [
        *(("generative", "recital"), ("generative", "adapters"), ("gpt2_lab", "code"), ("gpt2_lab", "books"))
    ]
    for writeup, role in finetuned_rows(resolved):
        read = json.loads(provide(resolved, "read_passages", {"writeup": writeup, "role": role}))
        told = json.loads(provide(resolved, "tabulate_finetuning", {"writeup": writeup, "role": role}))
        assert read["models"] == [told["base"], *told["order"]] and set(read["models"]) <= set(resolved.needed["models"])
        assert TableSpec(**told).experiments.keys() == set(finetuned_rows(resolved)[writeup, role].models)
    assert "recital" in resolved.needed["corpora"] and "recital-full-s0-texts" in resolved.needed["samplings"]


def test_full_scale_has_the_write_ups_settings(merged):
    models = {name: member.settings for name, member in resolve(merged("config/full.yaml")).models.items()}
    short = models["recital-full-s0"]
    assert (short.base, short.block, short.training.steps, short.training.batch) == ("gpt2", 128, 50, 2)
    assert (short.training.learning_rate, short.training.keep, short.training.reading) == (1e-3, "last", "documents")
    lora = models["quotes_lora-s0"]
    told = lora.adaptation.model_dump()
    assert told == {
        **{"kind": "lora", "rank": 16, "alpha": 32, "dropout": 0.05, "targets": ["q_proj", "v_proj"], "bias": "none"}
    }
    training = lora.training
    assert (training.batch, training.accumulation, training.steps, training.learning_rate) == (4, 4, 200, 2e-4)
    assert (training.schedule.kind, training.schedule.warmup, training.samples.length) == ("linear", 100, 50)
    code = models["code-s0"]
    assert (code.adaptation.kind, code.block, code.training.batch, code.training.learning_rate) == ("full", 128, 8, 3e-5)
    assert (code.training.schedule.warmup, code.training.schedule.decay_steps) == (500, None)


ROW = "chapters/generative/adapters"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (f"{ROW}/models", ["quotes"], "chapters.generative.adapters.models: 'quotes' is not among the models; did you"),
        (f"{ROW}/models", ["smollm2"], "chapters.generative.adapters.models: 'smollm2' is of the kind published, expected"),
        (f"{ROW}/models", ["code", "quotes_lora"], "chapters.generative.adapters.models: expected models of one corpus, found"),
        (f"{ROW}/models", ["recital_lora"], "models.recital-lora-s0.training.samples: required, since chapters.generative.ada"),
        ("models/quotes_lora/base", "stories-s0", "chapters.generative.adapters.models: expected models of one base, found"),
        (
            "models/books/training/keep",
            "best",
            "models.books.training.keep: expected last, found best, since chapters.gpt2",
        ),
        ("models/quotes_full/training/early_stopping", 2, "models.quotes_full.training.early_stopping: expected none, found 2"),
        ("models/code/training/schedule", {"kind": "plateau"}, "models.code.training.schedule.kind: expected constant, linear"),
        ("models/books/sweep", {"block": [8, 16]}, "models that differ in their seed alone, found books-8, books-16"),
        ("chapters/generative/recital/texts", "arguments", "recital.texts: expected a sampling of each of recital-full-s0,"),
        ("chapters/generative/recital/texts", "text", "chapters.generative.recital.texts: 'text' is not among the samplings"),
    ],
)
def test_rows_that_cannot_be_shown_are_refused(merged, path, value, sentence):
    raw = merged()
    *parents, leaf = path.split("/")
    place = raw
    for parent in parents:
        place = place[parent]
    place[leaf] = value
    if leaf == "sweep":
        place["name"] = "books-{block}"
    with pytest.raises(UserError, match=re.escape(sentence)):
        resolve(raw)
