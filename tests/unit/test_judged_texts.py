"""Judged texts, from files that were made up: judgements, scores, tables of perplexities, of diversity and of examples."""

from __future__ import annotations

import json
import math
import re

import pandas as pd
import pytest
from support.judged_texts import GRID, SPEC, START, TABLES, Steps, make_files

from relab.corpora.storage import Writer
from relab.errors import UserError
from relab.files import read_csv
from relab.judging.names import HUMAN
from relab.judging.storage import Judgement, read_judgements
from relab.rows.judged_texts.names import TableSpec
from relab.rows.judged_texts.tables import accounts_table, examples_table, grid_table, temperature_table
from relab.scores import SCHEMA, Summaries
from relab.settings.base import check
from relab.texts.samples import read_samplings


@pytest.fixture
def folder(tmp_path):
    return make_files(tmp_path)


@pytest.fixture
def steps(folder, monkeypatch):
    return Steps(folder, monkeypatch)


@pytest.fixture
def validation(tmp_path):
    path = tmp_path / "words.parquet"
    with Writer(path) as writer:
        for number in range(10):
            writer.add(f" {number} " + "word " * number)  # 1 + 5 a number of characters, but for blanks around
    return path


def test_samples_and_human_texts_are_judged_and_the_bytes_are_the_same(steps, folder, validation, capsys):
    written = []
    for name in ("one", "two"):
        steps.measure(folder / f"{name}.jsonl", {"samplings": ["grid"], "human": 3, "threads": 1}, human=validation)
        written.append((folder / f"{name}.jsonl").read_bytes())
    assert written[0] == written[1] and "19 texts" in capsys.readouterr().out
    found = read_judgements(folder / "one.jsonl")
    # as long as the sampled texts of 20 to 22 characters, of which documents of up to three words are too short
    texts = [one.text for one in found[HUMAN, HUMAN]]
    assert len(texts) == 3 and all(re.fullmatch(r"[4-9]( word){3,4}", one) for one in texts)
    assert isinstance(found["grid", "T 1, k 3"][0], Judgement)
    record = json.loads((folder / "measure.judge.json").read_text())
    assert len(record["inputs"]) == 3 and record["device"] == "cpu"


def test_without_human_texts_the_samples_alone_are_judged(steps, folder):
    steps.measure(folder / "o.jsonl", {"samplings": ["grid"]})
    assert {source for source, _ in read_judgements(folder / "o.jsonl")} == {"grid"}


def test_human_texts_that_are_asked_for_want_a_file(steps, folder):
    with pytest.raises(SystemExit, match="--input human: expected one file, found 0"):
        steps.measure(folder / "o.jsonl", {"samplings": ["grid"], "human": 3})


def test_figures_of_a_method_and_of_humans(steps):
    grid = read_csv(steps.tables()["grid"], dtype=str).fillna("").set_index(["source", "method"])
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
    human = grid.loc[("People", "human")]
    assert (human["perplexity"], human["texts"]) == (f"{math.exp(0.5):.2f}", "2")


def test_how_varied_texts_are_and_how_they_end(steps):
    table = read_csv(steps.tables()["diversity"], dtype=str).fillna("")
    assert table["method"].tolist() == [*GRID, HUMAN]
    table = table.set_index(["source", "method"])
    row, human = table.loc[("Ours", "T 1, k 3")], table.loc[("People", "human")]
    assert float(row["self_bleu"]) > 0.5 and row["copied_8grams"] == "0.000" and row["distinct_2"] == "1.000"
    assert (row["texts"], row["ended"]) == ("4", "0.250")
    assert (human["copied_8grams"], human["self_bleu"], human["ended"]) == ("0.500", "1.000", "")


def test_rows_of_the_grid_tell_who_wrote_and_what_the_writeup_found(steps):
    grid = read_csv(steps.tables()["grid"], dtype=str).fillna("")
    assert grid["method"].tolist() == [*GRID, HUMAN]  # what is there for the accounts alone is not shown
    assert grid["reported"].tolist() == ["56.25", "", "", "", ""]
    assert grid["note"].tolist() == ["", "", "", "", "without a prompt"]
    assert grid["settings"][0] == "do_sample=True, temperature=0.1, top_k=3" and grid["settings"][4] == "–"


def test_a_row_whose_model_is_the_judge_says_so(steps):
    tables = steps.tables(tabulate={**TABLES, "models": {"grid": "big", "accounts": "big"}})
    assert set(read_csv(tables["grid"])["note"][:4]) == {"the judge's own text"}


def test_examples_are_the_same_numbers_of_every_method(steps):
    examples = read_csv(steps.tables()["examples"], dtype=str).fillna("")
    assert [tuple(row) for row in examples[["method", "index"]].to_numpy()] == [
        (method, index) for method in (*GRID, HUMAN) for index in ("0", "1")
    ]
    assert examples["text"][1] == "a tale 1 of T 0.1, k 3" and examples["prompt"][1] == "Once "


def test_a_number_that_a_method_has_no_text_of_is_refused(folder):
    samplings = read_samplings([folder / f"samples/{name}.jsonl" for name in SPEC["samplings"]], SPEC["samplings"])
    spec = check(TableSpec, {**TABLES, "examples": [0, 3]}, "--spec")
    with pytest.raises(UserError, match="examples: .* every method has, found 3: of human/human there are 2"):
        examples_table(spec, samplings, read_judgements(folder / "j.jsonl"))


def test_the_same_input_gives_the_same_bytes(steps, folder):
    first, second = (
        {path.name: path.read_bytes() for path in [*steps.tables().values(), folder / "s.parquet", folder / "d.parquet"]}
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(("step", "spec"), [("score", SPEC), ("tabulate", TABLES)])
def test_judgements_of_other_texts_end_the_steps_with_a_sentence(steps, step, spec):
    with pytest.raises(SystemExit, match="j.jsonl: not expected: texts of the source 'human', method 'human'"):
        steps.tables(**{step: {**spec, "human": False}})


def test_a_missing_score_is_named(folder):
    samplings = read_samplings([folder / f"samples/{name}.jsonl" for name in SPEC["samplings"]], SPEC["samplings"])
    spec, none = check(TableSpec, TABLES, "--spec"), Summaries(pd.DataFrame(columns=SCHEMA.names), "s.parquet")
    for table in (
        lambda: grid_table(spec, samplings, none, {}),
        lambda: temperature_table(spec.settings, none, none, {}),
        lambda: accounts_table(spec.settings, none, none),
    ):
        with pytest.raises(UserError, match="s.parquet: no score '.*' .* of the experiment"):
            table()
