"""B7: sizes of the GPT generations, counted on the meta device."""

from __future__ import annotations

import runpy
import sys

import pytest

from relab.chapters.generative.generations import METRIC, SPLIT, count, generations_table
from relab.claims.comparisons import CONTRADICTED, REPRODUCED
from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.errors import UserError
from relab.files import read_csv
from relab.scores import read_scores, write_scores
from relab.settings.base import canonical, spec
from relab.settings.chapters import ReportedSize
from relab.settings.claims import parse

GPT_2 = ReportedSize(name="GPT-2", vocabulary=50257, context=1024, width=768, layers=12, heads=12, reported=124)
GPT_3 = ReportedSize(name="GPT-3", vocabulary=50257, context=2048, width=12288, layers=96, heads=96)
SMALL = ReportedSize(name="small", architecture="openai-gpt", vocabulary=10, context=4, width=8, layers=1, heads=2)


def test_the_published_size_is_counted_with_tied_weights_once():
    (one,) = count([GPT_2])
    assert one.parameters == 124_439_808  # of the published weights
    assert one.embeddings == 768 * (50257 + 1024)


def test_sizes_that_no_memory_would_hold_are_counted():
    (one,) = count([GPT_3])
    width, layers = 12288, 96
    block = 12 * width**2 + 13 * width  # four projections of attention, two of eight widths; their biases; two norms
    assert one.parameters == layers * block + 2 * width + width * (50257 + 2048)


def test_the_first_generation_has_its_own_architecture():
    (one,) = count([SMALL])
    block = 12 * 8**2 + 13 * 8
    assert one.parameters == block + 8 * (10 + 4)  # no norm after the last block


def test_the_table():
    table = generations_table(count([GPT_2, SMALL]))
    row = table.iloc[0]
    assert (row["name"], row["layers"], row["parameters"]) == ("GPT-2", 12, 124_439_808)
    assert (row["reported"], row["difference"]) == ("124", "+0.4")
    assert row["embedding_share"] == "0.3165"
    assert table["reported"][1] == table["difference"][1] == ""


def test_a_size_that_no_model_has_is_refused():
    with pytest.raises(UserError, match="odd: cannot be opened as a language model"):
        count([GPT_2.model_copy(update={"name": "odd", "heads": 7})])


def verdict(scores, claimed: float) -> str:
    measure = {"experiment": "parameters/GPT-2", "metric": METRIC, "split": SPLIT}
    near = {"kind": "near", "value": claimed, "tolerance": 5, "measures": [measure]}
    claim = {"row": "B7", "writeup": "generative", "says": "its size", "source": "the notebook", "comparison": near}
    return ledger(parse({"B7": claim}), {}, {"generative": Scores(scores, "scores")})["verdict"][0]


def test_the_program_writes_what_a_claim_can_be_decided_by(tmp_path, checkout, monkeypatch):
    words = {
        "--output": tmp_path / "generations.csv",
        "--scores": tmp_path / "generations.parquet",
        "--provenance": tmp_path / "p.json",
        "--spec": canonical({"generations": [spec(GPT_2), spec(SMALL)]}),
    }
    monkeypatch.setattr(sys, "argv", ["tabulate_generations.py", *(str(word) for pair in words.items() for word in pair)])
    runpy.run_path(str(checkout / "scripts" / "tabulate_generations.py"), run_name="__main__")
    assert read_csv(tmp_path / "generations.csv")["name"].to_list() == ["GPT-2", "small"]
    scores = read_scores(tmp_path / "generations.parquet")
    assert verdict(scores, 124) == REPRODUCED
    doctored = scores.assign(**{name: scores[name] * 2 for name in ("value", "low", "high")})
    write_scores(tmp_path / "doctored.parquet", doctored.to_dict("records"))
    assert verdict(read_scores(tmp_path / "doctored.parquet"), 124) == CONTRADICTED
