"""Reading files, and writing them so that none is ever half-written."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relab.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

#: The folder of the checkout that this library lies in.
CHECKOUT = Path(__file__).resolve().parents[2]


def expanded(path: str) -> str:
    """A path as a user wrote it in settings or the environment, with ``~`` and variables replaced.

    Raises:
        ValueError: a variable that is not set, or a home folder that is not known; the message says which.
    """
    text = os.path.expanduser(os.path.expandvars(path))
    if unset := re.search(r"\$\{?(\w+)", text):
        raise ValueError(f"the variable {unset[1]} is not set")
    if text.startswith("~"):
        raise ValueError(f"the home folder {text.partition('/')[0]} is not known")
    return text


def environment_folder(variable: str) -> Path | None:
    """The folder that an environment variable names, a relative path from the checkout; None where it is not set.

    Raises:
        UserError: where it cannot be expanded.
    """
    try:
        name = expanded(os.environ.get(variable, ""))
    except ValueError as error:
        raise UserError(f"{variable}: expected a folder, found {os.environ[variable]!r}: {error}") from None
    return CHECKOUT / name if name else None


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block ends, remove it when it fails.

    The temporary name keeps the suffix of ``path``, since some writers choose the format by it. It is fixed, so that the next
    attempt overwrites what a killed one left; two processes must not write the same file at once.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` as UTF-8 with Unix line ends, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: str | os.PathLike, frame: pd.DataFrame) -> None:
    """Write a pandas frame as CSV without its index, whole or not at all.

    Read it back with :func:`read_csv`: a text may be ``NA``.
    """
    # Readers end a line at a carriage return outside of quotation marks; the writer knows the line's own end alone.
    texts = (cell for _, column in frame.select_dtypes(exclude="number").items() for cell in column)
    returns = any(isinstance(cell, str) and "\r" in cell for cell in texts)
    with replacing(path) as temporary:
        frame.to_csv(
            temporary, index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
        )


def read_csv(path: str | os.PathLike, **options: Any) -> pd.DataFrame:
    """Read a CSV file of this project: an empty field is missing, the text ``NA`` is a text."""
    import pandas as pd

    return pd.read_csv(path, keep_default_na=False, na_values=[""], **options)


def require_columns(table: pd.DataFrame, columns: Sequence[str], subject: str, *, rows: bool = False) -> None:
    """Check that a pandas frame has these columns and, with ``rows``, at least one row.

    Raises:
        UserError: it lacks one; the sentence begins with ``subject``, such as ``losses.csv:`` or ``the curves have``.
    """
    for column in columns:
        if column not in table:
            raise UserError(f"{subject} no column {column!r}; expected the columns {', '.join(columns)}")
    if rows and table.empty:
        raise UserError(f"{subject} no row")


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short_digest(source: Path | str) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a file (a path) or of a text."""
    digest = sha256(source) if isinstance(source, Path) else hashlib.sha256(source.encode()).hexdigest()
    return digest[:12]
