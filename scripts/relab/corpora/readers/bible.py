"""One translation of a Bible in SQLite, table ``bible(bbName, bNumber, cNumber, vNumber, vText)``."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from relab.errors import UserError
from relab.settings.corpora import BibleReader

#: How many of (book, chapter, verse) identify a document.
_KEY_LENGTHS = {"book": 1, "chapter": 2, "verse": 3}


def read(paths: Sequence[str | os.PathLike], settings: BibleReader, tally: Counter[str]) -> Iterator[str]:
    """Yield books, chapters or verses in order, a verse a line; blanks and line ends inside a verse become one blank.

    Raises:
        UserError: no such database, translation or book.
    """
    key_length = _KEY_LENGTHS[settings.document]
    for path in map(Path, paths):
        lacking = set(settings.books or ())
        for key, group in itertools.groupby(_verses(path, settings.translation), key=lambda verse: verse[:key_length]):
            lacking.discard(key[0])
            if settings.books is None or key[0] in settings.books:
                yield "\n".join(" ".join(text.split()) for *_, text in group)
        if lacking:
            raise UserError(
                f"{path}: expected the books {', '.join(map(str, settings.books))} of the translation "
                f"{settings.translation!r}, found no {', '.join(map(str, sorted(lacking)))}"
            )


def _verses(path: Path, translation: str) -> Iterator[tuple[int, int, int, str]]:
    # immutable: neither locks nor journals, so that a database in a read-only cache opens
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    query = "select bNumber, cNumber, vNumber, vText from bible where bbName = ? order by bNumber, cNumber, vNumber"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            verses = database.execute(query, (translation,))
            first = verses.fetchone()
            if first is None:
                known = ", ".join(name for (name,) in database.execute("select distinct bbName from bible order by bbName"))
                raise UserError(f"{path}: expected the translation {translation!r}, found {known or 'none'}")
            yield first
            yield from verses
    except sqlite3.Error as error:
        raise UserError(f"{path}: expected an SQLite database with a table `bible` of verses, found none ({error})") from None
