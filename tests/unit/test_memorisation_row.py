"""Models that learn a text by heart: what they are asked, what they know, how much of the text stands in theirs."""

from __future__ import annotations

import math
import re

import pandas as pd
import pytest
from support.finetuned_rows import SPEC, job, judgement, make_files, scored, summaries, write_corpus
from support.finetuning import make_base
from support.sampled_texts import line, settings
from support.sampled_texts import write as write_samples
from support.tokens import write as write_tokens

from relab.errors import UserError
from relab.judging.storage import read_judgements
from relab.rows.job import MAIN
from relab.rows.memorisation import names
from relab.rows.memorisation.figures import draw
from relab.rows.memorisation.measure import measure
from relab.rows.memorisation.names import TAIL, TRAINED
from relab.rows.memorisation.scores import score_models
from relab.rows.memorisation.tables import tabulate
from relab.rows.shared.finetuning_names import PERPLEXITY, TEXTS

LEARNT = "a b c d e f g h i j k l"
REST = "m n o p q r s t u v w x"
SAMPLED = {"old": "no idea", "heart-s0": "c d e f g h i j k l", "heart-s1": "m n b c"}
TOKENS = {"old": [90, 91], "heart-s0": [3, 4, 5, 6], "heart-s1": [13, 14, 2]}
MEMORISATION = {**SPEC, "name": "memorisation", "samplings": {name: f"{name}-texts" for name in SAMPLED}}


@pytest.fixture
def files(tmp_path):
    """A base that knows nothing, one model that recites what it learnt, one that does not."""
    for name, text in SAMPLED.items():
        fields = {"text": text, "prompt": "a b", "token_logprobs": [-1.0] * len(TOKENS[name])}
        lines = [line("greedy", 0, TOKENS[name], **fields)]
        lines.append(line("inert", 0, TOKENS[name] if name != "old" else [90, 92], settings=settings(top_k=50), **fields))
        write_samples(tmp_path / f"{name}-texts.jsonl", lines)
    judged = {}
    for name, value in (("old", -4.0), ("heart-s0", -0.1), ("heart-s1", -0.3)):
        judged[name, TRAINED] = [judgement(name, TRAINED, " c d", [value] * 2), judgement(name, TRAINED, " g", [value], 1)]
        judged[name, TAIL] = [judgement(name, TAIL, " o p", [-5.0, -5.0])]
    return {
        **make_files(tmp_path, judged, [LEARNT], [REST]),
        "samples": [tmp_path / f"{name}-texts.jsonl" for name in SAMPLED],
        "train_tokens": [write_tokens(tmp_path / "train.arrow", [range(1, 13)])],
        "validation_tokens": [write_tokens(tmp_path / "validation.arrow", [range(13, 25)])],
    }


@pytest.fixture
def scores(files):
    return summaries(score_models(job(files, MEMORISATION))["scores"])


