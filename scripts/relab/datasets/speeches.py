"""Questions made of plays: which of several speeches of the play follows the one given."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np

from relab.corpora.readers.play import scenes
from relab.corpora.sources import sources, whole
from relab.datasets.draws import keys, share
from relab.errors import UserError
from relab.settings.corpora import PlayReader
from relab.settings.datasets import NextSpeechDataset
from relab.streams import stream_seed

_READER = PlayReader(kind="play", document="scene")


def plays(paths: Sequence[str | os.PathLike]) -> dict[str, list[list[str]]]:
    """The speeches of each play by the play's name, a list a scene, speakers and line ends left out.

    Raises:
        UserError: for a file that is no play.
    """
    found: dict[str, list[list[str]]] = {}
    for source in sources(paths):
        found[source.name] = [speeches for scene in scenes(whole(source), _READER) if (speeches := list(_speeches(scene)))]
        if not found[source.name]:
            raise UserError(f"{source.name}: expected a play in Markdown with speakers as **NAME**, found no speech")
    return found


def _speeches(scene: str) -> Iterator[str]:
    for paragraph in scene.split("\n\n"):
        speaker, _, verse = paragraph.partition("\n")
        if speaker.endswith(":") and (text := " ".join(verse.split())):
            yield text


def split(names: Sequence[str], dataset: NextSpeechDataset) -> dict[str, list[str]]:
    """Which plays are for which split: drawn whole, so that none is on two sides.

    Raises:
        UserError: where there are fewer than three plays.
    """
    if len(names) < 3:
        raise UserError(f"expected at least three plays, one a split, found {len(names)}")
    order = [names[place] for place in np.argsort(keys(len(names), dataset.draw.seed), kind="stable")]
    test = min(share(len(names), dataset.draw.test), len(names) - 2)
    validation = min(share(len(names), dataset.draw.validation), len(names) - test - 1)
    return {"test": order[:test], "validation": order[test : test + validation], "train": order[test + validation :]}


def questions(play: list[list[str]], dataset: NextSpeechDataset, stream: int) -> list[dict[str, Any]]:
    """All questions of a play: ``question, choices, answer``, in the order of the play.

    A speech and the next one of its scene are taken where both have as many words as asked for; the other choices are drawn
    among such speeches of the play, all different from one another, from the question and from the answer. ``stream`` tells
    the play's draws from those of others.
    """
    pool = list(dict.fromkeys(text for scene in play for text in scene if _usable(text, dataset.words)))
    usable = set(pool)
    rows = []
    for scene in play:
        for question, answer in pairwise(scene):
            if question in usable and answer in usable and question != answer:
                row = _question(question, answer, pool, dataset, [stream, len(rows)])
                if row:
                    rows.append(row)
    return rows


def _question(
    question: str, answer: str, pool: Sequence[str], dataset: NextSpeechDataset, stream: Sequence[int]
) -> dict[str, Any] | None:
    if len(pool) < dataset.choices + 1:
        return None
    tries = 64 + 8 * dataset.choices
    draws = iter(np.random.PCG64(stream_seed(dataset.draw.seed, *stream)).random_raw(tries + 1))
    others: list[str] = []
    for draw in islice(draws, tries):  # one is kept for the place of the answer
        text = pool[int(draw) % len(pool)]
        if text not in (question, answer, *others):
            others.append(text)
        if len(others) == dataset.choices - 1:
            break
    else:
        return None
    place = int(next(draws)) % dataset.choices
    return {"question": question, "choices": [*others[:place], answer, *others[place:]], "answer": place}


def _usable(text: str, words: tuple[int, int]) -> bool:
    return words[0] <= len(re.findall(r"\S+", text)) <= words[1]
