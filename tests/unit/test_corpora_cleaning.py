"""Cleaning does what the settings say, in their order, and accounts for every character that went."""

from __future__ import annotations

import os
import random
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from relab.corpora.cleaning import Cleaner, treatment
from relab.settings.corpora import Cleaning


def clean(text, **settings):
    cleaner = Cleaner(Cleaning(**settings))
    return cleaner(text), cleaner


@pytest.mark.parametrize(
    "text, expected, account",
    [
        ("a\u00adb", "ab", {("\u00ad", "invisible"): 1}),  # soft hyphen
        ("\ufeffa\u200bb\u200b", "ab", {("\ufeff", "invisible"): 1, ("\u200b", "invisible"): 2}),
        ("a\u202eb\u2066c\u200f", "abc", {("\u202e", "invisible"): 1, ("\u2066", "invisible"): 1, ("\u200f", "invisible"): 1}),
        (
            "a\x00b\x1bc\x7f\x9d",
            "abc",
            {("\x00", "control"): 1, ("\x1b", "control"): 1, ("\x7f", "control"): 1, ("\x9d", "control"): 1},
        ),
        ("a\ue000\U000f0000b", "ab", {("\ue000", "private use"): 1, ("\U000f0000", "private use"): 1}),
        ("a\ufffdb", "ab", {("\ufffd", "undecodable"): 1}),
        (
            "a\ufffe\ufdd0\U0010ffffb",
            "ab",
            {("\ufffe", "noncharacter"): 1, ("\ufdd0", "noncharacter"): 1, ("\U0010ffff", "noncharacter"): 1},
        ),
        ("a\ud800b", "ab", {("\ud800", "surrogate"): 1}),
        ("☂\ufe0f", "☂", {("\ufe0f", "invisible"): 1}),
        ("a \t\nb  \n", "a\nb", {(" ", "trailing blank"): 3, ("\t", "trailing blank"): 1, ("\n", "outer line end"): 1}),
        ("\n\n  a\n\n", "  a", {("\n", "outer line end"): 4}),
        ("a\tb\n\n\nc", "a\tb\n\n\nc", {}),
    ],
)
def test_problematic_characters_are_removed_and_counted(text, expected, account):
    cleaned, cleaner = clean(text)
    assert cleaned == expected
    assert cleaner.removed == account


def test_other_blanks_and_line_ends_are_mapped_and_counted():
    cleaned, cleaner = clean("a\u00a0b\u2003c\u3000d\x0ce\u2028f\x85g\r\nh\ri")
    assert cleaned == "a b c d\ne\nf\ng\nh\ni"
    assert cleaner.mapped == {
        ("\u00a0", "blank"): 1,
        ("\u2003", "blank"): 1,
        ("\u3000", "blank"): 1,
        ("\x0c", "line end"): 1,
        ("\u2028", "line end"): 1,
        ("\x85", "line end"): 1,
    }
    assert not cleaner.removed


def test_letters_marks_digits_and_signs_of_all_scripts_stay():
    text = "è ü ñ ß Ж 中 あ ק ع क्षि ⅓ … — « » € 🙂 ◌́"
    assert clean(text)[0] == unicodedata.normalize("NFC", text)


def test_characters_named_in_keep_stay():
    persian = "می\u200cخواهم"
    assert clean(persian)[0] == persian.replace("\u200c", "")
    assert clean(persian, keep="\u200c")[0] == persian


@pytest.mark.parametrize("form, expected", [("NFC", "perché ﬁ ²"), ("NFKC", "perché fi 2"), ("none", "perche\u0301 ﬁ ²")])
def test_unicode_normalisation(form, expected):
    assert clean("perche\u0301 ﬁ ²", unicode=form)[0] == expected


def test_replacement_is_one_pass_with_the_longest_first_and_counted():
    cleaned, cleaner = clean("e` a-- b- <<c>>", replace={"-": "--", "--": "—", "e`": "è", "<<": "«", ">>": "»", "«": "X"})
    assert cleaned == "è a— b-- «c»"
    assert cleaner.replaced == {"e`": 1, "--": 1, "-": 1, "<<": 1, ">>": 1, "«": 0}


