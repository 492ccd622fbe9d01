"""Files of test collections as their publishers write them: SMART, TREC, BEIR."""

from __future__ import annotations

import json

import pytest
from pydantic import TypeAdapter, ValidationError
from support.overlays import overlay_of_check

from relab.datasets.build import build
from relab.datasets.storage import read
from relab.errors import UserError
from relab.settings.datasets import AnyDataset, Judgments
from relab.tabular import TableFormat, read_rows

DOCUMENTS = """.I 1
.T
experimental investigation
of wings .
.A
brenckman,m.
.B
j. ae. scs. 25, 1958.
.W
experimental investigation
of wings .
  . a study
.I 3
.A
ting,l.
.A
li,y.
.W
.X
1	5	3
"""
#: The ids of Cranfield's queries are not those of its judgments, which count the queries.
QUERIES = ".I 001\n.W\nwhat flows .\n.I 004\n.W\nwhat is a wing .\n"
JUDGMENTS = "1 1  2 \n2\t3 -1\n\n2 1 4\n"
TOPICS = """<top>
<head> Tipster Topic Description
<num> Number:  051
<title> Topic:  Airbus &amp; AT&T
<desc> Description:
a < b,
two lines
<narr> Narrative:
None.
</top>

<top><num>MB2</num><title>Closed</title></top>
"""
XML = """<?xml version="1.0"?>
<topics task="web">
 <topic number="7" type="faceted"><query>horse hooves</query>
  <subtopic number="1">first</subtopic> <subtopic number="2">second</subtopic></topic>
</topics>"""


def rows(tmp_path, content, form, columns=(), **more):
    (tmp_path / "file").write_text(content, encoding="utf-8")
    located = list(read_rows(tmp_path / "file", columns, TableFormat(form=form, **more)))
    return [row for _, row in located], [location.rpartition("line ")[2] for location, _ in located]


def test_texts_of_smart_have_their_fields_and_are_counted(tmp_path):
    texts, lines = rows(tmp_path, DOCUMENTS, "smart", ["id", "text", "title"])
    title = "experimental investigation\nof wings ."
    assert texts[0] == {
        "id": "1", "number": 1, "title": title, "author": "brenckman,m.", "source": "j. ae. scs. 25, 1958.",
        "text": f"{title}\n  . a study",
    }  # fmt: skip
    assert texts[1] == {"id": "3", "number": 2, "author": "ting,l.\n\nli,y.", "text": "", "X": "1\t5\t3"}
    assert lines == ["1", "13"]


def test_topics_of_trec_in_open_tags_and_in_xml(tmp_path):
    topics, lines = rows(tmp_path, TOPICS, "topics", ["id", "title", "narrative"])
    assert [topic["id"] for topic in topics] == ["51", "MB2"] and lines == ["1", "12"]
    assert [topic["title"] for topic in topics] == ["Airbus & AT&T", "Closed"]
    assert (topics[0]["description"], topics[0]["narrative"]) == ("a < b,\ntwo lines", "None.")
    assert rows(tmp_path, XML, "topics")[0] == [{"id": "7", "query": "horse hooves", "subtopic": "first\nsecond"}]


@pytest.mark.parametrize(
    "content, header, wanted",
    [
        (JUDGMENTS, None, [("1", "1", "2"), ("2", "3", "-1"), ("2", "1", "4")]),
        ("301 0 FBIS-1  1\n302\t0\tFT-2 0\n", None, [("301", "FBIS-1", "1"), ("302", "FT-2", "0")]),
        ("     1     28\t0\t0.000000\n     1     35\t0\t0.000000\n", None, [("1", "28", "1"), ("1", "35", "1")]),
        ("d1 2 q1\n", ("document", "relevance", "query"), [("q1", "d1", "2")]),
    ],
)
def test_judgments_parted_by_any_blanks(tmp_path, content, header, wanted):
    judgments, _ = rows(tmp_path, content, "qrels", ["query"], header=header)
    assert [(row["query"], row["document"], row["relevance"]) for row in judgments] == wanted


