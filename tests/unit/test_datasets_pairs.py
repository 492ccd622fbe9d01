"""Data sets of pairs: what tables, aligned lines, dictionaries and docstrings become, and which pairs are kept."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.made_datasets import all_parts, csv_file, dataset, jsonl_file, made, refused

from relab.artefacts.registry import KINDS
from relab.datasets.storage import PAIRS
from relab.errors import UserError
from relab.settings.base import check
from relab.settings.config import resolve
from relab.settings.datasets import AnyDataset

BASE = {"kind": "pairs", "title": "", "asset": "one"}


def pairs(table, **more):
    """The settings of a data set of pairs whose test split is a table of its own, from which nothing is left out."""
    return dataset(BASE, tables={"test": table}, **more)


def sides(files, settings, tmp_path):
    """The pairs that come out, as tuples, and what was counted."""
    rows, counts = made(files, settings, "test", tmp_path)
    return [(row["source"], row["target"], *row["references"]) for row in rows], counts


def text_file(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


# tables


def test_columns_of_tables_in_any_format(tmp_path):
    rows = [{"dialogue": "A: Hi.\nB: Bye.", "summary": " They met. "}, {"dialogue": "C: No.", "summary": "Nobody agreed."}]
    columns = {"source": "dialogue", "target": "summary"}
    expected = [("A: Hi.\nB: Bye.", "They met."), ("C: No.", "Nobody agreed.")]
    files = [
        csv_file(tmp_path / "a.csv", [row.values() for row in rows], columns.values()),
        jsonl_file(tmp_path / "a.jsonl", rows),
        text_file(tmp_path / "a.json", json.dumps(rows)),
        tmp_path / "a.parquet",
    ]
    pq.write_table(pa.Table.from_pylist(rows), files[-1])
    for file in files:
        assert sides([file], pairs(file.name, **columns), tmp_path)[0] == expected, file
    assert pq.read_schema(tmp_path / "made" / "test.parquet") == PAIRS


def test_columns_inside_columns_and_several_that_are_joined(tmp_path):
    pq.write_table(pa.table({"translation": [{"en": "A dog.", "pl": "Pies."}], "title": ["Animals"]}), tmp_path / "a.parquet")
    settings = pairs("a.parquet", source=["title", "translation.en"], target="translation.pl")
    assert sides([tmp_path / "a.parquet"], settings, tmp_path)[0] == [("Animals A dog.", "Pies.")]


def test_a_tab_separated_table_needs_no_columns_where_they_have_the_names_of_the_sides(tmp_path):
    file = text_file(tmp_path / "a.tsv", "target\tsource", "short\ta long one")
    assert sides([file], pairs("a.tsv"), tmp_path)[0] == [("a long one", "short")]


def test_aligned_verses_come_by_a_query_over_two_translations(tmp_path):
    verses = [("k", 1, "Let there be light"), ("4", 1, "Let light be"), ("k", 2, "alone"), ("4", 3, "alone too")]
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("create table bible (name, number, text)")
        database.executemany("insert into bible values (?, ?, ?)", verses)
        database.commit()
    query = (
        "select k.text as source, w.text as target from bible k join bible w on w.number = k.number and w.name = '4' "
        "where k.name = 'k' order by k.number"
    )
    settings = pairs({"file": "a.db", "sql": query})
    assert sides([tmp_path / "a.db"], settings, tmp_path)[0] == [("Let there be light", "Let light be")]


# references


def test_references_are_the_further_texts_of_a_list_and_those_of_a_column(tmp_path):
    rows = [
        {"source": "a", "target": ["one", " two ", "one", ""], "more": ["three", "two"]},
        {"source": "b", "target": ["", "four"], "more": None},
        {"source": "c", "target": "five", "more": "six"},
    ]
    found, _ = sides([jsonl_file(tmp_path / "a.jsonl", rows)], pairs("a.jsonl", references="more"), tmp_path)
    assert found == [("a", "one", "two", "three"), ("b", "four"), ("c", "five", "six")]


def test_rows_of_one_source_may_be_merged_into_a_pair_with_references(tmp_path):
    files = [csv_file(tmp_path / "a.csv", [("a", "1"), ("b", "2"), ("a", "3"), ("a", "1"), ("A", "4")], ("source", "target"))]
    found, counts = sides(files, pairs("a.csv", same_source="merge"), tmp_path)
    assert found == [("a", "1", "3"), ("b", "2"), ("A", "4")]
    assert (counts["read"], counts["merged"], counts["rows"]) == (5, 2, 3)
    found, counts = sides(files, pairs("a.csv"), tmp_path)
    assert (len(found), counts["merged"]) == (5, 0)


# which pairs are kept


@pytest.mark.parametrize("row", [("", "x"), ("x", "  "), ("\t\n", "x")])
def test_an_empty_side_is_a_bad_row(tmp_path, row):
    files = [csv_file(tmp_path / "a.csv", [("a", "b"), row], ("source", "target"))]
    refused(files, pairs("a.csv"), "test", tmp_path, r"a\.csv, line \d: column '(source|target)': expected a text, found none")
    found, counts = sides(files, pairs("a.csv", bad_rows="drop"), tmp_path)
    assert (found, counts["bad"]) == ([("a", "b")], 1)


def test_a_list_without_a_target_is_a_bad_row(tmp_path):
    for target, message in (([], "expected a target, found none"), (["a", 1], "expected a list of texts, found")):
        files = [jsonl_file(tmp_path / "a.jsonl", [{"source": "a", "target": target}])]
        refused(files, pairs("a.jsonl"), "test", tmp_path, message)


def test_limits_of_each_side(tmp_path):
    rows = [("one", "x"), ("one two", "x"), ("one two three", "x"), ("one two", "longer"), ("one 2", "x")]
    files = [csv_file(tmp_path / "a.csv", rows, ("source", "target"))]
    nothing = pairs("a.csv", sides={"source": {"words": [9, 9]}})
    refused(
        files, nothing, "test", tmp_path, "the test split is empty: 5 rows read, 0 bad.*5 outside the limits, 0 equal sides"
    )
    limits = {"source": {"words": [2, 2], "matches": "[a-z ]+"}, "target": {"characters": [1, 5]}}
    found, counts = sides(files, pairs("a.csv", sides=limits), tmp_path)
    assert found == [("one two", "x")]
    assert (counts["read"], counts["outside_limits"], counts["rows"]) == (5, 4, 1)


def test_pairs_of_equal_sides_are_kept_or_left_out(tmp_path):
    files = [
        csv_file(tmp_path / "a.csv", [("Jesus  wept.", "Jesus wept."), ("Jesus wept.", "Jesus wept!")], ("source", "target"))
    ]
    assert sides(files, pairs("a.csv"), tmp_path)[1]["equal_sides"] == 0
    found, counts = sides(files, pairs("a.csv", sides={"equal": "drop"}), tmp_path)
    assert (found, counts["equal_sides"]) == ([("Jesus wept.", "Jesus wept!")], 1)


# splits


def test_a_source_of_a_later_split_is_left_out_whatever_its_target(tmp_path):
    long = "what is long enough that a word more makes it near"
    train = [("Known!", "another target"), (f"{long} it", "a"), ("new", "shared")]
    files = [
        csv_file(tmp_path / "train.csv", train, ("source", "target")),
        csv_file(tmp_path / "validation.csv", [("apart", "c")], ("source", "target")),
        csv_file(tmp_path / "test.csv", [("known", "target"), (long, "b"), ("else", "shared")], ("source", "target")),
    ]
    settings = dataset(BASE, tables={name: f"{name}.csv" for name in ("train", "validation", "test")})
    parts = all_parts(files, settings, tmp_path)
    assert [row["source"] for row in parts["train"][0]] == ["new"]
    assert (parts["train"][1]["duplicates"], parts["train"][1]["near_duplicates"]) == (1, 1)
    assert [len(parts[part][0]) for part in ("validation", "test")] == [1, 3]


def test_where_splits_are_drawn_a_source_goes_to_one_of_them_with_all_its_targets(tmp_path):
    rows = [(f"source {number // 3}", f"target {number}") for number in range(90)]
    parts = all_parts(
        [csv_file(tmp_path / "a.csv", rows, ("source", "target"))], dataset(BASE, tables={"all": "a.csv"}), tmp_path
    )
    found = {part: {row["source"] for row in rows} for part, (rows, _) in parts.items()}
    assert sum(map(len, found.values())) == len(set().union(*found.values())) == 30
    assert sum(counts["rows"] for _, counts in parts.values()) == 90
    assert all(counts["grouped"] == counts["rows"] and counts["read"] == 90 for _, counts in parts.values())


# aligned lines


def test_a_line_of_each_file_makes_a_pair(tmp_path):
    files = [
        text_file(tmp_path / "a.en", "A dog.", " A\u2028cat. "),
        text_file(tmp_path / "a.pl", "Pies.", "Kot."),
        text_file(tmp_path / "b.pl", "Psisko.", ""),
    ]
    table = {"kind": "lines", "source": "a.en", "target": ["a.pl", "b.pl"]}
    alone = pairs({**table, "target": "b.pl"})
    refused(files, alone, "test", tmp_path, "a.en, line 2: expected a target, found none; mend it")
    assert sides(files, pairs(table), tmp_path)[0] == [("A dog.", "Pies.", "Psisko."), ("A\u2028cat.", "Kot.")]


@pytest.mark.parametrize("number", [1, 4])
def test_files_of_different_numbers_of_lines(tmp_path, number):
    files = [text_file(tmp_path / "a.en", "one", "two"), text_file(tmp_path / "a.pl", *["x"] * number)]
    table = {"kind": "lines", "source": "a.en", "target": "a.pl"}
    expected = f"a.en: expected the same number of lines in aligned files, found 2 in a.en and {number} in a.pl$"
    refused(files, pairs(table, bad_rows="drop"), "test", tmp_path, expected)


def test_the_encoding_of_aligned_lines(tmp_path):
    files = [text_file(tmp_path / "a.en", "where"), tmp_path / "a.pl"]
    files[1].write_bytes("gdzież\n".encode("iso-8859-2"))
    table = {"kind": "lines", "source": "a.en", "target": "a.pl"}
    refused(files, pairs(table), "test", tmp_path, "a.pl")
    assert sides(files, pairs({**table, "encoding": "iso-8859-2"}), tmp_path)[0] == [("where", "gdzież")]


# dictionaries


def test_entries_of_a_dictionary(tmp_path):
    lines = [
        ";;; a comment", "# another", "a AH0", "a(2) EY1", "aalborg AO1 L B AO0 R G # place, danish", "",
        "read R EH1 D", "READ(1)  R IY1 D", "read(2) R IY1 D", "read(3) R EH1 D", "c# S IY1",
    ]  # fmt: skip
    table = {"kind": "dictionary", "file": "a.dict"}
    found, counts = sides([text_file(tmp_path / "a.dict", *lines)], pairs(table), tmp_path)
    assert found == [
        ("a", "AH0", "EY1"), ("aalborg", "AO1 L B AO0 R G"), ("read", "R EH1 D", "R IY1 D"), ("READ", "R IY1 D"),
        ("c#", "S IY1"),
    ]  # fmt: skip
    assert (counts["read"], counts["merged"]) == (8, 3)


def test_a_word_without_a_pronunciation_is_a_bad_row(tmp_path):
    files = [text_file(tmp_path / "a.dict", "a AH0", "b # B IY1")]
    table = {"kind": "dictionary", "file": "a.dict"}
    refused(files, pairs(table), "test", tmp_path, "a.dict, line 2: expected a target, found none")


# docstrings

CODE = '''"""What the module does.

  More of it.
