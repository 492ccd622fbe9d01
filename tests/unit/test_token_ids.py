"""Rows of token ids: what a tokenizer makes of variants of a text."""

from __future__ import annotations

import pytest
from support.row_steps import run_step
from transformers import AutoTokenizer

from relab.characters import build, save
from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.claims.verdicts import CONTRADICTED, REPRODUCED
from relab.errors import UserError
from relab.files import read_csv
from relab.rows.token_ids.tokens import encode_texts, tokens_scores, tokens_table
from relab.scores import read_scores, with_summary, write_scores
from relab.settings.claims import parse


@pytest.fixture
def bytes_of(checkout):
    """The tests' small published tokenizer: byte pairs, as GPT-2's."""
    return AutoTokenizer.from_pretrained(checkout / "tests" / "data" / "tiny_gpt2")


def test_each_id_is_shown_decoded_alone(bytes_of):
    texts = ["the sea", " the sea", "the sea "]
    plain, leading, trailing = encode_texts(bytes_of, texts)
    for text, one in zip(texts, (plain, leading, trailing), strict=True):
        assert bytes_of.decode(one.ids) == text == "".join(one.tokens)
    assert plain.ids != leading.ids
    assert trailing.ids[-1] == bytes_of.convert_tokens_to_ids("Ġ")
    table = tokens_table([plain, leading, trailing])
    assert table["text"].to_list() == ["the␣sea", "␣the␣sea", "the␣sea␣"]
    assert table["ids"][0] == " ".join(str(number) for number in plain.ids)
    assert table["n"].to_list() == [len(one.ids) for one in (plain, leading, trailing)]
    assert [cell.count(" ") + 1 for cell in table["tokens"]] == table["n"].to_list()
    assert table["tokens"][2].endswith(" ␣")


def test_line_ends_and_tabs_can_be_seen():
    tokenizer = build("a\n\t ")
    table = tokens_table(encode_texts(tokenizer, ["a\n\t "]))
    assert (table["text"][0], table["tokens"][0]) == ("a↵⇥␣", "a ↵ ⇥ ␣")


def test_a_character_that_the_tokenizer_lacks_is_named():
    with pytest.raises(UserError, match=r"texts\.1: character 'b'"):
        encode_texts(build("a"), ["a", "b"])


def verdict(path, claimed: int) -> str:
    """Of the claim that the second token of ``ab`` is ``claimed``."""
    measure = {"experiment": "tokens/ab", "metric": "id 2", "split": "text"}
    near = {"kind": "near", "value": claimed, "tolerance": 0.1, "measures": [measure]}
    claim = {"row": "A4", "writeup": "char_gpt", "says": "its second token", "source": "the lab", "comparison": near}
    return ledger(parse({"A4": claim}), {}, {"char_gpt": Scores(read_scores(path))})["verdict"][0]


def test_the_program_writes_what_a_claim_can_be_decided_by(tmp_path):
    save(build("ab"), tmp_path / "tokenizer")
    inputs = {name: tmp_path / "tokenizer" / f"{name}.json" for name in ("tokenizer", "tokenizer_config")}
    outputs = {"main": tmp_path / "tokens.csv", "scores": tmp_path / "tokens.parquet"}
    done = run_step("token_ids.tokens.tabulate", inputs, outputs, {"texts": ["ab", "a"]}, tmp_path / "p.json")
    assert done.returncode == 0, done.stderr
    assert read_csv(tmp_path / "tokens.csv", dtype=str)["ids"].to_list() == ["0 1", "0"]
    assert verdict(tmp_path / "tokens.parquet", 1) == REPRODUCED
    doctored = [
        {**row, **{name: row[name] + (row["metric"] == "id 2") for name in ("value", "low", "high")}}
        for row in tokens_scores(encode_texts(build("ab"), ["ab"]))
    ]
    write_scores(tmp_path / "doctored.parquet", with_summary(doctored))
    assert verdict(tmp_path / "doctored.parquet", 1) == CONTRADICTED


def test_scores_count_the_tokens_and_name_each():
    found = {(row["experiment"], row["metric"]): row["value"] for row in tokens_scores(encode_texts(build("ab"), ["ba", "a"]))}
    assert found == {
        ("tokens/ba", "tokens"): 2, ("tokens/ba", "id 1"): 1, ("tokens/ba", "id 2"): 0,
        ("tokens/a", "tokens"): 1, ("tokens/a", "id 1"): 0,
    }  # fmt: skip
