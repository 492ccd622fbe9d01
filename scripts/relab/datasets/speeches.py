"""Questions made of plays: which of several speeches of the play follows a certain speech."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np

from relab.corpora.readers.play import scenes
from relab.corpora.sources import read_document, sources
from relab.corpora.splitting import split_size
from relab.datasets.draws import random_keys
from relab.errors import UserError
from relab.settings.corpora import PlayReader
from relab.settings.datasets import NextSpeechDataset
from relab.streams import stream_seed

_READER = PlayReader(kind="play", document="scene")


def read_plays(paths: Sequence[str | os.PathLike]) -> dict[str, list[list[str]]]:
    """The speeches of each play by the play's name, one list for each scene, without speakers and line ends.

    Raises:
        UserError: a file is no play.
    """
    plays: dict[str, list[list[str]]] = {}
    for source in sources(paths):
        plays[source.name] = [
            speeches for scene in scenes(read_document(source), _READER) if (speeches := list(_speeches(scene)))
        ]
        if not plays[source.name]:
            raise UserError(f"{source.name}: expected a play in Markdown with speakers as **NAME**, found no speech")
    return plays


def _speeches(scene: str) -> Iterator[str]:
    for paragraph in scene.split("\n\n"):
        speaker, _, verse = paragraph.partition("\n")
        if speaker.endswith(":") and (text := " ".join(verse.split())):
            yield text


def split_plays(names: Sequence[str], dataset: NextSpeechDataset) -> dict[str, list[str]]:
    """Draw the names of the plays for each split; a whole play is in one split.

    Raises:
        UserError: fewer than three plays.
    """
    if len(names) < 3:
        raise UserError(f"expected at least three plays, one a split, found {len(names)}")
    order = [names[index] for index in np.argsort(random_keys(len(names), dataset.draw.seed), kind="stable")]
    test = min(split_size(len(names), dataset.draw.test), len(names) - 2)
    validation = min(split_size(len(names), dataset.draw.validation), len(names) - test - 1)
    return {"test": order[:test], "validation": order[test : test + validation], "train": order[test + validation :]}


def play_questions(play: list[list[str]], dataset: NextSpeechDataset, stream: int) -> list[dict[str, Any]]:
    """All questions of a play: ``question, choices, answer``, in the order of the play.

    A speech and the next one of its scene make a question where both have the number of words asked for; the other choices are
    drawn among such speeches of the play, all different from one another, from the question and from the answer. ``stream``:
    the random stream of this play.
    """
    pool = list(dict.fromkeys(text for scene in play for text in scene if _has_length(text, dataset.words)))
    usable = set(pool)
    rows = []
    for scene in play:
        for question, answer in pairwise(scene):
            if question in usable and answer in usable and question != answer:
                row = _make_question(question, answer, pool, dataset, [stream, len(rows)])
                if row:
                    rows.append(row)
    return rows


def _make_question(
    question: str, answer: str, pool: Sequence[str], dataset: NextSpeechDataset, stream: Sequence[int]
) -> dict[str, Any] | None:
    if len(pool) < dataset.choices + 1:
        return None
    tries = 64 + 8 * dataset.choices
    draws = iter(np.random.PCG64(stream_seed(dataset.draw.seed, *stream)).random_raw(tries + 1))
    distractors: list[str] = []
    for draw in islice(draws, tries):  # one draw is kept for the position of the answer
        text = pool[int(draw) % len(pool)]
        if text not in (question, answer, *distractors):
            distractors.append(text)
        if len(distractors) == dataset.choices - 1:
            break
    else:
        return None
    position = int(next(draws)) % dataset.choices
    return {"question": question, "choices": [*distractors[:position], answer, *distractors[position:]], "answer": position}


def _has_length(text: str, words: tuple[int, int]) -> bool:
    return words[0] <= len(re.findall(r"\S+", text)) <= words[1]
