"""A corpus from its files: splits, duplicates, statistics, the same bytes every time, bounded memory."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from relab.corpora import build as building
from relab.corpora import splitting, statistics, storage
from relab.errors import UserError
from relab.files import sha256
from relab.settings.corpora import Corpus


def make(folder, text, name="text.txt", **settings):
    """Build a corpus from ``text`` in ``folder``; return its statistics and the documents of both splits."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    settings = {"title": "T", "asset": "a", "reader": {"kind": "text", "document": "line"}} | settings
    stats = building.build([path], Corpus(**settings), folder / "train.parquet", folder / "validation.parquet")
    return stats, *(list(storage.documents(folder / f"{split}.parquet")) for split in ("train", "validation"))


LINES = "".join(f"document {number}\n" for number in range(50))
CONTIGUOUS = {"by": "contiguous", "validation": 0.1}
LAST = {"by": "last", "validation": 0.1}
GRAMMAR = {"kind": "grammar", "symbols": {"sentence": {"{who} sings.": 3, "I sing.": 1}, "who": ["He", "She"]}, "number": 40}


# splits


@pytest.mark.parametrize("share, expected", [(0.1, 5), (0.5, 25), (0.001, 1), (0.999, 49), (0.25, 12)])
def test_a_split_by_document_is_exact_disjoint_and_in_order(tmp_path, share, expected):
    stats, train, validation = make(tmp_path, LINES, split={"validation": share})
    assert len(validation) == stats["validation"]["documents"] == expected
    assert sorted(train + validation) == sorted(LINES.split("\n")[:-1])
    assert train == sorted(train, key=lambda text: int(text.split()[1]))


def test_the_draw_depends_on_the_seed_only(tmp_path):
    draws = {}
    for seed in (0, 1, 0):
        _, _, validation = make(tmp_path / str(len(draws)), LINES, split={"seed": seed})
        assert draws.setdefault(seed, validation) == validation
    assert draws[0] != draws[1]


def test_the_draw_is_the_same_on_every_platform_and_version():
    assert np.flatnonzero(splitting.draw_validation(50, 0.1, 0)).tolist() == [2, 3, 11, 13, 20]
    assert np.flatnonzero(splitting.draw_validation(50, 0.1, 7)).tolist() == [6, 23, 24, 32, 37]


def test_every_document_is_equally_likely_to_be_drawn():
    counts = sum(splitting.draw_validation(20, 0.25, seed).astype(int) for seed in range(2000))
    assert counts.sum() == 2000 * 5
    assert abs(counts - 500).max() < 100  # five standard deviations


@pytest.mark.parametrize("separator", ["\n\n", "", "|"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.73])
def test_the_contiguous_split_joins_to_the_whole(tmp_path, separator, share):
    whole = separator.join(LINES.split("\n")[:-1])
    _, train, validation = make(tmp_path, LINES, separator=separator, split=CONTIGUOUS | {"validation": share})
    first, last = separator.join(train), separator.join(validation)
    assert whole in (first + last, first + separator + last)
    assert abs(len(first) - int((1 - share) * len(whole))) <= len(separator)
    splits = (storage.documents(tmp_path / f"{split}.parquet") for split in ("train", "validation"))
    assert (first, last) == tuple(map(separator.join, splits))


def test_the_contiguous_split_of_one_file_is_the_lectures(tmp_path):
    text = "Nel mezzo del cammin di nostra vita\nmi ritrovai per una selva oscura"
    stats, train, validation = make(tmp_path, text, reader={"kind": "text"}, split=CONTIGUOUS)
    place = int(0.9 * len(text))
    assert (train, validation) == ([text[:place]], [text[place:]])
    assert stats["documents"]["kept"] == 1


def test_every_cut_of_every_small_stream_is_right():
    lengths, separator = np.array([3, 1, 4]), 2
    stream = "aaa||b||cccc"
    for place in range(1, len(stream)):
        document, offset = splitting.contiguous_cut(lengths, separator, 1 - place / len(stream) - 1e-9)
        before = "||".join(["aaa", "b", "cccc"][:document] + ["aaabcccc"[[0, 3, 4][document] :][:offset]])
        assert stream.startswith(before.rstrip("|")) and 0 <= place - len(before.rstrip("|")) <= separator


