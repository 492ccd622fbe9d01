"""The files of an asset as streams of text: plain, gzipped, or in a zip or tar archive; text that is not UTF-8 is an error."""

from __future__ import annotations

import codecs
import functools
import gzip
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from relab.errors import UserError

#: The largest document, in bytes of UTF-8: what bounds the memory of cleaning, whatever the size of the files.
LARGEST_DOCUMENT = 64 * 2**20

#: What reading a damaged archive raises, apart from errors of the file system.
DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error)

_GZIPPED_TARS = (".tar.gz", ".tgz")


#: The key of a tally for files that are left out since they do not decode.
UNDECODABLE = "files left out that are no UTF-8"


class NotUTF8(UserError):
    """A file that is not in UTF-8."""


@dataclass(frozen=True)
class Source:
    """One file, on disk or in an archive: its name in messages, its ending without ``.gz``, and a function that opens it.

    A member of an archive can be opened, also again, while the iteration of :func:`sources` that yielded it goes on.
    Going back in a gzipped tar unpacks it anew from its beginning, which is right but slow: read a source once, forwards.
    """

    name: str
    ending: str
    open: Callable[[], AbstractContextManager[BinaryIO]]


def sources(paths: Iterable[str | os.PathLike]) -> Iterator[Source]:
    """Yield the files at ``paths``; for an archive its members, a zip's in sorted order, a tar's in the order of the archive.

    A gzipped tar can only be read from its beginning to its end; memory depends neither on its size nor on the number of its
    members. Nothing is unpacked to disk. Folders, hidden members and, in a
    tar, links and devices are left out.

    Raises:
        UserError: a folder, or an archive that is damaged or not one.
    """
    for path in map(Path, paths):
        if path.is_dir():
            raise UserError(f"{path}: is a folder, expected a file (a zip or a tar holds many)")
        name = path.name.lower()
        if name.endswith((".zip", ".tar", *_GZIPPED_TARS)):
            with damage_as_error(str(path)):
                yield from (
                    _zip_members(path) if name.endswith(".zip") else _tar_members(path, gzipped=name.endswith(_GZIPPED_TARS))
                )
        else:
            yield _source(str(path), path.name, functools.partial(open, path, "rb"))


def _zip_members(path: Path) -> Iterator[Source]:
    with zipfile.ZipFile(path) as archive:
        for member in sorted(filter(_is_document, archive.namelist())):
            yield _source(f"{path}: {member}", member, functools.partial(archive.open, member))


def _tar_members(path: Path, gzipped: bool) -> Iterator[Source]:
    with (gzip.open if gzipped else open)(path, "rb") as raw, tarfile.open(fileobj=raw, mode="r:", tarinfo=_Member) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # it remembers all that it has passed
            if member.isreg() and _is_document(member.name):
                yield _source(f"{path}: {member.name}", member.name, functools.partial(archive.extractfile, member))
        while raw.read(2**20):  # the checksum stands at the end
            pass


class _Member(tarfile.TarInfo):
    """A member of a tar; a damaged or missing header is an error, where tarfile takes all but the first for the end."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # the block of zeros that ends an archive
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None


def _source(name: str, file: str, opener: Callable[[], BinaryIO]) -> Source:
    path = Path(file)
    if path.suffix.lower() != ".gz":
        return Source(name, path.suffix.lower(), opener)
    return Source(name, Path(path.stem).suffix.lower(), functools.partial(_unpacked, opener))


@contextmanager
def _unpacked(opener: Callable[[], BinaryIO]) -> Iterator[BinaryIO]:
    with opener() as raw, gzip.GzipFile(fileobj=raw) as unpacked:
        yield unpacked


def _is_document(member: str) -> bool:
    """Whether a member of an archive is a file that is not hidden and not left behind by a file manager."""
    parts = (part for part in member.split("/") if part not in (".", ".."))
    return not member.endswith("/") and not any(part.startswith((".", "__MACOSX")) for part in parts)


@contextmanager
def damage_as_error(name: str) -> Iterator[None]:
    """Turn the errors of a damaged archive into a UserError that names the file."""
    try:
        yield
    except DAMAGE as error:
        raise UserError(f"{name}: not an archive of its kind, or a damaged one ({error}); fetch it again") from None


@contextmanager
def open_text(source: Source, encoding: str = "utf-8-sig") -> Iterator[TextIO]:
    """Open a source as text with all line ends turned into ``\\n``.

    Raises:
        UserError: in the block, for text that is not in its encoding (with line and byte if that is UTF-8) or a damaged file.
    """
    try:
        with damage_as_error(source.name), source.open() as raw, io.TextIOWrapper(raw, encoding=encoding, newline=None) as text:
            yield text
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise UserError(
                f"{source.name}: expected text in {encoding}, found the byte 0x{error.object[error.start]:02X}"
            ) from None
        raise _not_utf8_error(source) from None


def read_lines(source: Source, encoding: str = "utf-8-sig") -> Iterator[str]:
    """Yield the lines of a file, each with ``\\n`` at its end, but perhaps the last.

    Raises:
        UserError: as :func:`open_text` does; a line larger than the largest document.
    """
    with open_text(source, encoding) as text:
        yield from lines_in(text, source.name)


def lines_in(text: TextIO, name: str) -> Iterator[str]:
    """Yield the remaining lines of an open text; ``name``: the text in messages.

    Raises:
        UserError: a line larger than the largest document.
    """
    while line := text.readline(LARGEST_DOCUMENT + 1):
        if len(line) > LARGEST_DOCUMENT:
            raise too_large_error(name)
        yield line


def read_document(source: Source) -> str:
    """The whole text of a file that is one document.

    Raises:
        UserError: as :func:`read_lines` does; a file larger than the largest document.
    """
    text = io.StringIO()
    size = 0
    for line in read_lines(source):
        size += utf8_size(line)
        if size > LARGEST_DOCUMENT:
            raise too_large_error(source.name)
        text.write(line)
    return text.getvalue()


def utf8_size(text: str) -> int:
    """Bytes of ``text`` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def too_large_error(name: str) -> UserError:
    return UserError(
        f"{name}: a document is larger than {LARGEST_DOCUMENT // 2**20} MiB; cut the text into smaller ones, in the corpus's "
        "reader, by `document: paragraph`, `line`, `heading` or `separator`"
    )


def _not_utf8_error(source: Source) -> NotUTF8:
    """The error for a file that is not UTF-8, which is read again to find the first such byte."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, offset, start = 1, 0, b""
    with source.open() as raw:
        while True:
            block = raw.read(2**20)
            start = start or block[:2]
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                carried = len(error.object) - len(block)  # bytes of a character begun in the block before
                line += error.object[: error.start].count(b"\n")
                location = f"line {line}, byte {offset - carried + error.start}"
                byte = error.object[error.start]
                break
            line += block.count(b"\n")
            offset += len(block)
    guess = "UTF-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "WINDOWS-1252"
    return NotUTF8(
        f"{source.name}, {location}: expected text in UTF-8, found the byte 0x{byte:02X}; convert the file first, for instance "
        f"by iconv -f {guess} -t UTF-8 (if {guess} is what it is in)"
    )
