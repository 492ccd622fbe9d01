"""Duplicates among rows: what counts as one, and that none lies in two splits, whether these are published or drawn."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import pytest
from pydantic import TypeAdapter

from relab.datasets import duplicates
from relab.datasets.build import build
from relab.datasets.duplicates import duplicate_groups, find_duplicates, normalised
from relab.datasets.storage import read
from relab.settings.datasets import SPLITS, AnyDataset, Duplicates

WORDS = [f"w{number}" for number in range(400)]


def dataset(tables, **more):
    labels = {"text": "text", "label": "label", "labels": {"0": "bad", "1": "good"}}
    tables = {name: {"file": table} for name, table in tables.items()}
    whole = {"kind": "classification", "title": "", "asset": "one", **labels, "tables": tables, **more}
    return TypeAdapter(AnyDataset).validate_python(whole)


def table(path, texts):
    with open(path, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([("text", "label"), *((text, number % 2) for number, text in enumerate(texts))])
    return path


def parts(files, settings, tmp_path):
    """The texts of each split and what was counted."""
    made = {}
    for part in SPLITS:
        counts = build(files, settings, part, tmp_path / f"{part}.parquet")
        made[part] = (read(tmp_path / f"{part}.parquet")["text"], counts)
    return made


def sentences(number, words=12, seed=0):
    """Sentences of words drawn evenly, no two of which share a run of four."""
    draws = np.random.default_rng(seed).integers(len(WORDS), size=(number, words))
    return [" ".join(WORDS[place] for place in row) for row in draws]


def changed(sentence, place, word="other"):
    """The sentence with another word at a place."""
    words = sentence.split()
    return " ".join([*words[:place], word, *words[place + 1 :]])


def jaccard(one, other, size):
    """Of the sets of word n-grams of two texts, by definition."""
    first, second = (
        {tuple(text.split()[start : start + size]) for start in range(len(text.split()) - size + 1)} for text in (one, other)
    )
    return len(first & second) / len(first | second)


@pytest.mark.parametrize(
    "text, form",
    [
        ("Good  MORNING, all!", "good morning all"),
        ("good morning all http://t.co/aB3?x=1", "good morning all"),
        ("www.example.org/a (good) morning -- ALL", "good morning all"),
        ("Don’t stop", "dont stop"),
        ("ﬁne ＡＢＣ", "fine abc"),
        ("sehr schön · Straße", "sehr schön strasse"),
        ("कि", "कि"),  # the vowel sign is no punctuation
        ("good 🙂", "good 🙂"),  # a sign that may be all the difference between two classes
        ("!!!", "!!!"),
        ("HTTP://T.CO/A", "http://t.co/a"),
    ],
)
def test_the_normal_form_of_a_text(text, form):
    assert normalised(text) == form
    assert normalised(form) == form


def test_rows_that_say_nothing_but_marks_are_no_duplicates_of_one_another():
    assert duplicate_groups([("!!!",), ("???",), ("http://a.b",), ("http://c.d",)], Duplicates()).tolist() == [0, 1, 2, 3]


def test_near_duplicates_are_those_whose_ngrams_are_alike():
    """Every pair from a sentence with one word after the other replaced: at the bound and above it, not below."""
    (base,) = sentences(1, words=11)
    variants = [base, *(changed(base, place) for place in range(11)), changed(changed(base, 0), 10), changed(base, 10, "more")]
    for size, bound in ((4, 0.5), (3, 0.5), (4, 0.75), (1, 0.8)):
        settings = Duplicates(words=size, similarity=bound)
        for one in variants:
            for other in variants:
                equal, near = find_duplicates([(one,)], [(other,)], settings)
                assert equal[0] == (one == other)
                assert near[0] == (one != other and jaccard(one, other, size) >= bound), (one, other, size, bound)


def test_near_duplicates_among_many_rows():
    """Of 300 pairs at a similarity of one half none or few are missed, and no two sentences are taken for near that are not."""
    ones = sentences(300, words=12)
    others = [changed(one, 2) for one in ones]  # 6 of 9 runs of four words stay: 6 / 12
    assert {jaccard(one, other, 4) for one, other in zip(ones, others, strict=True)} == {0.5}
    rows = [(text,) for text in [*ones, *others]]
    found = duplicate_groups(rows, Duplicates())
    assert np.array_equal(found[:300], np.arange(300))
    assert set(found[300:] - np.arange(300)) <= {0, 300}
    assert (found[300:] < 300).sum() >= 290
    equal, near = find_duplicates(rows[:300], rows[300:], Duplicates())
    assert not equal.any() and np.array_equal(near, found[300:] < 300)
    assert np.array_equal(duplicate_groups(rows, Duplicates(similarity=1)), np.arange(600))


@pytest.mark.parametrize("block", [1, 7])
def test_near_duplicates_are_the_same_however_many_pairs_are_compared_at_a_time(monkeypatch, block):
    rows = [(changed(text, place),) for text in sentences(20, words=30) for place in (0, 1, 29)]
    expected = duplicate_groups(rows, Duplicates()), *find_duplicates(rows[:50], rows[50:], Duplicates())
    assert np.array_equal(expected[0], np.arange(60) // 3 * 3) and expected[2].tolist() == [False] * 48 + [True] * 2
    monkeypatch.setattr(duplicates, "BLOCK", block)
    found = duplicate_groups(rows, Duplicates()), *find_duplicates(rows[:50], rows[50:], Duplicates())
    assert all(map(np.array_equal, found, expected))


def test_duplicates_of_duplicates_are_of_one_group():
    (base,) = sentences(1, words=20)
    chain = [base]
    for place in (0, 19, 1, 18, 2, 17):
        chain.append(changed(chain[-1], place, f"new{place}"))
    rows = [("something else altogether here",), *((text,) for text in chain), (base.upper(),)]
    assert jaccard(chain[0], chain[-1], 4) < 0.5
    assert duplicate_groups(rows, Duplicates()).tolist() == [0] + [1] * (len(chain) + 1)


def test_a_similarity_of_exactly_the_bound_is_near():
    """14 of 25: in floating point 0.56 · 25 is more than 14."""
    (text,) = sentences(1, words=25)
    rows = [(text,), (" ".join(text.split()[:14]),)]
    assert duplicate_groups(rows, Duplicates(words=1, similarity=0.56)).tolist() == [0, 0]


def test_short_texts_are_duplicates_where_they_are_equal():
    rows = [("good morning",), ("Good morning!",), ("good morning all",), ("morning good",)]
    assert duplicate_groups(rows, Duplicates()).tolist() == [0, 0, 2, 3]


def test_a_question_is_near_another_by_all_its_words():
    """Short choices that many questions share make no two of them near."""
    rows = [(stem, "maybe", "no", "yes") for stem in ("rain", "sun", "a b c d e f g h i j k", "z b c d e f g h i j k")]
    assert duplicate_groups(rows, Duplicates()).tolist() == [0, 1, 2, 2]


def test_without_normalising_only_what_equals_to_the_letter_is_equal():
    rows = [("Hi there",), ("hi there",), ("Hi there",), ("Hi  there!",)]
    assert duplicate_groups(rows, Duplicates(normalise=False, similarity=1)).tolist() == [0, 1, 0, 3]
    assert duplicate_groups(rows, Duplicates(similarity=1)).tolist() == [0, 0, 0, 0]


def test_published_splits_lose_training_rows_near_a_later_one_and_keep_the_test(tmp_path):
    texts = sentences(12)
    test, validation, own = texts[:4], texts[4:8], texts[8:]
    files = [
        table(tmp_path / "test.csv", [*test, changed(test[0], 0)]),
        table(tmp_path / "validation.csv", [*validation, test[1].upper(), changed(test[2], 11)]),
        table(tmp_path / "train.csv", [*own, f"{test[0]}!", changed(test[3], 1), changed(validation[0], 0), validation[1]]),
    ]
    made = parts(files, dataset({name: f"{name}.csv" for name in SPLITS}), tmp_path)
    assert made["test"][0] == [*test, changed(test[0], 0)]
    assert made["validation"][0] == validation
    assert made["train"][0] == own
    keys = ("duplicates", "near_duplicates", "grouped")
    counted = {part: [counts[key] for key in keys] for part, (_, counts) in made.items()}
    assert counted == {"train": [2, 2, 0], "validation": [1, 1, 0], "test": [0, 0, 0]}


def test_what_counts_as_a_duplicate_is_a_setting(tmp_path):
    test, validation, own = sentences(3)
    train = [own, own, test, f"{test}!", changed(test, 0)]
    rows = {"train": train, "validation": [validation], "test": [test]}
    files = [table(tmp_path / f"{name}.csv", texts) for name, texts in rows.items()]
    tables = {name: f"{name}.csv" for name in SPLITS}
    left = {}
    for normalise, similarity in ((True, 0.5), (True, 1), (False, 1)):
        settings = dataset(tables, duplicates={"normalise": normalise, "similarity": similarity})
        left[normalise, similarity] = parts(files, settings, tmp_path)["train"][1]["available"]
    assert left == {(True, 0.5): 2, (True, 1): 3, (False, 1): 4}


@pytest.mark.parametrize("tables", [{"all": "a.csv"}, {"train": "a.csv", "test": "b.csv"}])
def test_drawn_splits_hold_no_two_duplicates_and_every_row(tmp_path, tables):
    base = sentences(120)
    copies = [*(changed(text, 0) for text in base[:30]), *(f"{text.upper()} http://t.co/x" for text in base[20:50])]
    files = [table(tmp_path / "a.csv", [*base, *copies]), table(tmp_path / "b.csv", sentences(10, seed=1))]
    made = parts(files, dataset(tables, draw={"test": 0.3, "validation": 0.2}), tmp_path)
    split_of = {text: part for part, (rows, _) in made.items() for text in rows}
    assert all(split_of[changed(text, 0)] == split_of[text] for text in base[:30])
    assert all(split_of[f"{text.upper()} http://t.co/x"] == split_of[text] for text in base[20:50])
    drawn = [made[part][1] for part in SPLITS if part not in tables]
    assert sum(counts["grouped"] for counts in drawn) + (made["train"][1]["grouped"] if "train" in tables else 0) == 110
    assert sum(counts["available"] for _, counts in made.values()) == 180 + (10 if "test" in tables else 0)
    assert all(counts["duplicates"] == counts["near_duplicates"] == 0 for _, counts in made.values())


def test_rows_without_duplicates_are_drawn_as_though_nobody_had_looked_for_any(tmp_path):
    files = [table(tmp_path / "a.csv", sentences(60))]
    sides = [
        {part: rows for part, (rows, _) in parts(files, dataset({"all": "a.csv"}, duplicates=own), tmp_path).items()}
        for own in ({}, {"normalise": False, "similarity": 1})
    ]
    assert sides[0] == sides[1]
    assert Counter(map(len, sides[0].values())) == {42: 1, 6: 1, 12: 1}


def test_a_phrase_is_a_duplicate_of_the_sentence_that_it_stands_in_where_settings_say_so():
    """SST-2 is published as phrases: one of them in training would tell the label of its sentence in the test."""
    sentence = "a stirring , funny and finally transporting re imagining of beauty"
    rows = [(sentence,), ("Funny and finally transporting!",), ("re imagining of",), ("finally funny and transporting",)]
    settings = Duplicates(similarity=1, contained=True)
    assert duplicate_groups(rows, settings).tolist() == [0, 0, 2, 3], "three words, and words in another order, are none"
    assert duplicate_groups(rows, Duplicates(similarity=1)).tolist() == [0, 1, 2, 3]
    equal, near = find_duplicates(rows[1:], rows[:1], settings)
    assert (equal.tolist(), near.tolist()) == ([False, False, False], [True, False, False])


def test_phrases_go_to_the_side_of_their_sentence(tmp_path):
    whole = sentences(60)
    phrases = [" ".join(sentence.split()[3:9]) for sentence in whole]
    settings = dataset({"all": "all.csv"}, draw={"test": 0.3, "validation": 0.1}, duplicates={"contained": True})
    made = parts([table(tmp_path / "all.csv", [*whole, *phrases])], settings, tmp_path)
    for part in SPLITS:
        texts = set(made[part][0])
        assert texts and all((phrase in texts) == (sentence in texts) for phrase, sentence in zip(phrases, whole, strict=True))