@pytest.mark.parametrize("share, expected", [(0.1, 5), (0.25, 12), (0.001, 1), (0.999, 49)])
def test_the_last_documents_stay_whole(tmp_path, share, expected):
    stats, train, validation = make(tmp_path, LINES, split=LAST | {"validation": share})
    assert train + validation == LINES.split("\n")[:-1]
    assert len(validation) == stats["validation"]["documents"] == expected


def test_the_last_documents_are_the_last_of_those_kept(tmp_path):
    text = "a\n\nb\na\nc\na\n"
    _, *kept = make(tmp_path / "keep", text, duplicates="keep", split=LAST | {"validation": 0.4})
    assert kept == [["a", "b", "a"], ["c", "a"]]
    _, *distinct = make(tmp_path / "drop", text, split=LAST | {"validation": 0.4})
    assert distinct == [["a", "b"], ["c"]]


def test_passages_of_a_document_stay_on_its_side_and_join_to_it(tmp_path):
    chapters = ["\n".join(f"chapter {chapter} verse {verse}" for verse in range(chapter + 1)) for chapter in range(12)]
    settings = {"reader": {"kind": "text", "document": "paragraph"}, "split": {"validation": 0.25}, "passage_lines": 3}
    stats, train, validation = make(tmp_path, "\n\n".join(chapters), **settings)
    sides = [{int(passage.split()[1]) for passage in split} for split in (train, validation)]
    assert [len(side) for side in sides] == [9, 3] and not sides[0] & sides[1]
    for chapter, text in enumerate(chapters):
        passages = [passage for passage in train + validation if passage.startswith(f"chapter {chapter} ")]
        assert "\n".join(passages) == text
        lines = [passage.count("\n") + 1 for passage in passages]
        assert len(lines) == np.ceil((chapter + 1) / 3) and max(lines) - min(lines) <= 1
    assert stats["train"]["documents"] == len(train)


def test_empty_lines_are_no_passage_and_stand_at_no_end_of_one(tmp_path):
    text = "a\n\n\n\nb\nc\x00d\ne\n\nf"
    settings = {"reader": {"kind": "text", "document": "separator", "regexp": "\x00"}, "split": LAST, "passage_lines": 2}
    _, train, validation = make(tmp_path, text, **settings)
    assert (train, validation) == (["a", "b\nc"], ["d\ne", "f"])


@pytest.mark.parametrize(
    "split, sentence",
    [
        ({}, "needs two different documents, found one"),
        (CONTIGUOUS, "needs two characters"),
        (LAST, "the last documents needs two documents, found one"),
    ],
)
def test_nothing_left_for_a_split_is_an_error(tmp_path, split, sentence):
    with pytest.raises(UserError, match=rf"text\.txt: .*{sentence}"):
        make(tmp_path, "a\n", split=split)
    with pytest.raises(UserError, match="the corpus is empty: of 0 documents read none has text"):
        make(tmp_path, "", split=split)
    with pytest.raises(UserError, match="the corpus is empty: of 3 documents read none has text"):
        make(tmp_path, "\n \n\u200b\n", split=split)
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


# duplicates


def test_copies_are_dropped_and_counted(tmp_path):
    stats, train, validation = make(tmp_path, LINES * 2 + "document 1 \n\n", split={"validation": 0.2})
    assert stats["documents"] == {"read": 102, "empty": 1, "duplicates": 51, "kept": 50}
    assert sorted(train + validation) == sorted(LINES.split("\n")[:-1])


def test_copies_that_are_kept_stay_on_one_side(tmp_path):
    stats, train, validation = make(tmp_path / "keep", LINES * 3, duplicates="keep", split={"validation": 0.2})
    assert stats["documents"] == {"read": 150, "empty": 0, "duplicates": 100, "kept": 150}
    assert not set(train) & set(validation)
    assert len(validation) == 30 and set(Counter(validation).values()) == {3}
    _, _, dropped = make(tmp_path / "drop", LINES * 3, split={"validation": 0.2})
    assert set(dropped) == set(validation)


def test_one_text_many_times_cannot_be_split(tmp_path):
    with pytest.raises(UserError, match="two different documents"):
        make(tmp_path, "same\n" * 9, duplicates="keep")