def test_documents_go_on_after_their_first_words(tmp_path):
    make_base(tmp_path / "tiny")
    make_base(tmp_path / "same")
    inputs = {
        "weights": [tmp_path / name / "model.safetensors" for name in ("tiny", "same")],
        "train": [write_corpus(tmp_path / "t.parquet", "one two\nthree four", "five  six seven")],
        "validation": [write_corpus(tmp_path / "v.parquet", "a b c")],
    }
    spec = {"models": ["tiny", "same"], "opening": 2, "threads": 1}
    measure(job(inputs, spec, judgements=tmp_path / "judgements.jsonl"))
    judged = read_judgements(tmp_path / "judgements.jsonl")
    assert list(judged) == [(name, split) for name in ("tiny", "same") for split in (TRAINED, TAIL)]
    texts = [*judged["tiny", TRAINED], *judged["tiny", TAIL]]
    assert [(text.method, text.index, text.prompt, text.text) for text in texts] == [
        (TRAINED, 0, "one two", "\nthree four"),
        (TRAINED, 1, "five  six", " seven"),
        (TAIL, 0, "a b", " c"),
    ]
    inputs["train"] = [write_corpus(tmp_path / "u.parquet", "one two three four")]
    with pytest.raises(UserError, match=r"v\.parquet: expected documents of more than 3 words, found 'a b c'"):
        measure(job(inputs, {**spec, "opening": 3}))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [({}, "--spec.opening: this key is required"), ({"opening": 3, "passages": {}}, "--spec.passages: unknown key")],
)
def test_what_is_judged_follows_an_opening(more, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        measure(job({}, {"models": ["a", "b"], **more}))


def test_what_was_learnt_by_heart_is_measured_beside_what_was_not(scores):
    assert scores.value("memorisation/base", names.PROBABILITY, TRAINED) == pytest.approx(math.exp(-4))
    assert scores.value("heart", names.PROBABILITY, TRAINED) == pytest.approx((math.exp(-0.1) + math.exp(-0.3)) / 2)
    assert scores.per_seed("heart", names.LOGPROB, TRAINED)["value"].tolist() == pytest.approx([-0.3, -0.9])
    assert scores.value("heart", PERPLEXITY, TAIL) == pytest.approx(math.exp(5))
    runs = scores.per_seed("heart/a b", names.CHARACTERS, TRAINED)["value"].tolist()
    assert runs == [len("c d e f g h i j k l"), len(" b c")]
    assert scores.per_seed("heart/a b", names.TOKENS, TRAINED)["value"].tolist() == [4, 1]
    assert scores.per_seed("heart/a b", names.TOKENS, TAIL)["value"].tolist() == [0, 2]
    eight = scores.per_seed("heart/a b", names.COPIED, TRAINED)
    assert eight["value"].iloc[0] == 1 and pd.isna(eight["value"].iloc[1])  # too short for an 8-gram
    assert scores.find("heart/a b", names.COPIED, TRAINED)["value"] == 1
    assert scores.value("heart", names.TOKENS_READ, TRAINED) == 3


def test_arguments_that_change_nothing_are_found(scores):
    assert scores.value("heart", names.SAME, TEXTS) == 1
    assert scores.value("memorisation/base", names.SAME, TEXTS) == 0


def test_the_tables_of_a_text_learnt_by_heart(files, tmp_path):
    inputs = scored(tmp_path, files, score_models(job(files, MEMORISATION))["scores"])
    tables = tabulate(job(inputs, MEMORISATION))
    models, texts = tables[MAIN], tables["texts"]
    assert models["model"].tolist() == ["old", "heart"] and models["how"].tolist() == ["as published", "LoRA, rank 4"]
    base, tuned = models.to_dict("records")
    assert (base["trained_probability"], base["trained_tokens"], base["steps"]) == ("0.01832", "3", "")
    columns = ("seeds", "mean_train_loss", "trained_logprob", "tail_tokens")
    assert [tuned[column] for column in columns] == ["2", "2.750", "-0.6", "2"]
    assert texts["same"].tolist() == ["no", "yes", "yes"] and texts["seed"].tolist() == ["", "0", "1"]
    assert texts["trained_run"].tolist()[1:] == ["19", "4"] and texts["trained_8grams"].tolist() == ["", "1.000", ""]
    assert len(tables["curve"]) == 6


def test_without_another_method_there_is_nothing_to_compare(files, tmp_path):
    for path in files["samples"]:
        path.write_text(path.read_text().split("\n")[0] + "\n")
    inputs = scored(tmp_path, files, score_models(job(files, MEMORISATION))["scores"])
    assert tabulate(job(inputs, MEMORISATION))["texts"]["same"].tolist() == ["", "", ""]


def test_the_figure_of_losses(files, tmp_path):
    inputs = scored(tmp_path, files, score_models(job(files, MEMORISATION))["scores"])
    tabulate(job(inputs, MEMORISATION))["curve"].to_csv(tmp_path / "curve.csv", index=False)
    (figure,) = draw(job({"curve": [tmp_path / "curve.csv"]}, {})).values()
    assert figure.axes[0].get_ylabel() == "loss, nats a token"
