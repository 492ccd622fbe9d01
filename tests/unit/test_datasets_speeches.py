"""Questions made of plays: the speech that follows among others of the same play, and plays that are on one side only."""

from __future__ import annotations

import itertools
import re
import zipfile
from collections import Counter

import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter
from support.made_datasets import made

from relab.datasets import speeches
from relab.datasets.storage import CHOICE
from relab.errors import UserError
from relab.settings.datasets import SPLITS, AnyDataset

#: Scenes of each made-up play and speeches of each scene.
SCENES, SPEECHES = 3, 6


def settings(**more):
    return TypeAdapter(AnyDataset).validate_python({"kind": "next_speech", "title": "", "asset": "one", **more})


def speech(play, scene, number):
    """What is said: it names its place, in six words."""
    return f"in play {play} scene {scene}.{number}"


def markdown(play):
    """A play in which two speak in turn, with directions and a speech over two lines."""
    lines = [f"# Play {play}", ""]
    for scene in range(SCENES):
        lines += [f"## Scene {scene}", "", "_Enter two._", ""]
        for number in range(SPEECHES):
            first, second = speech(play, scene, number).rsplit(" ", 1)
            lines += [f"**{'AB'[number % 2]}OB**", f"{first}  ", second, ""]
    return "\n".join(lines)


@pytest.fixture
def files(tmp_path):
    """Five plays."""
    paths = [tmp_path / f"play_{play}.md" for play in "abcde"]
    for path in paths:
        path.write_text(markdown(path.stem[-1]), encoding="utf-8")
    return paths


def place(text):
    """Play, scene and number of a speech."""
    return re.fullmatch(r"in play (\w) scene (\d)\.(\d)", text).groups()


def test_speeches_of_a_play_scene_by_scene_without_speakers_and_directions(files):
    found = speeches.read_plays(files[:1])
    assert list(found) == [str(files[0])]
    assert found[str(files[0])] == [[speech("a", scene, n) for n in range(SPEECHES)] for scene in range(SCENES)]


def test_the_answer_is_the_next_speech_of_the_same_scene(files, tmp_path):
    for part in SPLITS:
        rows, counts = made(files, settings(), part, tmp_path)
        for row in rows:
            play, scene, number = place(row["question"])
            assert row["choices"][row["answer"]] == speech(play, scene, int(number) + 1)
        assert counts["rows"] == counts["read"] == len(rows) == counts["plays"] * SCENES * (SPEECHES - 1)
    assert pq.read_schema(tmp_path / "made" / "test.parquet") == CHOICE


def test_choices_are_different_speeches_of_the_same_play(files, tmp_path):
    answers = Counter()
    for part, number in itertools.product(SPLITS, (2, 4, 7)):
        for row in made(files, settings(choices=number), part, tmp_path)[0]:
            assert len(row["choices"]) == number
            assert len({row["question"], *row["choices"]}) == number + 1
            assert {place(text)[0] for text in row["choices"]} == {place(row["question"])[0]}
            answers[number, row["answer"]] += 1
    for number in (2, 4, 7):  # 75 questions; each place a share of them, give or take
        assert all(75 / number / 3 < answers[number, place] < 75 / number * 3 for place in range(number))


def test_no_play_is_on_two_sides(files, tmp_path):
    dataset = settings(draw={"test": 0.4, "validation": 0.2})
    rows = {part: made(files, dataset, part, tmp_path)[0] for part in SPLITS}
    plays = {part: {place(text)[0] for row in own for text in (row["question"], *row["choices"])} for part, own in rows.items()}
    assert {part: len(own) for part, own in plays.items()} == {"train": 2, "validation": 1, "test": 2}
    assert set.union(*plays.values()) == set("abcde")
    assert sum(map(len, plays.values())) == 5
    drawn = {
        tuple(speeches.split_plays(list("abcde"), settings(draw={"test": 0.4, "seed": seed}))["test"]) for seed in range(5)
    }
    assert len(drawn) > 1


