"""What tokenizers make of a corpus: scores, the table, the steps of a row, which tokenizers are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.row_steps import run_step
from support.tokens import tokens_of, write

from relab.errors import UserError
from relab.files import read_csv, sha256
from relab.rows.tokenizer_comparison.names import CUT, LONGEST, PER_TOKEN, UNKNOWN
from relab.rows.tokenizer_comparison.scores import tokenizer_scores
from relab.rows.tokenizer_comparison.tables import tokenizer_row
from relab.scores import SCHEMA, Summaries, read_scores, with_summary
from relab.settings.config import resolve

PIECES = {"name": "pieces", "vocabulary": 30, "lower_case": True, "character_coverage": 0.9995, "byte_fallback": False}
#: Lengths of documents, marks included, by split.
LENGTHS = {"train": [4, 7, 20], "validation": [5, 9, 10]}


def documents(lengths):
    return [[0] * length for length in lengths]


def splits(lengths=LENGTHS, characters=60, unknown=1, end=2):
    """Token ids by split, marked at both ends where there is an ``end``."""
    counted = {"characters": characters, "unknown": unknown, "end": end}
    return {split: tokens_of(documents(of), **counted) for split, of in lengths.items()}


def summaries(tokens):
    rows = with_summary(tokenizer_scores("pieces", tokens, 6, "corpus"))
    return Summaries(pd.DataFrame(rows, columns=SCHEMA.names), "scores.parquet")


def test_rates_of_a_tokenizer_are_of_the_validation_text_without_its_marks():
    scores, tokens = summaries(splits()), 24 - 2 * 3
    assert scores.value("tokenizer/pieces", *PER_TOKEN) == pytest.approx(60 / tokens)
    assert scores.value("tokenizer/pieces", *UNKNOWN) == pytest.approx(1 / tokens)
    assert scores.value("tokenizer/pieces", *LONGEST) == 20
    assert scores.value("tokenizer/pieces", *CUT) == pytest.approx(4 / 6)


def test_what_is_counted_is_certain():
    assert summaries(splits()).find("tokenizer/pieces", *PER_TOKEN)["unit"] == "exact"


def test_a_tokenizer_that_knows_everything_has_no_rate_of_unknowns():
    scores = summaries(splits({"train": [4], "validation": [5, 6]}, unknown=None, end=None))
    assert scores.value("tokenizer/pieces", *PER_TOKEN) == pytest.approx(60 / 11)
    with pytest.raises(UserError, match="no score"):
        scores.value("tokenizer/pieces", *UNKNOWN)
    assert tokenizer_row(PIECES, scores, 6)["unknown"] == ""


def test_the_row_of_a_tokenizer():
    row = tokenizer_row(PIECES, summaries(splits()), 6)
    assert (row["characters_per_token"], row["unknown"], row["longest"], row["cut"]) == ("3.333", "0.055556", 20, "0.6667")
    assert (row["validation_tokens"], row["documents"], row["limit"]) == (18, 6, 6)
    assert (row["lower_case"], row["byte_fallback"], row["character_coverage"]) == ("yes", "no", "0.9995")


def test_the_steps_score_and_tabulate_tokenizers_in_their_order(tmp_path):
    paths = [
        write(tmp_path / f"tokens/{tokenizer}/tales/{split}.arrow", documents(lengths))
        for tokenizer in ("pieces", "bytes")
        for split, lengths in LENGTHS.items()
    ]
    scores, table, lengths = (tmp_path / name for name in ("tokenizers.parquet", "tokenizers.csv", "lengths.csv"))
    spec = {"tokenizers": ["pieces", "bytes"], "corpus": "tales", "limit": 6}
    for function, inputs, outputs, settings in (
        ("scores.score", {"tokens": paths}, {"scores": scores}, spec),
        (
            "tables.tabulate",
            {"scores": scores, "tokens": paths},
            {"main": table, "lengths": lengths},
            {**spec, "tokenizers": [PIECES, {**PIECES, "name": "bytes"}]},
        ),
        ("figures.draw", {"lengths": lengths}, {"lengths_of_documents": tmp_path / "lengths.svg"}, {"limit": 6}),
    ):
        done = run_step(f"tokenizer_comparison.{function}", inputs, outputs, settings, tmp_path / "provenance.json")
        assert done.returncode == 0, done.stderr
    assert read_csv(table)["tokenizer"].tolist() == ["pieces", "bytes"]
    drawn = read_csv(lengths).astype({"share": float})
    assert drawn["tokenizer"].unique().tolist() == ["pieces", "bytes"]
    every = [length for lengths_of_split in LENGTHS.values() for length in lengths_of_split]
    for row in drawn.itertuples():  # as few tokens as that share of documents keeps to
        assert np.mean(np.array(every) <= row.tokens) >= row.share
        assert np.mean(np.array(every) < row.tokens) < row.share or row.share == 0
    assert set(read_scores(scores)["data"]) == {sha256(paths[0])[:12]}


def test_tokenizers_of_several_corpora_are_refused(merged):
    raw = merged()
    raw["rows"] = {"D1": raw["rows"]["D1"]}
    raw["tokenizers"]["stories-bytes"]["corpus"] = "english"
    with pytest.raises(UserError, match="^rows.D1.tokenizers: 'stories-bytes' is trained on 'english', 'stories' on 'stories'"):
        resolve(raw)
