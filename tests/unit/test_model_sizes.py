"""Sizes of models: their parameters, counted on the meta device beside what a write-up reports."""

from __future__ import annotations

import pytest
from support.row_program import run_program

from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.claims.verdicts import CONTRADICTED, REPRODUCED
from relab.errors import UserError
from relab.files import read_csv
from relab.rows.job import MAIN
from relab.rows.model_sizes.counts import METRIC, SPLIT, count_parameters, sizes_table
from relab.scores import read_scores, write_scores
from relab.settings.base import spec
from relab.settings.claims import parse
from relab.settings.config import resolve
from relab.settings.sizes import Size

GPT_2 = Size(name="GPT-2", vocabulary=50257, context=1024, width=768, layers=12, heads=12)
GPT_3 = Size(name="GPT-3", vocabulary=50257, context=2048, width=12288, layers=96, heads=96)
SMALL = Size(name="small", architecture="openai-gpt", vocabulary=10, context=4, width=8, layers=1, heads=2)


def test_the_published_size_is_counted_with_tied_weights_once():
    (counted,) = count_parameters([GPT_2])
    assert counted.parameters == 124_439_808  # of the published weights
    assert counted.embeddings == 768 * (50257 + 1024)


def test_sizes_that_no_memory_would_hold_are_counted():
    (counted,) = count_parameters([GPT_3])
    width, layers = 12288, 96
    block = 12 * width**2 + 13 * width  # four projections of attention, two of eight widths; their biases; two norms
    assert counted.parameters == layers * block + 2 * width + width * (50257 + 2048)


def test_the_first_generation_has_its_own_architecture():
    (counted,) = count_parameters([SMALL])
    block = 12 * 8**2 + 13 * 8
    assert counted.parameters == block + 8 * (10 + 4)  # no norm after the last block


def test_the_table():
    table = sizes_table(count_parameters([GPT_2, SMALL]), {"GPT-2": 124})
    row = table.iloc[0]
    assert (row["name"], row["layers"], row["parameters"]) == ("GPT-2", 12, 124_439_808)
    assert (row["reported"], row["difference"]) == ("124", "+0.4")
    assert row["embedding_share"] == "0.3165"
    assert table["reported"][1] == table["difference"][1] == ""


def test_a_size_that_no_model_has_is_refused():
    with pytest.raises(UserError, match="odd: cannot be opened as a language model"):
        count_parameters([GPT_2.model_copy(update={"name": "odd", "heads": 7})])


def verdict(scores, claimed: float) -> str:
    measure = {"experiment": "parameters/GPT-2", "metric": METRIC, "split": SPLIT}
    near = {"kind": "near", "value": claimed, "tolerance": 5, "measures": [measure]}
    claim = {"row": "B7", "writeup": "generative", "says": "its size", "source": "the notebook", "comparison": near}
    return ledger(parse({"B7": claim}), {}, {"generative": Scores(scores)})["verdict"][0]


def test_the_step_writes_what_a_claim_can_be_decided_by(tmp_path, monkeypatch):
    outputs = {MAIN: tmp_path / "generations.csv", "scores": tmp_path / "generations.parquet"}
    settings = {"sizes": [spec(GPT_2), spec(SMALL)], "reported": {"GPT-2": 124}}
    run_program(monkeypatch, "model_sizes.counts.tabulate", {}, outputs, settings, tmp_path / "p.json")
    assert read_csv(outputs[MAIN])["name"].to_list() == ["GPT-2", "small"]
    scores = read_scores(outputs["scores"])
    assert verdict(scores, 124) == REPRODUCED
    doctored = scores.assign(**{name: scores[name] * 2 for name in ("value", "low", "high")})
    write_scores(tmp_path / "doctored.parquet", doctored.to_dict("records"))
    assert verdict(read_scores(tmp_path / "doctored.parquet"), 124) == CONTRADICTED


def test_reported_figures_are_those_of_the_sizes_that_are_shown(merged):
    raw = merged()
    raw["rows"]["B7"]["sizes"] = [spec(GPT_2), spec(GPT_3.model_copy(update={"name": "GPT-3 (its largest)"}))]
    raw["chapters"] = {"mine": {"title": "Mine"}}
    raw["rows"]["sizes"] = {**raw["rows"]["B7"], "name": "sizes", "chapter": "mine", "title": "Sizes", "text": "Counted."}
    resolved = resolve(raw)
    specs = {}
    for key in ("B7", "sizes"):
        row = resolved.declared_rows[key]
        specs[key] = row.settings.spec("tabulate", row.paths, resolved.artefacts)
    assert specs["B7"]["reported"] == {"GPT-3 (its largest)": 175000}
    assert specs["sizes"] == {**specs["B7"], "reported": {}}  # no write-up reports what a user counts
