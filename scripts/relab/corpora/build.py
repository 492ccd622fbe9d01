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
from relab.corpora.divide import passages
from relab.corpora.readers import read
from relab.corpora.statistics import Tally, character_name
from relab.corpora.storage import Writer, documents
from relab.errors import UserError
from relab.files import replacing
from relab.settings.corpora import Corpus

#: Passes documents on and shows the progress of the named pass.
Progress = Callable[[Iterable[Any], str], Iterable[Any]]
#: Documents, or pieces of a document, in order, each with whether it is for validation.
SplitTexts = Iterator[tuple[bool, str]]


class Spool:
    """Cleaned documents on disk, with the length and a 64-bit digest of each in memory."""

    def __init__(self, path: Path, texts: Iterable[str], counted: bool):
        """Write ``texts`` to ``path``, without empty ones, which are counted; ``counted``: count characters too."""
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
    """Write the two Parquet files of a corpus and return its statistics, the content of ``stats.json``.

    Args:
        inputs: the files to read; none where the reader draws sentences from a grammar or takes texts from the settings.
        corpus: the settings.
        train: training text to write. Working files are written to its folder (the system's temporary folder may be in memory).
        validation: validation text to write.
        progress: wraps each pass over the documents, with the name of the pass.

    Raises:
        UserError: inputs that are not of the reader's form; nothing left for one of the two splits.
    """
    cleaner, reader_counts = Cleaner(corpus.clean), Counter()
    folder = Path(train).parent
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".cleaning-", dir=folder) as working_folder:
        texts = progress(itertools.islice(read(inputs, corpus.reader, reader_counts), corpus.limit), "reading and cleaning")
        spool = Spool(Path(working_folder) / "clean.parquet", map(cleaner, texts), counted=corpus.clean.minimum_count > 1)
        empty = spool.empty
        rare_characters = _rare_characters(spool, corpus.clean.minimum_count)
        if rare_characters:
            texts = progress(documents(spool.path), "removing rare characters")
            spool = Spool(
                Path(working_folder) / "frequent.parquet",
                (cleaner.remove_characters(rare_characters, text) for text in texts),
                counted=False,
            )
            empty += spool.empty
        counts = {"read": empty + len(spool.lengths), "empty": empty}
        _check_not_empty(inputs, counts)
        is_first, first_index = splitting.first_occurrences(spool.digests)
        kept = is_first if corpus.duplicates == "drop" else np.ones(len(is_first), bool)
        counts |= {"duplicates": len(is_first) - int(is_first.sum()), "kept": int(kept.sum())}
        if corpus.split.by == "document":
            split_texts = _split_by_document(spool, kept, is_first, first_index, corpus, inputs)
        elif corpus.split.by == "last":
            split_texts = _split_off_last(spool, kept, corpus, inputs)
        else:
            split_texts = _split_contiguously(spool, kept, corpus, inputs)
        if corpus.passage_lines is not None:
            split_texts = _split_into_passages(split_texts, corpus.passage_lines)
        written = _write(progress(split_texts, "writing"), train, validation)
    return {**written, "documents": counts, "reading": dict(reader_counts), **_cleaning_counts(cleaner)}


def _rare_characters(spool: Spool, minimum: int) -> set[str]:
    if minimum <= 1:
        return set()
    return {character for character, count in spool.tally.characters().items() if count < minimum and character not in " \t\n"}


def _check_not_empty(inputs: Sequence[str | os.PathLike], counts: dict[str, int]) -> None:
    if counts["read"] == counts["empty"]:
        raise UserError(
            f"{_file_names(inputs)}: the corpus is empty: of {counts['read']} documents read none has text after cleaning; "
            f"look at {'the file and at ' if inputs else ''}the corpus's `reader` and `clean`"
        )