"""
class Thing:
    """A thing.

    It is
      one.
    """
    async def method(self):
        r"""Does \\d.

        Really.

        """
def short():
    """No more than a summary."""
def cut():
    """A summary that goes on
    in the next line.

    So it is none.
    """
def blank():
    """Nothing below.


    """
def text():
    x = """No docstring.

    At all."""
'''


def test_docstrings_of_a_file_in_the_order_of_the_code(tmp_path):
    files = [text_file(tmp_path / "a.py", CODE)]
    found, counts = sides(files, pairs({"kind": "docstrings", "file": "a.py"}), tmp_path)
    assert found == [("More of it.", "What the module does."), ("It is\n  one.", "A thing."), ("Really.", "Does \\d.")]
    assert (counts["read"], counts["bad"]) == (3, 0)


def test_docstrings_of_an_archive_without_some_of_its_files(tmp_path):
    members = {
        "pkg/good.py": CODE, "pkg/note.txt": CODE, "pkg/tests/test_good.py": CODE, "test/x.py": CODE,
        "pkg/old.py": "print 'x'", "pkg/null.py": "x = 1\0", "pkg/coding.py": "# -*- coding: uft-8 -*-\n",
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, code in members.items():
            archive.writestr(name, code)
    table = {"kind": "docstrings", "file": "a.zip", "exclude": ["**/tests/**/*.py", "**/test/**/*.py"]}
    refused([tmp_path / "a.zip"], pairs(table), "test", tmp_path, "a.zip: pkg/coding.py: expected Python code, found none")
    found, counts = sides([tmp_path / "a.zip"], pairs(table, bad_rows="drop", bad_share=1), tmp_path)
    assert (len(found), counts["bad"]) == (3, 3)
    assert len(sides([tmp_path / "a.zip"], pairs({**table, "exclude": []}, bad_rows="drop", bad_share=1), tmp_path)[0]) == 9


# settings


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"tables": {"all": {"kind": "line", "source": "a"}}},
            r"tables.all: kind: expected one of 'table', 'lines', .* 'line'",
        ),
        ({"tables": {"all": {"kind": "lines", "source": "a"}}}, "tables.all.lines.target: this key is required"),
        ({"tables": {"all": {"file": "a", "sqll": "b"}}}, "tables.all.table.sqll: unknown key; did you mean sql?"),
        (
            {"tables": {"all": {"kind": "dictionary", "file": "a", "sql": "b"}}},
            "dictionary.sql: unknown key; expected one of enc",
        ),
        ({"tables": {"all": "a.tsv"}}, "tables.all.table: input should be a valid dictionary"),
        ({"tables": {"all": {"kind": "lines", "source": "a", "target": "b", "encoding": "x"}}}, "that Python knows, found 'x'"),
        ({"sides": {"source": {"words": [5, 3]}}}, r"sides.source.words: expected the least .* found \[5, 3\]"),
        ({"sides": {"target": {"word": [3, 5]}}}, "sides.target.word: unknown key; did you mean words?"),
        ({"sides": {"target": {"matches": "("}}}, "sides.target.matches: '.' is not a regular expression"),
        ({"sides": {"equal": "no"}}, "sides.equal: input should be 'keep' or 'drop', found 'no'"),
        ({"refernces": "x"}, "refernces: unknown key; did you mean references?"),
        ({"same_source": "join"}, "same_source: input should be 'keep' or 'merge', found 'join'"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(more, sentence):
    settings = {**BASE, "tables": {"all": {"file": "a.tsv"}}, **more}
    with pytest.raises(UserError, match=rf"^datasets\.mine\..*{sentence}") as error:
        check(AnyDataset, settings, "datasets.mine")
    assert "\n" not in str(error.value)


@pytest.fixture
def declared(merged):
    """The embedded default with an asset of several files and a data set of pairs from some of them."""

    def declare(**more):
        raw = merged()
        files = {"a.en": {}, "a.pl": {}, "b.tsv": {}, "c.tsv": {}}
        sources = [{"kind": "local", "path": "."}]
        raw["assets"]["books"] = {"about": "Books", "licence": "none", "files": files, "sources": sources}
        raw["datasets"]["mine"] = {**BASE, "title": "Mine", "asset": "books", **more}
        return resolve(raw)

    return declare


TABLES = {
    "train": {"kind": "lines", "source": "a.en", "target": ["a.pl"]},
    "validation": {"file": "b.tsv"},
    "test": {"file": "c.tsv"},
}


def test_the_job_of_a_split_reads_the_files_that_it_needs_and_gets_settings_that_its_program_takes(declared):
    resolved = declared(tables=TABLES, limit={"test": 3})
    (maker,) = KINDS["datasets"].makers
    for part, names in (("train", ["a.en", "a.pl", "b.tsv", "c.tsv"]), ("validation", ["b.tsv", "c.tsv"]), ("test", ["c.tsv"])):
        files = maker.inputs(resolved.artefacts, dataset="mine", part=part)["files"]
        assert [Path(file).name for file in files] == names
        settings = maker.settings(resolved.artefacts, dataset="mine", part=part)
        assert check(AnyDataset, {"title": "", **settings["dataset"]}, "--spec").kind == "pairs"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"tables": {"all": {"kind": "lines", "source": "a.en", "target": "a.de"}}}, "mine.tables.all.target: 'a.de' is not"),
        ({"tables": {"all": {"file": "b.tvs"}}}, "mine.tables.all.file: 'b.tvs' is not .*; did you mean 'b.tsv'?"),
        ({"tables": {"train": {"file": "b.tsv"}}}, "mine.tables: expected all alone, or train and test"),
        (
            {"tables": {"all": {"kind": "lines", "source": "a.en", "target": "a.pl"}}, "source": "en"},
            "mine.source: expected a column of a table where there is one, found 'en' for lines",
        ),
    ],
)
def test_what_does_not_go_together_is_told_before_a_job_starts(declared, more, sentence):
    with pytest.raises(UserError, match=sentence):
        declared(**more)
    declared(tables=TABLES, source="en")  # for the tables that have columns


def test_an_encoder_encodes_both_sides(declared):
    from relab.artefacts.datasets import text_columns

    assert text_columns(declared(tables=TABLES).artefacts.datasets["mine"].settings) == ["source", "target"]


# real pairs


@pytest.mark.skipif("RELAB_TEST_DATA" not in os.environ, reason="RELAB_TEST_DATA names no folder of larger real data")
def test_dialogues_and_their_summaries(tmp_path):
    folder = Path(os.environ["RELAB_TEST_DATA"]) / "samsum"
    files = [folder / "validation.json", folder / "test.json"]
    more = {"source": "dialogue", "target": "summary", "sides": {"source": {"words": [10, 400]}}}
    published = json.loads(files[1].read_text(encoding="utf-8"))
    lengths = {row["dialogue"].strip(): len(row["dialogue"].split()) for row in published}
    found, counts = sides(files, pairs("test.json", **more), tmp_path)
    assert {source for source, *_ in found} == {text for text, words in lengths.items() if 10 <= words <= 400}
    assert counts["read"] == len(published) == counts["rows"] + counts["outside_limits"]
    assert all(len(pair) == 2 and all(pair) for pair in found)
    tables = {"train": "validation.json", "test": "test.json"}
    parts = all_parts(files, dataset(BASE, tables=tables, **more), tmp_path)
    split_sources = [{row["source"] for row in rows} for rows, _ in parts.values()]
    assert sum(map(len, split_sources)) == len(set.union(*split_sources))
