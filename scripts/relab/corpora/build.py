"""Making a corpus: read, clean, count, split, in memory that does not grow with the text but for some 40 bytes a document."""

from __future__ import annotations

import array
import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from relab.corpora import splitting
from relab.corpora.cleaning import Cleaner
from relab.corpora.readers import read
from relab.corpora.statistics import Tally, name
from relab.corpora.storage import Writer, documents
from relab.errors import UserError
from relab.files import replacing
from relab.settings.corpora import Corpus

#: Passes documents on and shows how far a pass of the given name has come.
Progress = Callable[[Iterable[Any], str], Iterable[Any]]
#: Documents, or pieces of one, in order, each with whether it is for validation.
Sides = Iterator[tuple[bool, str]]


class Spool:
    """Cleaned documents on disk, with the length and a 64-bit digest of each in memory."""

    def __init__(self, path: Path, texts: Iterable[str], counted: bool):
        """Write ``texts`` to ``path``; empty ones are counted and left out, characters are counted where asked."""
        self.path, self.empty, self.tally = path, 0, Tally()
        lengths, digests = array.array("q"), array.array("Q")
        with Writer(path) as writer:
            for text in texts:
                if not text:
                    self.empty += 1
                    continue
                writer.add(text)
                lengths.append(len(text))
                digests.append(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))
                if counted:
                    self.tally.add(text)
        self.lengths = np.frombuffer(lengths, np.int64)
        self.digests = np.frombuffer(digests, np.uint64)


def build(
    inputs: Sequence[str | os.PathLike],
    corpus: Corpus,
    train: str | os.PathLike,
    validation: str | os.PathLike,
    progress: Progress = lambda texts, stage: texts,
) -> dict[str, Any]:
    """Make the two Parquet files of a corpus and return its statistics, the content of ``stats.json``.

    ``progress`` is given each pass over the documents with the pass's name and passes them on. Working files stand in the
    folder of ``train`` (the system's folder for temporary files may be memory).

    ``inputs`` is empty where the reader draws sentences from a grammar or is given texts.

    Raises:
        UserError: for inputs that are not of the reader's form, and where nothing is left for one of the two splits.
    """
    cleaner, reading = Cleaner(corpus.clean), Counter()
    place = Path(train).parent
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".cleaning-", dir=place) as folder:
        texts = progress(itertools.islice(read(inputs, corpus.reader, reading), corpus.limit), "reading and cleaning")
        spool = Spool(Path(folder) / "clean.parquet", map(cleaner, texts), counted=corpus.clean.minimum_count > 1)
        empty = spool.empty
        rare = _rare(spool, corpus.clean.minimum_count)
        if rare:
            texts = progress(documents(spool.path), "removing rare characters")
            spool = Spool(Path(folder) / "frequent.parquet", (cleaner.without(rare, text) for text in texts), counted=False)
            empty += spool.empty
        found = {"read": empty + len(spool.lengths), "empty": empty}
        _check_not_empty(inputs, found)
        new, first = splitting.distinct(spool.digests)
        kept = new if corpus.duplicates == "drop" else np.ones(len(new), bool)
        found |= {"duplicates": len(new) - int(new.sum()), "kept": int(kept.sum())}
        if corpus.split.by == "document":
            sides = _drawn(spool, kept, new, first, corpus, inputs)
        elif corpus.split.by == "last":
            sides = _last(spool, kept, corpus, inputs)
        else:
            sides = _cut(spool, kept, corpus, inputs)
        written = _write(progress(sides, "writing"), train, validation)
    return {**written, "documents": found, "reading": dict(reading), **_account(cleaner)}


def _rare(spool: Spool, minimum: int) -> set[str]:
    if minimum <= 1:
        return set()
    return {one for one, count in spool.tally.characters().items() if count < minimum and one not in " \t\n"}