def _split_by_document(
    spool: Spool,
    kept: np.ndarray,
    is_first: np.ndarray,
    first_index: np.ndarray,
    corpus: Corpus,
    inputs: Sequence[str | os.PathLike],
) -> SplitTexts:
    """Draw among the distinct texts; a copy goes where its first occurrence went, so that no text is in both splits."""
    number = int(is_first.sum())
    if number < 2:
        raise UserError(
            f"{_file_names(inputs)}: a split by document needs two different documents, found one; set the corpus's "
            "`split.by` to contiguous, or its reader's `document` to something smaller"
        )
    validation = np.zeros(len(is_first), bool)
    validation[is_first] = splitting.draw_validation(number, corpus.split.validation, corpus.split.seed)
    if corpus.duplicates == "keep":
        validation = validation[first_index]
    return zip(map(bool, validation[kept]), itertools.compress(documents(spool.path), kept), strict=True)


def _split_contiguously(spool: Spool, kept: np.ndarray, corpus: Corpus, inputs: Sequence[str | os.PathLike]) -> SplitTexts:
    """Cut the stream of the kept documents once; the document that the cut falls into comes in two pieces."""
    lengths = spool.lengths[kept]
    if lengths.sum() < 2:
        raise UserError(f"{_file_names(inputs)}: a contiguous split needs two characters, found one")
    document, offset = splitting.contiguous_cut(lengths, len(corpus.separator), corpus.split.validation)
    for number, text in enumerate(itertools.compress(documents(spool.path), kept)):
        if number == document:
            yield from (
                (for_validation, piece) for for_validation, piece in ((False, text[:offset]), (True, text[offset:])) if piece
            )
        else:
            yield number > document, text


def _split_off_last(spool: Spool, kept: np.ndarray, corpus: Corpus, inputs: Sequence[str | os.PathLike]) -> SplitTexts:
    """The last of the kept documents are for validation, whole; copies may be in both splits."""
    number = int(kept.sum())
    if number < 2:
        raise UserError(f"{_file_names(inputs)}: a split of the last documents needs two documents, found one")
    first = number - splitting.split_size(number, corpus.split.validation)
    for index, text in enumerate(itertools.compress(documents(spool.path), kept)):
        yield index >= first, text


def _split_into_passages(split_texts: SplitTexts, lines: int) -> SplitTexts:
    for for_validation, text in split_texts:
        yield from ((for_validation, passage) for passage in passages(text, lines))


def _file_names(inputs: Sequence[str | os.PathLike]) -> str:
    return ", ".join(os.path.basename(path) for path in inputs) or "the corpus's settings"


def _write(split_texts: Iterable[tuple[bool, str]], train: str | os.PathLike, validation: str | os.PathLike) -> dict[str, Any]:
    tallies = Tally(), Tally()
    with (
        replacing(train) as train_path,
        replacing(validation) as validation_path,
        Writer(train_path) as train_writer,
        Writer(validation_path) as validation_writer,
    ):
        for for_validation, text in split_texts:
            (validation_writer if for_validation else train_writer).add(text)
            tallies[for_validation].add(text)
    total = _total(*(tally.summary() for tally in tallies))
    characters = Counter(tallies[0].characters())
    characters.update(tallies[1].characters())
    total["distinct_characters"] = len(characters)
    return {"train": tallies[0].summary(), "validation": tallies[1].summary(), "total": total, "characters": dict(characters)}


def _total(train: dict[str, Any], validation: dict[str, Any]) -> dict[str, Any]:
    summed = {key: train[key] + validation[key] for key in ("documents", "characters", "bytes", "lines", "words")}
    summed["shortest_document"] = min(train["shortest_document"], validation["shortest_document"])
    summed["longest_document"] = max(train["longest_document"], validation["longest_document"])
    return summed


def _cleaning_counts(cleaner: Cleaner) -> dict[str, Any]:
    """What cleaning removed, mapped and replaced, in the order of characters."""
    return {
        "removed": [
            {"character": character_name(character), "reason": reason, "count": count}
            for (character, reason), count in sorted(cleaner.removed.items())
        ],
        "mapped": [
            {"character": character_name(character), "to": reason, "count": count}
            for (character, reason), count in sorted(cleaner.mapped.items())
        ],
        "replaced": dict(cleaner.replaced),
        "mended_lines": cleaner.mended,
    }
