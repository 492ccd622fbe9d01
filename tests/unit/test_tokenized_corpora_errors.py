"""Corpora as token ids: what is refused, and what a failure leaves."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tokenized import MANY, TEXTS, pairs, tokenized_in
from support.tokens import write

from relab import characters
from relab.errors import UserError
from relab.files import sha256
from relab.tokens import tokenize as tokenizing
from relab.tokens.store import ROWS, Counts, Tokens
from relab.tokens.tokenize import tokenize


@pytest.fixture
def made(tmp_path):
    return tokenized_in(tmp_path)


def refused(path):
    with pytest.raises(UserError) as caught:
        Tokens(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: expected ") and told.endswith("; delete it, and the tokens are made again")
    return told


@pytest.mark.parametrize("content", [b"", b"PAR1" * 100, b"not a table"])
def test_another_kind_of_file_is_refused(tmp_path, content):
    (tmp_path / "train.arrow").write_bytes(content)
    assert "expected an Arrow stream of token ids, found none" in refused(tmp_path / "train.arrow")


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"text": pa.array(["a"])}, "text: string"),
        ({"ids": pa.array([[1]], pa.list_(pa.int64()))}, "ids: list<item: int64>"),
        ({"ids": pa.array([[1]], pa.list_(pa.uint16()))}, "ids: list<item: uint16>, counts: False"),
    ],
)
def test_another_table_is_refused(tmp_path, columns, found):
    table = pa.table(columns)
    with pa.ipc.new_stream(tmp_path / "train.arrow", table.schema) as stream:
        stream.write_table(table)
    told = refused(tmp_path / "train.arrow")
    assert "expected a column ids of lists of uint16 or uint32 and what was counted" in told and f"found {found}" in told


@pytest.mark.parametrize("share", [0.3, 0.6, 0.98])
def test_a_file_that_was_cut_off_is_refused(tmp_path, share):
    path = write(tmp_path / "train.arrow", [[1, 2, 3]] * (3 * ROWS))
    os.truncate(path, int(path.stat().st_size * share))
    refused(path)


def test_a_file_of_other_counts_is_refused(tmp_path):
    assert "expected 2 documents in 9 ids, found 2 in 5" in refused(write(tmp_path / "a.arrow", [[1, 2], [3, 4, 5]], tokens=9))
    fields = [*Counts.__dataclass_fields__, "more"]
    assert "damaged" in refused(written_with(tmp_path / "b.arrow", json.dumps(dict.fromkeys(fields, 1))))
    assert "damaged" in refused(written_with(tmp_path / "c.arrow", "{"))


def written_with(path, told):
    table = pa.table({"ids": pa.array([[1]], pa.list_(pa.uint16()))}).replace_schema_metadata({"relab": told})
    with pa.ipc.new_stream(path, table.schema) as stream:
        stream.write_table(table)
    return path


def test_a_missing_file_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        Tokens(tmp_path / "train.arrow")
    assert str(caught.value.filename).endswith("train.arrow")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_character_that_the_tokenizer_lacks_is_told_with_its_document(made, tmp_path, monkeypatch, processes):
    monkeypatch.setattr(tokenizing, "ONE_PROCESS_BYTES", 0)
    texts = ["ab"] * ROWS + ["acb", "ab"]
    told = r"train\.parquet, document 257: character 'c' .* at offset 1 "
    with pytest.raises(UserError, match=told):
        made(texts, lambda _: characters.build("ab\n"), processes=processes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer", "train.parquet"], "working files go"


def test_a_separator_that_the_tokenizer_lacks_is_an_error(made):
    with pytest.raises(UserError, match="the corpus's separator: character '\\\\n'"):
        made(["ab"], lambda _: characters.build("ab"))


def parquet(tmp_path, column, name="text"):
    pq.write_table(pa.table({name: column}), tmp_path / "train.parquet")
    characters.save(pairs(["a"]), tmp_path / "tokenizer")
    return tmp_path / "train.parquet"


def told_of(tmp_path) -> str:
    with pytest.raises(UserError) as caught:
        tokenize(tmp_path / "train.parquet", tmp_path / "tokenizer", "", tmp_path / "train.arrow")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer", "train.parquet"]
    return str(caught.value)


def test_bytes_that_are_no_text_are_an_error(tmp_path):
    texts = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 4], np.int32)), pa.py_buffer(b"ab\xffc"))
    path = parquet(tmp_path, texts)
    assert told_of(tmp_path) == f"{path}, document 2: expected UTF-8, found byte 0xff at offset 1"


def test_a_missing_text_is_an_error(tmp_path):
    path = parquet(tmp_path, pa.array(["a", None]))
    assert told_of(tmp_path) == f"{path}, document 2: expected a text, found none"


def test_a_file_without_texts_is_an_error(tmp_path):
    path = parquet(tmp_path, pa.array(["a"]), name="texts")
    assert told_of(tmp_path) == f"{path}: expected a column text of strings, found none"
    parquet(tmp_path, pa.array([1]))
    assert told_of(tmp_path) == f"{path}: expected a column text of strings, found int64"
    path.write_bytes(b"text")
    assert told_of(tmp_path).startswith(f"{path}: expected a corpus in Parquet, found none (")


def test_a_damaged_corpus_is_an_error(tmp_path):
    content = bytearray(parquet(tmp_path, pa.array(["a" * 50, "b" * 50])).read_bytes())
    content[4:60] = bytes(56)
    (tmp_path / "train.parquet").write_bytes(content)
    assert "expected a whole Parquet file, found a damaged one (" in told_of(tmp_path)


def test_a_killed_process_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(tokenizing, "ONE_PROCESS_BYTES", 0)
    path = parquet(tmp_path, pa.array(["a"] * 4))
    words = (path, tmp_path / "tokenizer", "", tmp_path / "train.arrow", 2)
    with pytest.raises(UserError, match=r"train\.parquet: a process that tokenizes it was killed; take fewer"):
        tokenize(*words, progress=lambda *told: os.kill(os.getpid(), signal.SIGKILL))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["tokenizer", "train.parquet"]


def test_a_failure_while_writing_leaves_the_file_before_and_nothing_else(made, tmp_path, monkeypatch):
    made(TEXTS)
    before, files = sha256(tmp_path / "train.arrow"), sorted(path.name for path in tmp_path.iterdir())

    def full(*words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokenizing, "_regroup", full)
    with pytest.raises(OSError, match="No space left"):
        made(MANY)
    assert sha256(tmp_path / "train.arrow") == before and sorted(path.name for path in tmp_path.iterdir()) == files


def test_what_a_killed_attempt_left_goes(made, tmp_path):
    left = tmp_path / ".train.tokenizing"
    left.mkdir()
    (left / "tmp.arrow").write_bytes(b"half")
    made(TEXTS)
    assert not left.exists()


# the program
