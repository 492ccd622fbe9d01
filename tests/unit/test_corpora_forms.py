"""Plays, Bibles and lyrics as corpora: what their readers make documents of."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from relab.corpora import readers
from relab.errors import UserError
from relab.settings.corpora import AnyReader


def read(paths, tally=None, **settings):
    paths = [paths] if isinstance(paths, (str, Path)) else paths
    reader = TypeAdapter(AnyReader).validate_python(settings)
    return list(readers.read(paths, reader, Counter() if tally is None else tally))


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


PLAY = r"""# Hamlet

## ACT I

### SCENE I. A platform before
the castle.

_Enter HAMLET and
GHOST_

**HAMLET**  
\[Aside]_  
Who's there?  
'Nay,'\-- answer _\[me,]_ sir,  

_Exit_

And so farewell.

*[Kisses him.]*

**First Clown**  
A pestilence!

**Scene II**  
Eastcheap.

__\[Awaking]_
**HAMLET**  
Words, no; he'll __\[ ]_  
go.
""".replace("before\nthe", "before the")


def test_a_play_becomes_speeches_of_verse(tmp_path):
    path = write(tmp_path / "hamlet.md", PLAY)
    assert read(path, kind="play") == [
        "HAMLET:\nWho's there?\n'Nay,'-- answer me, sir,\nAnd so farewell.\n\nFirst Clown:\nA pestilence!\n\n"
        "HAMLET:\nWords, no; he'll\ngo."
    ]


def test_scenes_directions_and_headings_of_a_play_by_setting(tmp_path):
    path = write(tmp_path / "hamlet.md", PLAY)
    first, second = read(path, kind="play", document="scene", speakers=False)
    assert first == "Who's there?\n'Nay,'-- answer me, sir,\nAnd so farewell.\n\nA pestilence!"
    assert second == "Words, no; he'll\ngo."
    (kept,) = read(path, kind="play", directions=True, headings=True)
    assert kept.startswith(
        "Hamlet\n\nACT I\n\nSCENE I. A platform before the castle.\n\n[Enter HAMLET and GHOST]\n\nHAMLET:\n[Aside]\n"
    )
    assert "And so farewell.\n[Kisses him.]" in kept and "Scene II\n\n[Awaking]" in kept


def test_no_markdown_is_left_in_the_tests_own_play(checkout):
    scenes = read(checkout / "tests/data/comedy_of_errors_act_1.en.md", kind="play", document="scene")
    assert len(scenes) == 2 and scenes[0].startswith("AEGEON:\nProceed, Solinus, to procure my fall\n")
    assert not set("_*#\\[]") & set("".join(scenes))


def test_what_is_no_play_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"readme\.md: expected a play in Markdown"):
        read(write(tmp_path / "readme.md", "# Title\n\nText.\n"), kind="play")


# the Bible


@pytest.fixture
def bible(tmp_path):
    path = tmp_path / "a bible?.db"
    with sqlite3.connect(path) as database:
        database.execute("create table bible (id, bbName, bNumber, cNumber, vNumber, vText)")
        verses = [(1, 1, 1, "NEL principio\n\t\t"), (1, 1, 2, " E la  terra"), (1, 2, 1, "Così"), (2, 1, 1, "Or questi")]
        rows = [(i, name, *verse[:3], name + verse[3]) for name in "kd" for i, verse in enumerate(reversed(verses))]
        database.executemany("insert into bible values (?, ?, ?, ?, ?, ?)", rows)
    database.close()
    path.chmod(0o444)
    return path


@pytest.mark.parametrize(
    "document, expected",
    [
        ("verse", ["dNEL principio", "d E la terra", "dCosì", "dOr questi"]),
        ("chapter", ["dNEL principio\nd E la terra", "dCosì", "dOr questi"]),
        ("book", ["dNEL principio\nd E la terra\ndCosì", "dOr questi"]),
    ],
)
def test_verses_stand_a_line_each_in_order(bible, document, expected):
    assert read(bible, kind="bible", translation="d", document=document) == expected


def test_only_the_books_that_are_named_are_read(bible):
    assert read(bible, kind="bible", translation="d", document="book", books=[2]) == ["dOr questi"]
    assert read(bible, kind="bible", translation="d", books=[2, 1]) == read(bible, kind="bible", translation="d")
    with pytest.raises(UserError, match="expected the books 1, 99, 2, 67 of the translation 'd', found no 67, 99"):
        read(bible, kind="bible", translation="d", books=[1, 99, 2, 67])


def test_an_unknown_translation_and_what_is_no_database_are_named(bible, tmp_path):
    with pytest.raises(UserError, match="expected the translation 'x', found d, k"):
        read(bible, kind="bible", translation="x")
    with pytest.raises(UserError, match=r"b\.txt: expected an SQLite database with a table `bible`"):
        read(write(tmp_path / "b.txt", "text " * 300), kind="bible", translation="d")


# lyrics

SONG = """45 ContributorsTranslationsEspañolA Song (Live) Lyrics[Verse 1: Name]
We walk at night[Verse 2]
See The Name LiveGet tickets as low as $56You might also like[Pre-Chorus]
Oh [softly] you

You might also likeAgain
[Chorus]
Stay12Embed
"""


def test_marks_and_residue_of_lyrics_stay_by_default(tmp_path):
    assert read(write(tmp_path / "song.txt", SONG), kind="lyrics") == [SONG]


def test_residue_of_lyrics_is_cut_by_setting(tmp_path):
    tally = Counter()
    (text,) = read(write(tmp_path / "song.txt", SONG), tally, kind="lyrics", residue=False)
    assert text == ("[Verse 1: Name]\nWe walk at night[Verse 2]\n[Pre-Chorus]\nOh [softly] you\n\nAgain\n[Chorus]\nStay\n")
    assert tally == {"pieces of lyrics pages' residue cut": 5}


def test_marks_of_lyrics_are_cut_by_setting_even_glued_to_words(tmp_path):
    tally = Counter()
    (text,) = read(write(tmp_path / "song.txt", SONG), tally, kind="lyrics", residue=False, marks=False)
    assert text == "We walk at night\nOh [softly] you\n\nAgain\nStay\n"
    assert tally["section marks of lyrics cut"] == 4


def test_lyrics_may_stand_in_a_table(tmp_path):
    path = write(tmp_path / "songs.csv", 'title,lyric\nA,"[Intro]\r\nla\r\n\r\nla3Embed"\nB,"Love Song Lyrics[Chorus]hey"\n')
    assert read(path, kind="lyrics", column="lyric", residue=False, marks=False) == ["la\n\nla\n", "hey\n"]


# tables