@pytest.mark.parametrize("number, expected", [(3, [1, 1, 1]), (4, [2, 1, 1]), (10, [7, 1, 2])])
def test_shares_of_plays(number, expected):
    parted = speeches.split_plays([str(one) for one in range(number)], settings())
    assert [len(parted[part]) for part in SPLITS] == expected
    for much in ({"test": 0.99, "validation": 0.99}, {"test": 0.01, "validation": 0.01}):
        assert all(
            len(own) >= 1 for own in speeches.split_plays([str(one) for one in range(number)], settings(draw=much)).values()
        )


def test_too_few_plays(files, tmp_path):
    with pytest.raises(UserError, match="expected at least three plays, one a split, found 2"):
        made(files[:2], settings(), "test", tmp_path)


def test_a_file_that_is_no_play(files, tmp_path):
    (tmp_path / "licence.md").write_text("# Licence\n\nDo what you want.\n")
    with pytest.raises(UserError, match="licence.md: expected a play in Markdown with speakers as ..NAME.., found no speech"):
        made([*files, tmp_path / "licence.md"], settings(), "test", tmp_path)


def test_questions_are_spread_evenly_over_the_plays(files, tmp_path):
    dataset = settings(draw={"test": 0.4, "validation": 0.2}, limit={"test": 10, "train": 7})
    rows, counts = made(files, dataset, "test", tmp_path)
    assert sorted(Counter(place(row["question"])[0] for row in rows).values()) == [5, 5]
    assert (counts["rows"], counts["available"]) == (10, 30)
    assert sorted(Counter(place(row["question"])[0] for row in made(files, dataset, "train", tmp_path)[0]).values()) == [3, 4]


def test_the_limit_of_one_split_leaves_the_others_as_they_are(files, tmp_path):
    content = []
    for train in (None, 5):
        for part in SPLITS:
            made(files, settings(limit={"train": train, "test": 4}), part, tmp_path)
        content.append({part: (tmp_path / "made" / f"{part}.parquet").read_bytes() for part in SPLITS})
    assert content[0]["validation"] == content[1]["validation"] and content[0]["test"] == content[1]["test"]
    assert content[0]["train"] != content[1]["train"]


def test_a_zip_of_plays_gives_the_same_questions(files, tmp_path):
    with zipfile.ZipFile(tmp_path / "plays.zip", "w") as archive:
        for path in reversed(files):
            archive.write(path, path.name)
    for part in SPLITS:
        alone, packed = (made(own, settings(), part, tmp_path) for own in (files, [tmp_path / "plays.zip"]))
        assert alone == packed


def test_lengths_of_speeches_are_counted_in_words(tmp_path):
    said = ["one", "one two", "one two three", "two three four", "one two three four", "a b c", "d e f", "g h i"]
    play = [said, ["a b c", "last one here"]]
    rows = speeches.play_questions(play, settings(words=(2, 3), choices=2), 0)
    pairs = [("one two", "one two three"), ("one two three", "two three four"), ("a b c", "d e f"), ("d e f", "g h i")]
    assert [(row["question"], row["choices"][row["answer"]]) for row in rows] == [*pairs, ("a b c", "last one here")]
    usable = {text for text in (*said, "last one here") if 2 <= len(text.split()) <= 3}
    assert {text for row in rows for text in row["choices"]} <= usable


def test_a_speech_that_answers_itself_is_no_question():
    play = [["say it again", "say it again", "no not again", "say no more", "be gone now"]]
    rows = speeches.play_questions(play, settings(words=(1, 9), choices=2), 0)
    assert [row["question"] for row in rows] == ["say it again", "no not again", "say no more"]
    assert all(len(set(row["choices"]) - {row["question"]}) == 2 for row in rows)


def test_a_play_with_too_few_speeches_has_no_question():
    play = [[f"speech number {n}" for n in range(4)]]
    assert speeches.play_questions(play, settings(words=(1, 9), choices=4), 0) == []
    assert len(speeches.play_questions([[*play[0], "one more"]], settings(words=(1, 9), choices=4), 0)) == 4


def test_the_draws_of_a_play_are_its_own():
    play = [[f"speech number {n}" for n in range(30)]]
    dataset = settings(words=(1, 9))
    first, again, other = (speeches.play_questions(play, dataset, stream) for stream in (0, 0, 1))
    assert first == again != other
    assert len({tuple(row["choices"]) for row in first}) == len(first)