def test_distinct_finds_the_first_of_each():
    digests = np.random.default_rng(0).integers(0, 40, 300).astype(np.uint64)
    new, first = splitting.first_occurrences(digests)
    expected = [digests.tolist().index(digest) for digest in digests.tolist()]
    assert first.tolist() == expected
    assert new.tolist() == [place == index for index, place in enumerate(expected)]


# cleaning over the whole corpus


def test_rare_characters_are_counted_over_the_whole_corpus(tmp_path):
    stats, train, validation = make(tmp_path, "aab$\nabx\nbxa\n$\n", clean={"minimum_count": 3})
    assert sorted(train + validation) == ["aab", "ab", "ba"]
    assert stats["documents"] == {"read": 4, "empty": 1, "duplicates": 0, "kept": 3}
    assert [(one["character"], one["reason"], one["count"]) for one in stats["removed"]] == [
        ("U+0024 DOLLAR SIGN", "rare", 2),
        ("U+0078 LATIN SMALL LETTER X", "rare", 2),
    ]


def test_copies_that_only_rare_characters_told_apart_are_copies(tmp_path):
    stats, *_ = make(tmp_path, "aaa1\naaa2\naaab\nbbba\n", clean={"minimum_count": 3})
    assert stats["documents"]["duplicates"] == 1


def test_blanks_and_line_ends_are_never_rare(tmp_path):
    _, train, validation = make(tmp_path, "aa aa\nb\tb\n", clean={"minimum_count": 2})
    assert sorted(train + validation) == ["aa aa", "b\tb"]


def test_only_the_first_documents_are_read(tmp_path):
    stats, train, validation = make(tmp_path, LINES, limit=4)
    assert stats["documents"]["read"] == 4 and len(train + validation) == 4


# statistics


def test_statistics_are_those_of_the_texts(tmp_path):
    text = "Così è\n\nla vita🙂\nsua\n\n\u00a0tre\tparole qui\u00ad\n\n"
    stats, train, validation = make(
        tmp_path, text, reader={"kind": "text", "document": "paragraph"}, split={"validation": 0.34}
    )
    texts = ["Così è", "la vita🙂\nsua", " tre\tparole qui"]
    assert sorted(train + validation) == sorted(texts)
    for name, documents in (("train", train), ("validation", validation), ("total", texts)):
        split = stats[name]
        assert split["documents"] == len(documents)
        assert split["characters"] == sum(map(len, documents))
        assert split["bytes"] == sum(len(one.encode()) for one in documents)
        assert split["words"] == sum(len(one.split()) for one in documents)
        assert split["lines"] == sum(len(one.split("\n")) for one in documents)
        assert split["distinct_characters"] == len(set("".join(documents)))
        assert split["shortest_document"] == min(map(len, documents))
        assert split["longest_document"] == max(map(len, documents))
    assert stats["characters"] == Counter("".join(texts))
    assert stats["mapped"] == [{"character": "U+00A0 NO-BREAK SPACE", "to": "blank", "count": 1}]


def test_counts_do_not_depend_on_where_blocks_end(monkeypatch):
    texts = ["ab cd", "", "e", " f ", "g\nh  i"] * 3
    expected = None
    for block in (1, 2, 3, 7, 2**20):
        monkeypatch.setattr(statistics, "_BLOCK", block)
        tally = statistics.Tally()
        for text in texts:
            tally.add(text)
        expected = expected or (tally.summary(), tally.characters())
        assert (tally.summary(), tally.characters()) == expected
        assert tally.summary()["words"] == 21 and tally.summary()["lines"] == 18


def test_the_row_of_a_table_names_blanks(tmp_path):
    stats, *_ = make(tmp_path, "aaa bbb\nab aa\u200b\t.\n", clean={"minimum_count": 1})
    row = statistics.table_row(stats, number=3)
    assert row == {
        "documents": 2,
        "duplicates": 0,
        "undecodable": 0,
        "characters": 14,
        "train characters": stats["train"]["characters"],
        "validation characters": stats["validation"]["characters"],
        "words": 5,
        "distinct characters": 5,
        "most frequent": "a b ␣",
        "least frequent": ". ⇥ ␣",
        "removed": 1,
    }
    assert statistics.visible_character("\u0301") == "◌\u0301"