def test_a_replaced_string_may_be_typed_in_another_form_of_unicode_than_the_text():
    composed, typed_apart = "caf\u00e9", "e\u0301"
    for text in (composed, unicodedata.normalize("NFD", composed)):
        cleaned, cleaner = clean(text, replace={typed_apart: "e"})
        assert (cleaned, cleaner.replaced) == ("cafe", {"\u00e9": 1})
    assert clean("ﬁn", unicode="NFKC", replace={"ﬁ": "x"})[0] == "xn"
    assert clean(composed, unicode="none", replace={typed_apart: "e"})[0] == composed
    with pytest.raises(ValidationError, match="'\u00e9' stands twice, in two forms of Unicode"):
        Cleaning(replace={"\u00e9": "e", typed_apart: "E"})


@pytest.mark.parametrize("sign", "\u0600\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\ufff9\U00013430")
def test_format_characters_that_a_reader_sees_are_text(sign):
    """Unicode's prepended concatenation marks and others of its category Cf that it does not call default ignorable."""
    cleaned, cleaner = clean(f"a{sign}\u0662\u200f\u2060\u061c")
    assert cleaned == f"a{sign}\u0662"
    assert {character for character, _ in cleaner.removed} == {"\u200f", "\u2060", "\u061c"}


def test_steps_follow_the_documented_order():
    # normalised before it is replaced, replaced before case is folded and before problems go
    cleaned, _ = clean("E\u0300\u00a0Ab\r\n", replace={"È": "Ei", "\u00a0": "_", "Ab\n": "Cd"}, fold_case=True)
    assert cleaned == "ei_cd"


def test_rare_characters_go_and_leave_no_blanks_behind():
    cleaner = Cleaner(Cleaning())
    assert cleaner.remove_characters({"§", "¶"}, "a §§\nb ¶ c\n§") == "a\nb  c"
    assert cleaner.removed == {("§", "rare"): 3, ("¶", "rare"): 1, (" ", "trailing blank"): 1, ("\n", "outer line end"): 1}


def test_a_blank_text_becomes_empty():
    assert clean(" \t\n\u200b\n \u00a0")[0] == ""


def test_a_long_run_of_blanks_inside_a_line_takes_no_longer_than_reading_it():
    text = "a" + " " * 300_000 + "b"
    assert clean(text)[0] == text


def test_mojibake_is_mended_and_whole_text_is_left_alone():
    assert clean("perchÃ© lâ€™acqua", mojibake=True)[0] == "perché l’acqua"
    whole = "perché l’acqua — «così»"
    cleaned, cleaner = clean(whole, mojibake=True)
    assert cleaned == whole and cleaner.mended == 0


def test_closing_quotation_marks_that_lost_a_byte_are_mended():
    cleaned, cleaner = clean("â€œHello!â€ said\nâ€œYes.â€\nplain", mojibake=True)
    assert cleaned == "“Hello!” said\n“Yes.”\nplain"
    assert cleaner.mended == 2


def test_no_character_is_lost_but_those_counted():
    """On random text of every kind of character: what came in is what came out, what was removed and what was mapped."""
    random_ = random.Random(0)
    alphabet = [*"abc  \n\n\t.è漢🙂", *"\x00\x0c\x85\u00a0\u00ad\u200b\u2003\u2028\ue000\ufe0f\ufffd\ufffe\U000e0001"]
    cleaner = Cleaner(Cleaning(unicode="none"))
    before, after = Counter(), Counter()
    for _ in range(300):
        text = "".join(random_.choices(alphabet, k=random_.randrange(60)))
        cleaned = cleaner(text)
        before.update(text)
        after.update(cleaned)
        assert cleaner(cleaned) == cleaned
        assert not any(treatment(character) for character in cleaned)
    for (character, _), count in cleaner.removed.items():
        after[character] += count
    for (character, reason), count in cleaner.mapped.items():
        after[character] += count
        after[{"blank": " ", "line end": "\n"}[reason]] -= count
    assert after == before


def test_the_real_mojibake_of_the_stories_is_mended_whole():
    folder = os.environ.get("RELAB_TEST_DATA")
    if not folder:
        pytest.skip("RELAB_TEST_DATA names no folder of real data")
    path = Path(folder) / "tinystories/excerpt_197k.txt"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    cleaned, cleaner = clean(path.read_text(encoding="utf-8"), mojibake=True)
    assert not set("â€œ™†") & set(cleaned)
    assert {character for character in cleaned if not character.isascii()} == set("“”’–—")
    assert cleaner.mended > 50
