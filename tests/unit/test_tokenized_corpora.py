"""Corpora as token ids: what is written, how it is read, what is said of mistakes."""

from __future__ import annotations

import json
import os
import runpy
import sys

import datasets
import numpy as np
import pyarrow as pa
import pytest
from support.tokenized import KINDS, MANY, TEXTS, corpus, letters, pairs, templated, tokenized_in
from support.tokens import tokens_of
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from relab import characters
from relab.files import sha256
from relab.tokens import tokenize as tokenizing
from relab.tokens.store import ROWS, Tokens
from relab.tokens.tokenize import tokenize


@pytest.fixture
def made(tmp_path):
    return tokenized_in(tmp_path)


# what is written


@KINDS
def test_ids_are_the_tokenizers_own(made, build):
    tokens, counts, tokenizer = made(TEXTS, build)
    expected = [tokenizer(text)["input_ids"] for text in TEXTS]
    assert [tokens.document(number).tolist() for number in range(len(TEXTS))] == expected
    assert len(tokens) == len(TEXTS) and tokens.lengths.tolist() == list(map(len, expected))
    assert tokens.counts == counts and counts.tokens == sum(map(len, expected))
    assert counts.characters == len("".join(TEXTS)) and counts.bytes == len("".join(TEXTS).encode())


@pytest.mark.parametrize("separator", ["\n\n", "", "\n"])
@pytest.mark.parametrize("build", [letters, pairs])
def test_the_stream_is_the_documents_and_what_stands_between_them(made, build, separator):
    tokens, counts, tokenizer = made(TEXTS, build, separator)
    between = tokenizer(separator)["input_ids"]
    expected = sum(([*tokenizer(text)["input_ids"], *between] for text in TEXTS), [])
    expected = expected[: len(expected) - len(between)]
    assert tokens.slice(0, tokens.size).tolist() == expected
    assert tokenizer.decode(expected) == separator.join(TEXTS)
    assert (counts.separator, counts.separator_bytes, counts.end) == (len(between), len(separator), None)


def test_a_template_that_ends_documents_needs_no_separator(made):
    tokens, counts, tokenizer = made(TEXTS, templated)
    assert tokens.slice(0, tokens.size).tolist() == sum((tokenizer(text)["input_ids"] for text in TEXTS), [])
    assert tokens.document(1).tolist() == [1, 2]
    assert (counts.separator, counts.separator_bytes, counts.end) == (0, 0, 2)


def test_a_tokenizer_that_was_saved_with_a_limit_cuts_and_pads_nothing(made):
    def limited(texts):
        tokenizer = templated(texts)
        tokenizer.backend_tokenizer.enable_truncation(3)
        tokenizer.backend_tokenizer.enable_padding(length=9)
        return tokenizer

    assert made(TEXTS, limited)[0].lengths.tolist() == [5, 2, 3, 5, 5]


def test_what_the_tokenizer_does_not_know_is_counted(made):
    _, counts, _ = made(TEXTS, templated)
    assert counts.unknown == 4  # a, and là three times
    assert made(TEXTS, letters)[1].unknown is None
    assert made(TEXTS, pairs)[1].unknown is None, "its end of text is no unknown token"


@KINDS
def test_the_number_of_processes_changes_no_byte(made, build, monkeypatch, tmp_path):
    made(MANY, build, name="one.arrow")
    monkeypatch.setattr(tokenizing, "ONE_PROCESS_BYTES", 0)
    _, counts, tokenizer = made(MANY, build, name="two.arrow", processes=2)
    assert sha256(tmp_path / "one.arrow") == sha256(tmp_path / "two.arrow")
    assert counts.documents == len(MANY) and counts.tokens == sum(len(tokenizer(text)["input_ids"]) for text in MANY)


def test_processes_are_started_for_large_corpora_alone(made, monkeypatch):
    asked = []

    def spy(self, *words, num_proc=None, **more):
        asked.append(num_proc)
        return whole(self, *words, **more)

    whole = datasets.Dataset.map
    monkeypatch.setattr(datasets.Dataset, "map", spy)
    made(TEXTS, processes=2)
    monkeypatch.setattr(tokenizing, "ONE_PROCESS_BYTES", 0)
    made(TEXTS, processes=2)
    made(TEXTS, processes=100)
    made(["a"], processes=100)
    assert asked == [None, 2, len(TEXTS), None]


def test_the_corpus_is_never_in_memory_as_a_whole(made, monkeypatch):
    asked, whole = [], datasets.Dataset.from_parquet

    def spy(*words, **more):
        asked.append(more)
        found = whole(*words, **more)
        assert found.cache_files, "the text is mapped from a file"
        return found

    monkeypatch.setattr(datasets.Dataset, "from_parquet", spy)
    made(TEXTS)
    assert not asked[0]["fragment_scan_options"].pre_buffer, "which reads the whole file ahead"


def test_large_vocabularies_take_four_bytes_an_id(made, monkeypatch):
    monkeypatch.setattr(PreTrainedTokenizerFast, "__len__", lambda self: 70_000)
    tokens, *_ = made(TEXTS, pairs)
    assert tokens.slice(0, 3).dtype == np.uint32
    monkeypatch.undo()
    tokens, *_ = made(TEXTS, pairs)
    assert tokens.slice(0, 3).dtype == np.uint16


def test_datasets_opens_it(made, tmp_path):
    _, _, tokenizer = made(MANY)
    found = datasets.Dataset.from_file(str(tmp_path / "train.arrow"))
    assert found["ids"][5] == tokenizer(MANY[5] + "\n\n")["input_ids"] and len(found) == len(MANY)