# sentences of a grammar


def make_sentences(folder, **settings):
    corpus = Corpus(**{"title": "T", "reader": GRAMMAR, "duplicates": "keep", "split": LAST} | settings)
    stats = building.build([], corpus, folder / "train.parquet", folder / "validation.parquet")
    return stats, *(list(storage.documents(folder / f"{split}.parquet")) for split in ("train", "validation"))


def test_sentences_of_a_grammar_become_a_corpus_without_files(tmp_path):
    stats, train, validation = make_sentences(tmp_path)
    assert (len(train), len(validation)) == (36, 4)
    assert set(train) == {"He sings.", "She sings.", "I sing."}
    assert stats["documents"] == {"read": 40, "empty": 0, "duplicates": 37, "kept": 40}
    assert stats["train"]["words"] == 72 and stats["reading"] == {}


def test_only_the_first_sentences_are_drawn(tmp_path):
    _, first, second = make_sentences(tmp_path, limit=10)
    assert first + second == make_sentences(tmp_path)[1][:10]


def test_mistakes_without_files_name_the_grammar(tmp_path):
    for text, told in ((" ", "is empty: of 40 .* look at the corpus's `reader`"), ("a", "a split .* needs two documents")):
        with pytest.raises(UserError, match=f"^the corpus's settings: .*{told}"):
            make_sentences(tmp_path, reader=GRAMMAR | {"symbols": {"sentence": [text]}}, duplicates="drop")


# files


def test_the_same_text_gives_the_same_bytes(tmp_path):
    digests = []
    for name in ("one", "two"):
        stats, *_ = make(tmp_path / name, LINES * 2, clean={"minimum_count": 2}, split={"validation": 0.3})
        digests.append((stats, sha256(tmp_path / name / "train.parquet"), sha256(tmp_path / name / "validation.parquet")))
    assert digests[0] == digests[1]


def test_the_parquet_file_has_one_column_of_text_in_bounded_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "GROUP_CHARACTERS", 100)
    texts = [f"document {number} è 🙂" for number in range(100)]
    with storage.Writer(tmp_path / "a.parquet") as writer:
        for text in texts:
            writer.add(text)
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.schema_arrow.names == ["text"] and str(file.schema_arrow.field("text").type) == "string"
    assert file.num_row_groups > 10 and b"pandas" not in (file.schema_arrow.metadata or {})
    assert list(storage.documents(tmp_path / "a.parquet")) == texts


def test_other_libraries_read_it(tmp_path):
    make(tmp_path, LINES)
    import pandas as pd

    assert pd.read_parquet(tmp_path / "train.parquet")["text"].tolist() == list(storage.documents(tmp_path / "train.parquet"))


def test_nothing_is_left_behind_when_reading_fails(tmp_path):
    (tmp_path / "train.parquet").write_text("old")
    path = tmp_path / "bad.txt"
    path.write_bytes(b"good\n" * 9 + b"\xff")
    corpus = Corpus(title="T", asset="a", reader={"kind": "text", "document": "line"})
    with pytest.raises(UserError, match="line 10, byte 45"):
        building.build([path], corpus, tmp_path / "train.parquet", tmp_path / "validation.parquet")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad.txt", "train.parquet"]
    assert (tmp_path / "train.parquet").read_text() == "old"


def test_memory_does_not_grow_with_the_text(tmp_path, monkeypatch):
    """Peak of what Python and NumPy allocate: a text eight times as long takes no more than its 40 bytes a document."""
    monkeypatch.setattr(storage, "GROUP_CHARACTERS", 2**16)
    monkeypatch.setattr(statistics, "_BLOCK", 2**16)
    corpus = Corpus(
        title="T", asset="a", reader={"kind": "text", "document": "paragraph"}, clean={"minimum_count": 2}, split=CONTIGUOUS
    )
    peaks = {}
    for documents in (300, 2400):
        path = tmp_path / f"{documents}.txt"
        path.write_text("".join(f"{number} {'parola ' * 200}\n\n" for number in range(documents)))
        tracemalloc.start()
        building.build([path], corpus, tmp_path / "train.parquet", tmp_path / "validation.parquet")
        peaks[documents] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[2400] - peaks[300] < 500_000 < path.stat().st_size / 6
