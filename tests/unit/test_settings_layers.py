"""Settings as users write them: what YAML would lose, words that are text where text is meant, how cells compare with them."""

from __future__ import annotations

from typing import Literal

import pytest
from support.runs import CHECKOUT

from relab.comparable import comparable
from relab.errors import UserError
from relab.settings.base import Float, Int, Settings
from relab.settings.config import resolve
from relab.settings.layers import as_meant, read_layer, read_yaml
from relab.settings.merging import merged


class _Inner(Settings):
    kind: Literal["a"] = "a"
    word: str
    list_of_words: list[str] = []
    mixed: dict[str, str | list[str]] = {}


class _Group(Settings):
    word: str = ""
    maybe: str | None = None
    number: Int = 0
    share: Float = 0.0
    switch: bool = False
    several: list[Int] = []
    inner: dict[str, _Inner] = {}


def _read(folder, text, *meanings):
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path, *meanings)


@pytest.mark.parametrize("word", ["no", "Yes", "on", "OFF", "true", "1984", "007", "1_000", "12:30", "1.0", ".5", "2026-11-28"])
def test_a_word_stays_as_it_was_typed_where_text_is_meant(tmp_path, word):
    below = f"{{word: {word}, list_of_words: [{word}], mixed: {{{word}: [{word}]}}}}"
    text = f"word: {word}\nmaybe: {word}\ninner: {{{word}: {below}}}"
    inner = {"word": word, "list_of_words": [word], "mixed": {word: [word]}}
    assert _read(tmp_path, text, _Group) == {"word": word, "maybe": word, "inner": {word: inner}}


def test_a_word_is_what_yaml_reads_where_no_text_is_meant(tmp_path):
    read = _read(tmp_path, "number: 3\nshare: 0.5\nswitch: no\nseveral: [1, 2]\nunknown: yes\nword: ~", _Group)
    assert read == {"number": 3, "share": 0.5, "switch": False, "several": [1, 2], "unknown": True, "word": None}


def test_quotation_marks_and_anchors_mean_what_they_do_in_yaml(tmp_path):
    read = _read(tmp_path, "a: &a {number: 1, word: 'no'}\nb: {<<: *a, number: 2}\nc: {<<: *a}\n", dict[str, _Group])
    assert read == {
        "a": {"number": 1, "word": "no"},
        "b": {"number": 2, "word": "no"},
        "c": {"number": 1, "word": "no"},
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("corpora: {}\nassets: {}\ncorpora: {}\n", "line 3: the key 'corpora' stands in line 1 already"),
        ("a:\n  b: 1\n  'b': 2\n", "line 3: the key 'b' stands in line 2 already"),
        ("a:\n  - {x: 1, x: 2}\n", "line 2: the key 'x' stands in line 2 already"),
        ("a: {1: x, '1': y}\n", "line 1: the key '1' stands in line 1 already"),
        ("a: &x {b: 1}\nc: {<<: *x, d: 1, d: 2}\n", "line 2: the key 'd' stands"),
        ("? [a, b]\n: c\n", "line 1: expected a word as a key"),
        ("a: &a [*a]\n", "line 1: expected a value, found one that holds itself"),
        ("a: [1\nb: 2\n", "line 2: not YAML"),
        ("a: \x00\n", "not YAML"),
    ],
)
def test_what_yaml_would_lose_is_an_error_that_names_the_lines(tmp_path, text, sentence):
    with pytest.raises(UserError) as error:
        _read(tmp_path, text)
    assert sentence in str(error.value) and "mine.yaml" in str(error.value) and "\n" not in str(error.value)


def test_a_layer_may_be_json(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{\n\t"a": {"b": 1, "c": false}}')
    assert read_layer(path) == {"a": {"b": 1, "c": False}}
    path.write_text('{"a": {"b": 1, "b": 2}}')
    with pytest.raises(UserError, match="the key 'b' stands twice"):
        read_layer(path)


def test_a_word_in_one_layer_and_the_quoted_one_in_another_are_one_key(tmp_path):
    (tmp_path / "one.yaml").write_text("a: {no: 1, 5: 2}")
    (tmp_path / "two.yaml").write_text("a: {'no': 3, '5': 4}")
    assert as_meant(merged([tmp_path / "one.yaml", tmp_path / "two.yaml"])) == {"a": {"no": 3, "5": 4}}


def test_names_labels_and_titles_of_a_configuration_may_be_such_words(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "corpora: {1984: {title: 1984, language: no, reader: {kind: given, texts: [yes, no]}}}\n"
        "rows: {A3: {name: on}}\n"
    )  # fmt: skip
    resolved = resolve(
        merged([*(CHECKOUT / "config" / name for name in ("assets.yaml", "config.yaml")), tmp_path / "mine.yaml"])
    )
    corpus = resolved.artefacts.corpora["1984"].settings
    assert (corpus.title, corpus.language, corpus.reader.texts) == ("1984", "no", ["yes", "no"])
    assert resolved.rows["A3"].paths.name == "on"


@pytest.mark.parametrize(
    ("cell", "setting", "equal"),
    [
        ("true", True, True), ("True", True, True), (True, "TRUE", True), ("false", False, True), (True, False, False),
        ("1", 1, True), (1.0, 1, True), ("1.0", 1, True), ("1.0", "1", True), (1, True, False), ("0", False, False),
        ("no", "no", True), (False, "no", False), ("No", "no", False), (" mit ", "mit", True), ("01", 1, False),
        (0.5, "0.5", True), (None, "", True), (None, "None", False),
    ],
)  # fmt: skip
def test_cells_and_settings_compare_by_one_rule(cell, setting, equal):
    assert (comparable(cell) == comparable(setting)) is equal