def _check_not_empty(inputs: Sequence[str | os.PathLike], found: dict[str, int]) -> None:
    if found["read"] == found["empty"]:
        raise UserError(
            f"{_names(inputs)}: the corpus is empty: of {found['read']} documents read none has text after cleaning; look at "
            f"{'the file and at ' if inputs else ''}the corpus's `reader` and `clean`"
        )


def _drawn(
    spool: Spool, kept: np.ndarray, new: np.ndarray, first: np.ndarray, corpus: Corpus, inputs: Sequence[str | os.PathLike]
) -> Sides:
    """Draw among the distinct texts; a copy goes where the first of its kind went, so that no text is on both sides."""
    number = int(new.sum())
    if number < 2:
        raise UserError(
            f"{_names(inputs)}: a split by document needs two different documents, found one; set the corpus's `split.by` to "
            "contiguous, or its reader's `document` to something smaller"
        )
    validation = np.zeros(len(new), bool)
    validation[new] = splitting.draw(number, corpus.split.validation, corpus.split.seed)
    if corpus.duplicates == "keep":
        validation = validation[first]
    return zip(map(bool, validation[kept]), itertools.compress(documents(spool.path), kept), strict=True)


def _cut(spool: Spool, kept: np.ndarray, corpus: Corpus, inputs: Sequence[str | os.PathLike]) -> Sides:
    """Cut the stream of the kept documents once; the document that the cut falls into comes in two pieces."""
    lengths = spool.lengths[kept]
    if lengths.sum() < 2:
        raise UserError(f"{_names(inputs)}: a contiguous split needs two characters, found one")
    document, offset = splitting.cut(lengths, len(corpus.separator), corpus.split.validation)
    for number, text in enumerate(itertools.compress(documents(spool.path), kept)):
        if number == document:
            yield from ((side, piece) for side, piece in ((False, text[:offset]), (True, text[offset:])) if piece)
        else:
            yield number > document, text


def _last(spool: Spool, kept: np.ndarray, corpus: Corpus, inputs: Sequence[str | os.PathLike]) -> Sides:
    """The last of the kept documents are for validation, whole; copies may be on both sides."""
    number = int(kept.sum())
    if number < 2:
        raise UserError(f"{_names(inputs)}: a split of the last documents needs two documents, found one")
    first = number - splitting.share_of(number, corpus.split.validation)
    for place, text in enumerate(itertools.compress(documents(spool.path), kept)):
        yield place >= first, text


def _names(inputs: Sequence[str | os.PathLike]) -> str:
    return ", ".join(os.path.basename(path) for path in inputs) or "the corpus's settings"


def _write(sides: Iterable[tuple[bool, str]], train: str | os.PathLike, validation: str | os.PathLike) -> dict[str, Any]:
    tallies = Tally(), Tally()
    with replacing(train) as first, replacing(validation) as second, Writer(first) as left, Writer(second) as right:
        for side, text in sides:
            (right if side else left).add(text)
            tallies[side].add(text)
    total = _sum(*(tally.summary() for tally in tallies))
    counts = Counter(tallies[0].characters())
    counts.update(tallies[1].characters())
    total["distinct_characters"] = len(counts)
    return {"train": tallies[0].summary(), "validation": tallies[1].summary(), "total": total, "characters": dict(counts)}


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    summed = {key: one[key] + other[key] for key in ("documents", "characters", "bytes", "lines", "words")}
    summed["shortest_document"] = min(one["shortest_document"], other["shortest_document"])
    summed["longest_document"] = max(one["longest_document"], other["longest_document"])
    return summed


def _account(cleaner: Cleaner) -> dict[str, Any]:
    """What cleaning did, in the order of characters."""
    return {
        "removed": [
            {"character": name(character), "reason": reason, "count": count}
            for (character, reason), count in sorted(cleaner.removed.items())
        ],
        "mapped": [
            {"character": name(character), "to": reason, "count": count}
            for (character, reason), count in sorted(cleaner.mapped.items())
        ],
        "replaced": dict(cleaner.replaced),
        "mended_lines": cleaner.mended,
    }
