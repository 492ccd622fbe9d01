"""Data sets of preferences: what columns, dialogues, messages and labelled texts become, and what is left out."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.made_datasets import all_parts, csv_file, dataset, jsonl_file, made, refused

from relab.artefacts.datasets import text_columns
from relab.artefacts.registry import KINDS
from relab.datasets.storage import PREFERENCES
from relab.errors import UserError
from relab.settings.base import check
from relab.settings.config import resolve
from relab.settings.datasets import SPLITS, AnyDataset

BASE = {"kind": "preferences", "title": "", "asset": "one"}
SIDES = ("prompt", "chosen", "rejected")


def preferences(table, form=None, **more):
    """The settings of preference data whose test split is a table of its own, from which nothing is left out."""
    return dataset(BASE, tables={"test": table}, **({"form": form} if form else {}), **more)


def triples(files, settings, tmp_path):
    """The rows that come out, as tuples, and what was counted."""
    rows, counts = made(files, settings, "test", tmp_path)
    return [tuple(row[side] for side in SIDES) for row in rows], counts


def rows_file(tmp_path, *rows):
    return [jsonl_file(tmp_path / "a.jsonl", rows)]


# columns


def test_columns_of_tables_in_any_format_as_their_texts_stand(tmp_path):
    expected = [("The sky is", " blue.", " a\nlemon."), ("Name, it: ", 'a "dog"', "cat")]
    rows = [dict(zip(SIDES, row, strict=True)) for row in expected]
    files = [csv_file(tmp_path / "a.csv", expected, SIDES), jsonl_file(tmp_path / "a.jsonl", rows), tmp_path / "a.json"]
    files[2].write_text(json.dumps(rows), encoding="utf-8")
    files.append(tmp_path / "a.parquet")
    pq.write_table(pa.Table.from_pylist(rows), files[-1])
    digests = set()
    for file in files:
        assert triples([file], preferences(file.name), tmp_path)[0] == expected, file
        digests.add((tmp_path / "made" / "test.parquet").read_bytes())
    assert len(digests) == 1, "the same rows give the same bytes"
    assert pq.read_schema(tmp_path / "made" / "test.parquet") == PREFERENCES


def test_tab_separated_columns_of_other_names(tmp_path):
    (tmp_path / "a.tsv").write_text("worse\tq\tbetter\nno\twhy\tyes\n", encoding="utf-8")
    form = {"prompt": "q", "chosen": "better", "rejected": "worse"}
    assert triples([tmp_path / "a.tsv"], preferences("a.tsv", form), tmp_path)[0] == [("why", "yes", "no")]


def test_what_parts_prompts_from_answers_is_put_before_answers(tmp_path):
    rows = [{"prompt": "why", "chosen": "yes", "rejected": "no"}]
    messages = [
        {
            "prompt": "why",
            **{side: [{"role": role, "content": text} for role, text in (("user", "why"), ("assistant", answer))]
               for side, answer in (("chosen", "yes"), ("rejected", "no"))},
        }
    ]  # fmt: skip
    for kind, content in (("columns", rows), ("messages", messages)):
        file = jsonl_file(tmp_path / f"{kind}.jsonl", content)
        form = {"kind": kind, "prompt": "prompt", "join": " "}
        assert triples([file], preferences(file.name, form), tmp_path)[0] == [("why", " yes", " no")], kind


def test_columns_inside_columns(tmp_path):
    row = {"x": {"prompt": "why"}, "answers": {"good": "yes", "bad": "no"}}
    form = {"prompt": "x.prompt", "chosen": "answers.good", "rejected": "answers.bad"}
    assert triples(rows_file(tmp_path, row), preferences("a.jsonl", form), tmp_path)[0] == [("why", "yes", "no")]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", "none"),
        (" \n", "none"),
        (None, "none"),
        (3, "a value of the type int"),
        ([{"role": "user"}], "a value of the type list"),
    ],
)
def test_a_side_without_text_is_a_bad_row(tmp_path, side, value, found):
    good = dict(zip(SIDES, "abc", strict=True))
    files = rows_file(tmp_path, good, good | {side: value})
    message = f"a.jsonl, line 2: column '{side}': expected a text, found {found}; mend it"
    refused(files, preferences("a.jsonl"), "test", tmp_path, message)
    rows, counts = triples(files, preferences("a.jsonl", bad_rows="drop"), tmp_path)
    assert (rows, counts["read"], counts["bad"], counts["equal_sides"]) == ([("a", "b", "c")], 2, 1, 0)


def test_equal_answers_prefer_none_and_are_counted_apart(tmp_path):
    files = [csv_file(tmp_path / "a.csv", [("a", "b c", " b  c"), ("a", "b", "B"), ("", "b", "c")], SIDES)]
    message = "a.csv, line 2: expected two different answers, found the same one twice; mend it"
    refused(files, preferences("a.csv"), "test", tmp_path, message)
    rows, counts = triples(files, preferences("a.csv", bad_rows="drop"), tmp_path)
    assert (rows, counts["equal_sides"], counts["bad"]) == ([("a", "b", "B")], 1, 1)


def test_limits_of_each_side(tmp_path):
    rows = [
        ("one", "x", "y"),
        ("one two", "x", "y"),
        ("one two", "x x", "y"),
        ("one two", " 12345 ", "y"),
        ("one two", "x", "Y"),
    ]
    files = [csv_file(tmp_path / "a.csv", rows, SIDES)]
    nothing = preferences("a.csv", sides={"prompt": {"words": [9, 9]}})
    refused(
        files, nothing, "test", tmp_path, "the test split is empty: 5 rows read, 0 bad.*5 outside the limits, 0 equal sides"
    )
    sides = {"prompt": {"words": [2, 3]}, "chosen": {"words": [1, 1], "characters": [1, 5]}, "rejected": {"matches": "[a-z]"}}
    rows, counts = triples(files, preferences("a.csv", sides=sides), tmp_path)
    assert rows == [("one two", "x", "y"), ("one two", " 12345 ", "y")]
    assert (counts["read"], counts["outside_limits"], counts["rows"]) == (5, 3, 2)


# splits


def test_a_prompt_goes_to_one_split_with_all_its_rows_and_what_is_near_it(tmp_path):
    words = "what would you do about the number of cats and dogs in house"
    rows = [(f"{words} {number // 3}{'?' * (number % 3)}", f"good {number}", f"bad {number}") for number in range(90)]
    rows += [(f"Unlike {number} all that is said", f"good {number}", "bad") for number in range(60)]
    files = [csv_file(tmp_path / "a.csv", rows, SIDES)]

    def prompts(similarity, seed):
        more = {"duplicates": {"similarity": similarity}, "draw": {"seed": seed}}
        parts = all_parts(files, dataset(BASE, tables={"all": "a.csv"}, **more), tmp_path)
        assert sum(counts["rows"] for _, counts in parts.values()) == 150
        return [{row["prompt"].rstrip("?") for row in parts[part][0]} for part in SPLITS]

    for seed in range(3):
        distinct = prompts(1, seed)
        assert [len(part) > 5 for part in distinct] == [True] * 3 and sum(map(len, distinct)) == 90
        near = prompts(0.6, seed)
        assert sum(any(prompt.startswith(words) for prompt in part) for part in near) == 1 and sum(map(len, near)) == 90
    assert prompts(1, 1) == prompts(1, 1) != prompts(1, 2)


def test_a_prompt_of_a_later_published_split_is_left_out_whatever_its_answers(tmp_path):
    tables = {"train": [("Known!", "a", "b"), ("new", "a", "b")], "validation": [("new?", "c", "d"), ("apart", "c", "d")]}
    tables["test"] = [("known", "c", "d")]
    files = [csv_file(tmp_path / f"{name}.csv", [*rows, ("x" + name, "1", "2")], SIDES) for name, rows in tables.items()]
    parts = all_parts(files, dataset(BASE, tables={name: f"{name}.csv" for name in tables}), tmp_path)
    assert {part: [row["prompt"] for row in rows] for part, (rows, _) in parts.items()} == {
        "train": ["xtrain"], "validation": ["new?", "apart", "xvalidation"], "test": ["known", "xtest"],
    }  # fmt: skip
    assert parts["train"][1]["duplicates"] == 2


# dialogues

BEGINNING = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Why?"


def test_the_prompt_of_dialogues_is_their_common_beginning_up_to_its_last_answer(tmp_path):
    pairs = [
        (f"{BEGINNING}\n\nAssistant: Because it is.", f"{BEGINNING}\n\nAssistant: Because no."),
        (f"{BEGINNING} Now\n\nAssistant: x", f"{BEGINNING} Then\n\nAssistant: x"),  # they part before the last answer
        (f"{BEGINNING}\n\nAssistant: a\n\nHuman: b\n\nAssistant: c", f"{BEGINNING}\n\nAssistant: a"),
    ]
    lines = "".join(json.dumps(dict(zip(SIDES[1:], pair, strict=True))) + "\n" for pair in pairs)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    rows, _ = triples([tmp_path / "a.jsonl.gz"], preferences("a.jsonl.gz", {"kind": "dialogues"}), tmp_path)
    assert [(prompt + chosen, prompt + rejected) for prompt, chosen, rejected in rows] == pairs
    answer = "\n\nAssistant:"
    assert [row[0] for row in rows] == [BEGINNING + answer, "\n\nHuman: Hi" + answer, BEGINNING + answer]
    assert rows[0][1:] == (" Because it is.", " Because no.")


@pytest.mark.parametrize(
    ("chosen", "rejected", "sentence"),
    [
        ("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: c\n\nAssistant: b", "expected dialogues with the same beginning before"),
        ("\n\nAssistant: b", "\n\nAssistant: c", "expected dialogues with the same beginning before"),
        ("yes", "no", r"columns 'chosen' and 'rejected': .* before '\\n\\nAssistant:', found none"),
        (f"{BEGINNING}\n\nAssistant: ", f"{BEGINNING}\n\nAssistant: b", "expected a text as chosen, found none"),
        (f"{BEGINNING}\n\nAssistant: b", f"{BEGINNING}\n\nAssistant: b", "expected two different answers"),
        ("", "b", "column 'chosen': expected a text, found none"),
    ],
)
def test_dialogues_that_are_no_pair_are_bad_rows(tmp_path, chosen, rejected, sentence):
    files = rows_file(tmp_path, {"chosen": chosen, "rejected": rejected})
    refused(files, preferences("a.jsonl", {"kind": "dialogues"}), "test", tmp_path, f"a.jsonl, line 1: .*{sentence}")


# messages


def messages(*contents):
    return [{"content": content, "role": ("user", "assistant")[turn % 2]} for turn, content in enumerate(contents)]


def test_the_answers_are_the_last_messages_and_the_prompt_what_stands_before(tmp_path):
    rows = [
        {"prompt": "Why is it?", "chosen": messages("Why?", "So."), "rejected": messages("Why?", "No.")},
        {"prompt": "x", "chosen": messages("Hi", "Hello", "Why?", " So."), "rejected": messages("Hi", "Hello", "Why?", "No.")},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for files, file in (([tmp_path / "a.parquet"], "a.parquet"), (rows_file(tmp_path, *rows), "a.jsonl")):
        settings = preferences(file, {"kind": "messages"})
        assert triples(files, settings, tmp_path)[0] == [("Why?", "So.", "No."), ("Hi\n\nHello\n\nWhy?", " So.", "No.")]
        settings = preferences(file, {"kind": "messages", "prompt": "prompt"})
        assert triples(files, settings, tmp_path)[0] == [("Why is it?", "So.", "No."), ("x", " So.", "No.")]


def test_messages_of_the_prompt_may_stand_in_a_column_of_their_own(tmp_path):
    answers = {"better": messages("", "So.")[1:], "worse": messages("", "No.")[1:]}
    form = {"kind": "messages", "prompt": "asked", "chosen": "better", "rejected": "worse"}
    files = rows_file(tmp_path, {"asked": messages("Why?"), **answers})
    without = preferences("a.jsonl", {key: column for key, column in form.items() if key != "prompt"})
    refused(files, without, "test", tmp_path, "expected a text as prompt, found none")
    assert triples(files, preferences("a.jsonl", form), tmp_path)[0] == [("Why?", "So.", "No.")]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chosen": messages("How?", "So.")}, "expected the same messages before the last one, found different ones"),
        ({"chosen": messages("Why?", "Why?", "So.")}, "expected the same messages before the last one"),
        (
            {"chosen": "So."},
            "column 'chosen': expected a list of messages, each with a role and a content, found a value of the type str",
        ),
        ({"chosen": []}, "column 'chosen': expected a list of messages"),
        ({"rejected": None}, "column 'rejected': .* found none"),
        ({"rejected": ["Why?", "No."]}, "column 'rejected': .* found a value of the type list"),
        ({"rejected": [{"from": "human", "value": "Why?"}]}, "column 'rejected': .* found a value of the type list"),
        ({"rejected": messages("Why?", "So.")}, "expected two different answers, found the same one twice"),
        ({"rejected": messages("Why?", " ")}, "expected a text as rejected, found none"),
    ],
)
def test_messages_that_are_no_pair_are_bad_rows(tmp_path, change, sentence):
    files = rows_file(tmp_path, {"chosen": messages("Why?", "So."), "rejected": messages("Why?", "No.")} | change)
    refused(files, preferences("a.jsonl", {"kind": "messages"}), "test", tmp_path, f"a.jsonl, line 1: .*{sentence}")


# settings and jobs


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"form": {"kind": "message"}}, "form: kind: expected one of 'columns', 'dialogues', 'messages', 'labelled', found"),
        ({"form": {"promt": "x"}}, "form.columns.promt: unknown key; did you mean prompt?"),
        ({"form": {"kind": "dialogues", "words": 2}}, "form.dialogues.words: unknown key; expected one of chosen, kind, rej"),
        ({"form": {"kind": "labelled", "preferred": 1}}, "form.labelled.other: this key is required"),
        (
            {"form": {"kind": "labelled", "preferred": 1, "other": "1"}},
            "form.labelled: expected two labels.*found '1' for both",
        ),
        ({"form": {"kind": "labelled", "preferred": 1, "other": 0, "words": 0}}, "form.labelled.words: .*, found 0"),
        ({"sides": {"chosn": {}}}, "sides.chosn.*: input should be 'prompt', 'chosen' or 'rejected', found 'chosn'"),
        ({"sides": {"chosen": {"words": [5, 3]}}}, r"sides.chosen.words: expected the least .* found \[5, 3\]"),
    ],
)
def test_a_mistake_in_the_settings_is_told_in_one_sentence(more, sentence):
    settings = {**BASE, "tables": {"all": {"file": "a.tsv"}}, **more}
    with pytest.raises(UserError, match=rf"^datasets\.mine\..*{sentence}") as error:
        check(AnyDataset, settings, "datasets.mine")
    assert "\n" not in str(error.value)


def test_the_job_of_a_split_gets_settings_that_its_program_takes(merged, tmp_path):
    raw = merged()
    files = {"train.csv": {}, "test.csv": {}}
    raw["assets"]["mine"] = {"about": "", "licence": "", "files": files, "sources": [{"kind": "local", "path": "."}]}
    tables = {name: {"file": f"{name}.csv"} for name in ("train", "test")}
    form = {"kind": "labelled", "preferred": 1, "other": 0}
    raw["datasets"]["mine"] = {**BASE, "title": "Mine", "asset": "mine", "tables": tables, "form": form, "limit": {"test": 1}}
    artefacts = resolve(raw).artefacts
    (maker,) = KINDS["datasets"].makers
    texts = {"train": ["a b", "a c", "b d", "b e"], "test": ["c f", "c g", "d h", "d i"]}
    paths = {
        name: csv_file(tmp_path / f"{name}.csv", [(text, number % 2) for number, text in enumerate(texts[name])])
        for name in texts
    }
    for part, needed in (("train", ["train", "test"]), ("validation", ["train", "test"]), ("test", ["test"])):
        inputs = maker.inputs(artefacts, dataset="mine", part=part)["files"]
        assert inputs == [f"results/assets/mine/{name}.csv" for name in needed]
        settings = maker.settings(artefacts, dataset="mine", part=part)["dataset"]
        dataset = check(AnyDataset, {"title": "", **settings}, "--spec")
        rows, counts = made([paths[name] for name in needed], dataset, part, tmp_path)
        assert len(rows) == 1 and counts["available"] == (2 if part == "test" else 1)
    assert text_columns(artefacts.datasets["mine"].settings) == list(SIDES)
