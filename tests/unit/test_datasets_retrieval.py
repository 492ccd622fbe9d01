"""Retrieval data sets: documents, queries and judgments that fit each other, whatever is left out or sampled."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from relab.datasets.build import build
from relab.datasets.storage import DOCUMENTS, QRELS, read
from relab.errors import UserError
from relab.settings.datasets import PARTS, AnyDataset

#: Documents and queries of the made-up collection.
DOCUMENTS_MADE, QUERIES_MADE = 60, 20


def settings(**more):
    tables = {"corpus": {"file": "corpus.tsv"}, "queries": {"file": "queries.tsv"}, "qrels": {"file": "qrels.tsv"}}
    tables["qrels"] |= {"relevance": "grade"}
    given = {"kind": "retrieval", "title": "", "asset": "one", **tables, **more}
    return TypeAdapter(AnyDataset).validate_python(given)


def table(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, delimiter="\t").writerows([header, *rows])
    return path


def judged():
    """Query n is answered by the documents 3n, 3n + 1 and, by a grade of 0, not by 3n + 2; the last five have no answer."""
    rows = [(f"q{n}", f"d{3 * n + grade}", 2 - grade) for n in range(QUERIES_MADE - 5) for grade in range(3)]
    return [*rows, (f"q{QUERIES_MADE - 5}", "d0", 0)]


def collection(folder, corpus=None, queries=None, qrels=None):
    """The files of a collection, the made-up one but for what is given."""
    corpus = [(f"d{n}", f"document {n}") for n in range(DOCUMENTS_MADE)] if corpus is None else corpus
    queries = [(f"q{n}", f"query {n}") for n in range(QUERIES_MADE)] if queries is None else queries
    return [
        table(folder / "corpus.tsv", ("id", "text"), corpus),
        table(folder / "queries.tsv", ("id", "text"), queries),
        table(folder / "qrels.tsv", ("query", "document", "grade"), judged() if qrels is None else qrels),
    ]


def made(files, dataset, tmp_path):
    """Each part: documents and queries by id, judgments as grades by query and document; and what was counted."""
    counts = {part: build(files, dataset, part, tmp_path / "made" / f"{part}.parquet") for part in PARTS}
    found = {part: read(tmp_path / "made" / f"{part}.parquet") for part in PARTS}
    parts = {part: dict(zip(found[part]["id"], found[part]["text"], strict=True)) for part in ("corpus", "queries")}
    pairs = zip(found["qrels"]["query"], found["qrels"]["document"], strict=True)
    parts["qrels"] = dict(zip(pairs, found["qrels"]["relevance"], strict=True))
    return parts, counts


def refused(files, dataset, tmp_path, match):
    with pytest.raises(UserError, match=match) as error:
        made(files, dataset, tmp_path)
    assert "\n" not in str(error.value) and not list(tmp_path.glob("made/*.parquet"))


def test_parts_hold_what_the_tables_hold(tmp_path):
    parts, counts = made(collection(tmp_path), settings(), tmp_path)
    assert parts["corpus"] == {f"d{n}": f"document {n}" for n in range(DOCUMENTS_MADE)}
    assert parts["queries"] == {f"q{n}": f"query {n}" for n in range(15)}
    assert parts["qrels"] == {(query, document): grade for query, document, grade in judged()[:-1]}
    assert pq.read_schema(tmp_path / "made" / "corpus.parquet") == DOCUMENTS
    assert pq.read_schema(tmp_path / "made" / "qrels.parquet") == QRELS
    for part, rows in (("corpus", 60), ("queries", 15), ("qrels", 45)):
        assert counts[part] == {
            "rows": rows, "available": rows, "duplicates": 0, "near_duplicates": 0, "grouped": 0, "read": 126, "bad": 0,
            "broken": 0, "repeated": 0, "unanswered": 5,
        }  # fmt: skip


def test_queries_without_a_relevant_document_are_left_out_and_counted(tmp_path):
    qrels = [("q0", "d1", 1), ("q1", "d1", 0), ("q2", "d2", -1), ("q3", "d3", 0), ("q3", "d4", 3)]
    parts, counts = made(collection(tmp_path, qrels=qrels), settings(), tmp_path)
    assert list(parts["queries"]) == ["q0", "q3"]
    assert parts["qrels"] == {("q0", "d1"): 1, ("q3", "d3"): 0, ("q3", "d4"): 3}
    assert counts["queries"]["unanswered"] == QUERIES_MADE - 2
    refused(collection(tmp_path, qrels=qrels[1:3]), settings(), tmp_path / "none", "expected a query with a relevant document")


def test_without_grades_every_document_named_is_relevant(tmp_path):
    files = collection(tmp_path, qrels=[("q1", "d1", ""), ("q2", "d2", "")])
    parts, _ = made(files, settings(qrels={"file": "qrels.tsv"}), tmp_path)
    assert parts["qrels"] == {("q1", "d1"): 1, ("q2", "d2"): 1}


# limits


@pytest.mark.parametrize("corpus", [1, 12, 20, 59, 60, 1000])
def test_limits_keep_all_that_is_relevant_and_fill_up_with_others(tmp_path, corpus):
    dataset = settings(limit={"queries": 4, "corpus": corpus})
    parts, counts = made(collection(tmp_path), dataset, tmp_path)
    assert len(parts["queries"]) == 4
    wanted = {(query, document): grade for query, document, grade in judged() if query in parts["queries"]}
    assert parts["qrels"] == wanted
    assert {document for _, document in wanted} <= set(parts["corpus"])
    assert len(parts["corpus"]) == min(max(corpus, len(wanted)), DOCUMENTS_MADE)
    numbers = [int(name[1:]) for name in parts["corpus"]]
    assert numbers == sorted(numbers)
    assert (counts["queries"]["rows"], counts["queries"]["available"]) == (4, 15)
    assert counts["corpus"]["available"] == DOCUMENTS_MADE and counts["qrels"]["available"] == 45


def test_samples_are_drawn_by_the_seed(tmp_path):
    drawn = []
    for seed in (0, 0, 1):
        parts, _ = made(collection(tmp_path), settings(seed=seed, limit={"queries": 4, "corpus": 20}), tmp_path)
        drawn.append((list(parts["queries"]), list(parts["corpus"])))
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[2][0] and drawn[0][1] != drawn[2][1]


def test_a_larger_corpus_has_the_same_queries_and_all_documents_of_a_smaller_one(tmp_path):
    small, large = (
        made(collection(tmp_path), settings(limit={"queries": 4, "corpus": size}), tmp_path)[0] for size in (20, 40)
    )
    assert small["queries"] == large["queries"] and small["qrels"] == large["qrels"]
    assert set(small["corpus"]) < set(large["corpus"])


def test_the_same_bytes_twice(tmp_path):
    dataset = settings(limit={"queries": 4, "corpus": 20})
    content = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        made(collection(folder), dataset, folder)
        content.append([(folder / "made" / f"{part}.parquet").read_bytes() for part in PARTS])
    assert content[0] == content[1]


# queries that are documents


def test_a_query_is_no_answer_to_itself(tmp_path):
    names = [(f"d{n}", f"verse {n}") for n in range(6)]
    qrels = [("d0", "d0", 1), ("d0", "d1", 1), ("d1", "d1", 1), ("d2", "d4", 1), ("d3", "d4", 0), ("d3", "d3", 1)]
    files = collection(tmp_path, names, names, qrels)
    parts, counts = made(files, settings(queries_are_documents=True), tmp_path)
    assert parts["qrels"] == {("d0", "d1"): 1, ("d2", "d4"): 1}
    assert list(parts["queries"]) == ["d0", "d2"]
    assert list(parts["corpus"]) == [name for name, _ in names]
    assert counts["queries"]["unanswered"] == 4
    parts, _ = made(files, settings(), tmp_path)
    assert len(parts["qrels"]) == len(qrels) and list(parts["queries"]) == ["d0", "d1", "d2", "d3"]


# bad rows


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"corpus": [("d0", "one"), ("", "two")]}, "corpus.tsv, line 3: column 'id': expected an id, found none"),
        ({"corpus": [("d0", "one"), ("d9", " ")]}, "corpus.tsv, line 3: column 'text': expected a text, found none"),
        ({"corpus": [("d0", "one"), ("d0", "two")]}, "corpus.tsv, line 3: column 'id': two texts have the id 'd0'"),
        ({"queries": [("q0", "one"), ("q9", "")]}, "queries.tsv, line 3: column 'text': expected a text, found none"),
        ({"queries": [("q0", "one"), (" ", "x")]}, "queries.tsv, line 3: column 'id': expected an id, found none"),
        (
            {"qrels": [("q0", "d0", 1), ("q0", "d0", "high")]},
            "line 3: column 'grade': expected a whole number, or `grades` that map it, found 'high'",
        ),
        (
            {"qrels": [("q0", "d0", 1), ("q0", "d0", "")]},
            "line 3: column 'grade': expected a whole number, or `grades` that map it, found ''",
        ),
        (
            {"qrels": [("q0", "d0", 1), ("q0", "d0", 0)]},
            "line 3: judgment of 'q0' on 'd0': expected one grade, found 0 after 1",
        ),
        ({"qrels": [("q0", "d0", 1), ("", "d0", 1)]}, "line 3: column 'query': expected an id, found none"),
        ({"qrels": [("q0", "d0", 1), ("q0", "", 1)]}, "line 3: column 'document': expected an id, found none"),
    ],
)
def test_a_bad_row_is_an_error_or_left_out(tmp_path, changed, told):
    whole = {"corpus": [("d0", "one")], "queries": [("q0", "one")], "qrels": [("q0", "d0", 1)]}
    files = collection(tmp_path, **{**whole, **changed})
    refused(files, settings(), tmp_path, f"{told}; mend it, or leave such rows out")
    parts, counts = made(files, settings(bad_rows="drop"), tmp_path)
    assert parts == {"corpus": {"d0": "one"}, "queries": {"q0": "one"}, "qrels": {("q0", "d0"): 1}}
    assert counts["corpus"]["bad"] == 1 and counts["corpus"]["read"] == 4


def judged_in_json(folder, grades):
    """A collection whose document n has the grade n of the list for the only query."""
    files = collection(folder, [(f"d{n}", "x") for n in range(len(grades))], [("q0", "x")], [])
    judgments = [{"query": "q0", "document": f"d{n}", "grade": grade} for n, grade in enumerate(grades)]
    (folder / "qrels.jsonl").write_text("".join(json.dumps(judgment) + "\n" for judgment in judgments))
    return [*files[:2], folder / "qrels.jsonl"]


def graded(**more):
    return settings(qrels={"file": "qrels.jsonl", "relevance": "grade", **more})


@pytest.mark.parametrize("grade", [0.5, "0.5", 2.7, float("inf"), float("nan"), True, None, "", "1e3", "²", [1], 10**12])
def test_a_grade_is_a_whole_number_in_every_format(tmp_path, grade):
    refused(
        judged_in_json(tmp_path, [1, grade]),
        graded(),
        tmp_path,
        "line 2: column 'grade': expected a whole number, or `grades` that map it, found",
    )


def test_whole_numbers_are_grades_however_they_are_written(tmp_path):
    parts, _ = made(judged_in_json(tmp_path, [1, 2.0, "3", "4.0", -1, "+5"]), graded(), tmp_path)
    assert list(parts["qrels"].values()) == [1, 2, 3, 4, -1, 5]


def test_grades_of_which_the_lowest_is_best_or_that_are_words_are_mapped(tmp_path):
    files = judged_in_json(tmp_path, [1, 4.0, "3", 0.5, True])
    mapped = graded(grades={1: 3, "4": 0, 3.0: 1, 0.5: 2, "true": 7})
    refused(files, graded(grades={1: 3, 4: 0}), tmp_path, "line 3: column 'grade': expected one of '1', '4', found '3'")
    assert list(made(files, mapped, tmp_path)[0]["qrels"].values()) == [3, 0, 1, 2, 7]
    with pytest.raises(ValidationError, match="grades: expected only with `relevance`"):
        settings(qrels={"file": "qrels.jsonl", "grades": {1: 1}})
    with pytest.raises(ValidationError, match="found 1 and '1.0', which are compared as '1'"):
        graded(grades={1: 1, "1.0": 2})


def test_a_judgment_that_stands_twice_with_one_grade_is_counted(tmp_path):
    files = collection(tmp_path, [("d0", "one")], [("q0", "one")], [("q0", "d0", 1), ("q0", "d0", "1.0")])
    parts, counts = made(files, settings(), tmp_path)
    assert parts["qrels"] == {("q0", "d0"): 1} and (counts["qrels"]["repeated"], counts["qrels"]["bad"]) == (1, 0)


@pytest.mark.parametrize(
    ("judgment", "told"),
    [
        (("q0", "d9", 1), "qrels.tsv, line 3: judgment of 'q0' on 'd9': there is no document 'd9'"),
        (("q9", "d0", 1), "qrels.tsv, line 3: judgment of 'q9' on 'd0': there is no query 'q9'"),
    ],
)
def test_a_broken_reference_has_a_setting_of_its_own(tmp_path, judgment, told):
    files = collection(tmp_path, [("d0", "one")], [("q0", "one")], [("q0", "d0", 1), judgment])
    for bad_rows in ("error", "drop"):
        refused(files, settings(bad_rows=bad_rows), tmp_path, f"{told}; .* with the data set's `broken_references: drop`")
    parts, counts = made(files, settings(broken_references="drop"), tmp_path)
    assert parts == {"corpus": {"d0": "one"}, "queries": {"q0": "one"}, "qrels": {("q0", "d0"): 1}}
    assert (counts["corpus"]["bad"], counts["corpus"]["broken"]) == (0, 1)


def test_a_share_of_broken_references_above_the_bound_is_an_error(tmp_path):
    qrels = [(f"q{n}", f"d{n}" if n % 5 else f"D{n}", 1) for n in range(QUERIES_MADE)]
    files = collection(tmp_path, qrels=qrels)
    told = "line 2: .* no document 'D0'; `broken_references: drop` would leave out 4 such rows of 20, .* at most 0.05"
    refused(files, settings(broken_references="drop"), tmp_path, told)
    parts, counts = made(files, settings(broken_references="drop", bad_share=0.2), tmp_path)
    assert (len(parts["queries"]), counts["queries"]["broken"], counts["queries"]["unanswered"]) == (16, 4, 4)


def test_a_document_that_stands_twice_in_the_same_words_is_one(tmp_path):
    files = collection(tmp_path, [("d0", "one"), ("d0", "one"), ("d1", "one")], [("q0", "one")], [("q0", "d0", 1)])
    assert made(files, settings(), tmp_path)[0]["corpus"] == {"d0": "one", "d1": "one"}


def test_a_query_whose_only_document_was_bad_is_unanswered(tmp_path):
    files = collection(tmp_path, [("d0", "one"), ("d1", "")], [("q0", "x"), ("q1", "y")], [("q0", "d0", 1), ("q1", "d1", 1)])
    parts, counts = made(files, settings(bad_rows="drop"), tmp_path)
    assert list(parts["queries"]) == ["q0"]
    assert (counts["queries"]["bad"], counts["queries"]["unanswered"]) == (2, 1)  # the document, and the judgment on it


def test_a_document_of_several_columns(tmp_path):
    files = collection(tmp_path, queries=[("q0", "x")], qrels=[("q0", "1", 1)])
    table(files[0], ("number", "title", "body"), [("1", " Title ", "body"), ("2", "", "body alone")])
    corpus = {"file": "corpus.tsv", "id": "number", "text": ["title", "body"]}
    assert made(files, settings(corpus=corpus), tmp_path)[0]["corpus"] == {"1": "Title body", "2": "body alone"}
