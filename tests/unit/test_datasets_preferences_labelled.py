"""Preferences drawn from labelled texts: two texts that begin with the same words, the one with the preferred label chosen."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from support.made_datasets import all_parts, csv_file, dataset, jsonl_file, made, refused

BASE = {"kind": "preferences", "title": "", "asset": "one"}
FORM = {"kind": "labelled", "preferred": 1, "other": 0}
COUNTED = ("bad", "other_label", "repeated", "outside_limits", "without_partner")


def drawn(files, tmp_path, *, seed=0, table="a.csv", **more):
    """The whole texts of the pairs that come out, the rows, and what was counted."""
    form = {**FORM, **{key: more.pop(key) for key in tuple(more) if key in ("text", "label", "words", "pairs")}}
    settings = dataset(BASE, tables={"test": table}, form=form, draw={"seed": seed}, **more)
    rows, counts = made(files, settings, "test", tmp_path)
    return [(row["prompt"] + row["chosen"], row["prompt"] + row["rejected"]) for row in rows], rows, counts


def made_up(path, number=300, seed=1):
    """A file of texts of four first words, and the label of each text."""
    source = random.Random(seed)
    labels = {f"{source.choice('abcd')} word{index} {source.random()}": source.randint(0, 1) for index in range(number)}
    return [csv_file(path, labels.items())], labels


def test_two_texts_with_the_same_first_words_as_they_stand(tmp_path):
    texts = [
        (" the  film\tmakes sense", 1), ("the  film makes\nnone ", 0), ("the film is other", 1), ("The film is it", 0),
        ("a film", 1), ("a dog", 0),
    ]  # fmt: skip
    files = [csv_file(tmp_path / "a.csv", texts)]
    _, rows, _ = drawn(files, tmp_path, words=2)
    assert [tuple(row.values()) for row in rows] == [("the  film", "\tmakes sense", " makes\nnone")]
    pairs, _, _ = drawn(files, tmp_path, words=1)
    assert len(pairs) == 2 and ("a film", "a dog") in pairs


def test_each_text_is_in_one_pair_at_most_and_there_are_as_many_as_can_be(tmp_path):
    files, labels = made_up(tmp_path / "a.csv")
    pairs, rows, counts = drawn(files, tmp_path)
    used = [text for pair in pairs for text in pair]
    assert len(set(used)) == len(used) and set(used) <= set(labels)
    assert all((labels[chosen], labels[rejected]) == (1, 0) and chosen[0] == rejected[0] for chosen, rejected in pairs)
    sides = Counter((text[0], label) for text, label in labels.items())
    assert Counter(row["prompt"] for row in rows) == {word: min(sides[word, 0], sides[word, 1]) for word in "abcd"}
    assert counts["read"] == 300 == 2 * counts["rows"] + counts["without_partner"]


def test_partners_are_drawn_by_the_seed(tmp_path):
    files, _ = made_up(tmp_path / "a.csv")
    pairs = [drawn(files, tmp_path, seed=seed)[0] for seed in (0, 0, 1)]
    first_bytes = (tmp_path / "made" / "test.parquet").read_bytes()
    drawn(files, tmp_path, seed=1)
    assert (tmp_path / "made" / "test.parquet").read_bytes() == first_bytes
    assert pairs[0] == pairs[1]
    assert len(set(pairs[0]) & set(pairs[2])) < 20, "a partner by chance is the same one in one of some thirty pairs"


def test_pairs_of_one_prompt_are_limited(tmp_path):
    files, _ = made_up(tmp_path / "a.csv")
    every, (few, rows, counts) = drawn(files, tmp_path)[0], drawn(files, tmp_path, pairs=5)
    assert Counter(row["prompt"] for row in rows) == dict.fromkeys("abcd", 5)
    assert set(few) < set(every) and counts["without_partner"] == 300 - 2 * 20
    order = {pair: index for index, pair in enumerate(every)}
    places = [order[pair] for pair in few]
    assert places == sorted(places) and places != list(range(20)), "drawn, in the order of the table"


def test_what_is_left_out_is_counted_once(tmp_path):
    texts = [
        ("a b", 1), ("a  b", 0), ("a b", 2), ("a c", 0), ("a", 1), ("", 1), ("z y", 0), ("a b c d", 0), ("a x", "x"),
    ]  # fmt: skip
    files = [csv_file(tmp_path / "a.csv", texts)]
    sides = {"rejected": {"words": [1, 2]}}
    pairs, _, counts = drawn(files, tmp_path, bad_rows="drop", sides=sides)
    assert pairs == [("a b", "a c")]
    assert {key: counts[key] for key in COUNTED} == {
        "bad": 1, "other_label": 2, "repeated": 1, "outside_limits": 2, "without_partner": 1,
    }  # fmt: skip
    assert counts["read"] == len(texts) == 2 * counts["rows"] + sum(counts[key] for key in COUNTED)


def test_columns_of_other_names_and_labels_of_other_types(tmp_path):
    rows = [{"review": {"body": f"so {number}"}, "good": number % 2 == 0} for number in range(2)]
    form = {"kind": "labelled", "text": "review.body", "label": "good", "preferred": True, "other": False}
    settings = dataset(BASE, tables={"test": "a.jsonl"}, form=form)
    assert made([jsonl_file(tmp_path / "a.jsonl", rows)], settings, "test", tmp_path)[0] == [
        {"prompt": "so", "chosen": " 0", "rejected": " 1"}
    ]


@pytest.mark.parametrize(
    ("texts", "words", "sentence"),
    [
        ([("a b", 1), ("c d", 0)], 1, "with the same first word, labelled '1' and '0', found none among 1 and 1 texts"),
        ([("a b c", 1), ("a b d", 1)], 2, "with the same first 2 words, labelled '1' and '0', found none among 2 and 0 texts"),
        (
            [("a b c", "pos"), ("a b d", "neg")],
            1,
            "with the same first word, labelled '1' and '0', found none among 0 and 0 texts",
        ),
    ],
)
def test_texts_without_any_shared_prompt(tmp_path, texts, words, sentence):
    settings = dataset(BASE, tables={"all": "a.csv"}, form={**FORM, "words": words})
    message = f"^a.csv, columns 'text' and 'label': expected two texts {sentence}$"
    refused([csv_file(tmp_path / "a.csv", texts)], settings, "train", tmp_path, message)


def test_a_text_that_is_none_is_a_bad_row(tmp_path):
    settings = dataset(BASE, tables={"all": "a.csv"}, form=FORM)
    files = [csv_file(tmp_path / "a.csv", [("a b", 1), (" ", 0)])]
    refused(files, settings, "train", tmp_path, "a.csv, line 3: column 'text': expected a text, found none; mend it")


def test_no_prompt_lies_in_two_splits_of_many(tmp_path):
    source = random.Random(2)
    words = [f"{source.choice('bcdfgklm')}{source.choice('aeiou')}{source.choice('nrst')}{index}" for index in range(24)]
    texts = {f"{source.choice(words)} {source.choice(words)} text{index} {source.random()}": index % 2 for index in range(4000)}
    settings = dataset(BASE, tables={"all": "a.csv"}, form={**FORM, "words": 2, "pairs": 20})
    parts = all_parts([csv_file(tmp_path / "a.csv", texts.items())], settings, tmp_path)
    prompts = [{" ".join(row["prompt"].casefold().split()) for row in rows} for rows, _ in parts.values()]
    assert sum(map(len, prompts)) == len(set.union(*prompts)) > 300
    assert sum(counts["rows"] for _, counts in parts.values()) > 800