@KINDS
@pytest.mark.parametrize("texts", [["a b"], [""], ["", ""], []], ids=["one", "empty", "two empty", "none"])
def test_small_corpora(made, build, texts):
    tokens, counts, tokenizer = made(texts, lambda _: build(["a b", "b"]))
    ids = [tokenizer(text)["input_ids"] for text in texts]
    assert counts.documents == len(tokens) == len(texts) and counts.tokens == sum(map(len, ids)) == tokens.lengths.sum()
    assert tokens.size == counts.tokens + counts.separator * max(0, len(texts) - 1)
    assert tokens.slice(0, tokens.size)[: len(ids[0]) if ids else 0].tolist() == (ids[0] if ids else [])


def test_progress_is_told_pass_by_pass(made, tmp_path):
    made(MANY)
    told = []
    words = (tmp_path / "train.parquet", tmp_path / "tokenizer", "", tmp_path / "again.arrow")
    tokenize(*words, progress=lambda done, total, stage: told.append((stage, done, total)))
    number = len(MANY)
    steps = [ROWS, 2 * ROWS, 3 * ROWS, number]
    assert told == [(stage, done, number) for stage in ("tokenizing", "writing") for done in steps]


# how it is read


def test_slices_go_across_record_batches():
    documents = [[number % 7, number % 11] for number in range(2 * ROWS + 3)]
    documents[ROWS - 1 : ROWS + 2] = [[], [], []]
    tokens = tokens_of(documents, [60_000])
    stream = sum(([*one, 60_000] for one in documents), [])[:-1]
    assert tokens.size == len(stream)
    for start in (0, 1, 3 * ROWS - 7, 3 * ROWS - 6, 3 * ROWS, len(stream) - 4, len(stream)):
        for stop in {start, start + 1, start + 9, start + 4 * ROWS, len(stream)}:
            if start <= stop <= len(stream):
                assert tokens.slice(start, stop).tolist() == stream[start:stop]
    assert [tokens.document(number).tolist() for number in range(len(documents))] == documents


@pytest.mark.parametrize("bounds", [(-1, 2), (3, 2), (0, 6)])
def test_a_slice_beyond_the_stream_is_an_error(bounds):
    with pytest.raises(IndexError, match="of 5"):
        tokens_of([[1, 2], [3, 4]], [0]).slice(*bounds)


@pytest.mark.parametrize("number", [-1, 2])
def test_a_document_that_is_not_there_is_an_error(number):
    with pytest.raises(IndexError, match="of 2"):
        tokens_of([[1, 2], [3, 4]]).document(number)


def test_ids_are_views_of_the_mapped_file():
    tokens = tokens_of([list(range(1000))] * (2 * ROWS))
    allocated = pa.total_allocated_bytes()
    found = tokens.slice(10, 50_000)
    assert not found.flags.owndata and not found.flags.writeable and not tokens.document(7).flags.owndata
    arrays = [one for held in vars(tokens).values() if isinstance(held, list) for one in held if isinstance(one, np.ndarray)]
    assert arrays and all(not one.flags.owndata for one in arrays), "the stream is nowhere copied"
    assert pa.total_allocated_bytes() == allocated
    assert tokens.lengths.nbytes == 4 * 2 * ROWS


# mistakes


def program(folder, checkout, monkeypatch, *outputs):
    words = ["--corpus", folder / "train.parquet", folder / "validation.parquet", "--tokenizer", folder / "tokenizer"]
    words += ["--output", *outputs, "--processes", 2, "--spec", json.dumps({"separator": "\n"})]
    inputs = folder / "train.parquet", folder / "validation.parquet", folder / "tokenizer" / "tokenizer.json"
    words += ["--provenance", folder / "p.json", "--inputs", *inputs]
    monkeypatch.setattr(sys, "argv", ["tokenize_corpus.py", *map(str, words)])
    runpy.run_path(str(checkout / "scripts" / "tokenize_corpus.py"), run_name="__main__")


def test_the_program_writes_both_splits_and_their_record(tmp_path, checkout, monkeypatch, capsys):
    corpus(tmp_path, ["è già", "ora"]).rename(tmp_path / "validation.parquet")
    corpus(tmp_path, MANY)
    tokenizer = templated(MANY)
    characters.save(tokenizer, tmp_path / "tokenizer")
    outputs = [tmp_path / "tokens" / f"{split}.arrow" for split in ("train", "validation")]
    program(tmp_path, checkout, monkeypatch, *outputs)
    assert (
        Tokens(outputs[1]).document(0).tolist() == AutoTokenizer.from_pretrained(tmp_path / "tokenizer")("è già")["input_ids"]
    )
    told = capsys.readouterr()
    assert told.out.splitlines()[1] == "validation.arrow: 2 documents, 10 bytes, 7 tokens, 1 of them unknown"
    lines = [line for line in told.err.splitlines() if line]
    assert lines[:2] == [f"{stage}: {len(MANY)} documents" for stage in ("tokenizing", "writing")]
    record = json.loads((tmp_path / "p.json").read_text())
    assert record["spec"] == {"separator": "\n"} and set(record["outputs"]) == set(map(str, outputs))
    assert {os.path.basename(path) for path in record["inputs"]} == {"train.parquet", "validation.parquet", "tokenizer.json"}


def test_the_program_wants_an_output_for_each_split(tmp_path, checkout, monkeypatch):
    with pytest.raises(SystemExit, match="error: --output: expected 2 files, one for each of --corpus, found 1"):
        program(tmp_path, checkout, monkeypatch, tmp_path / "train.arrow")