@pytest.mark.parametrize(
    "form, content, told",
    [
        ("smart", "text\n.I 1\n", "line 1: expected `.I` and an id, found 'text'"),
        ("smart", ".I 1\ntext\n", "line 2: expected a field such as `.W`, found 'text'"),
        ("smart", ".I 1\n.W\na\n.I\n", "line 4: expected an id after .I, found None"),
        ("topics", "<top>\n<num> 1\n", "line 1: expected a topic from <top>"),
        ("topics", "\n<top><title>a</top>", "line 2: expected a topic with a number"),
        ("topics", "<top><num>1</top>\nmore", "line 2: .*found 'more'"),
        ("qrels", "1 0 d 1\n1 d 1\n", "line 2: expected the 4 cells query, iteration, document, relevance, found 3"),
        ("qrels", "1 d\n", "line 1: expected a query, a document and a grade, found 2 cells"),
    ],
)
def test_files_that_are_not_of_their_form_are_told_in_one_sentence(tmp_path, form, content, told):
    with pytest.raises(UserError, match=told) as error:
        rows(tmp_path, content, form, ["id"])
    assert "\n" not in str(error.value)


def cranfield(folder):
    folder.mkdir()
    for name, content in (("cran.all.1400", DOCUMENTS), ("cran.qry", QUERIES), ("cranqrel", "1 1 2\n2 1 4\n")):
        (folder / name).write_text(content, encoding="utf-8")


def beir(folder):
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": "d1", "title": "Wings", "text": "They lift."}, {"_id": "d2", "title": "", "text": "Flows."}]
    for name, texts in (("corpus", documents), ("queries", [{"_id": "1", "text": "what flows?", "metadata": {"a": 1}}])):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(text)}\n" for text in texts), encoding="utf-8")
    for split in ("dev", "test"):
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n1\td2\t1\n", encoding="utf-8")


@pytest.mark.parametrize(
    "publish, queries, wanted",
    [
        (cranfield, {"1": "what flows .", "2": "what is a wing ."}, [("1", "1", 2), ("2", "1", 4)]),
        (beir, {"1": "what flows?"}, [("1", "d2", 1)]),
    ],
)
def test_a_folder_is_read_by_the_overlay_that_check_prints(tmp_path, publish, queries, wanted):
    folder = tmp_path / "collection"
    publish(folder)
    overlay = overlay_of_check(folder)
    ((_, asset),), ((_, declared),) = overlay["assets"].items(), overlay["datasets"].items()
    members = asset["sources"][0].get("members", {})
    for file in asset["files"]:  # what the job that fetches the asset makes
        (tmp_path / file).write_bytes((folder / members.get(file, file)).read_bytes())
    files = [tmp_path / file for file in asset["files"]]
    parts = {}
    declared["bad_rows"] = "drop"  # a document of Cranfield has no text
    for part in ("queries", "qrels"):
        build(files, TypeAdapter(AnyDataset).validate_python(declared), part, tmp_path / f"{part}.parquet")
        parts[part] = read(tmp_path / f"{part}.parquet")
    assert dict(zip(parts["queries"]["id"], parts["queries"]["text"], strict=True)) == queries
    assert list(zip(*(parts["qrels"][column] for column in ("query", "document", "relevance")), strict=True)) == wanted


def test_judgments_of_trec_have_grades_unless_the_settings_say_otherwise():
    for table in ({"file": "a", "format": "qrels"}, {"file": "robust.qrels.gz"}):
        assert Judgments.model_validate(table).relevance == "relevance"
        assert Judgments.model_validate({**table, "relevance": None}).relevance is None
    assert Judgments.model_validate({"file": "a.tsv"}).relevance is None
    with pytest.raises(ValidationError, match="expected only with `format: csv` or `tsv`, found `format: qrels`"):
        Judgments.model_validate({"file": "a", "format": "qrels", "delimiter": " "})


def test_files_of_one_collection_are_recognised_alone(tmp_path):
    (tmp_path / "cran.all.1400").write_text(DOCUMENTS, encoding="utf-8")
    (reader,) = (corpus["reader"] for corpus in overlay_of_check(tmp_path / "cran.all.1400")["corpora"].values())
    assert (reader["column"], reader["format"]) == ("text", "smart")
