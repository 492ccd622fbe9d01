"""The files of an asset as streams of text: plain, compressed, or in a zip or tar archive, as their first bytes say.

What is no text, or not in its encoding, is an error that says what it is.
"""

from __future__ import annotations

import bz2
import codecs
import functools
import gzip
import io
import lzma
import os
import re
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
DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)

_TAR = re.compile(r"\.(tar(\.(gz|bz2|xz))?|tgz|tbz2|txz)$", re.IGNORECASE)

#: The encoding of text where none is named: UTF-8 with or without a byte order mark.
UTF8 = "utf-8-sig"

#: The key of a tally for files that are left out since they do not decode.
UNDECODABLE = "files left out that are no text in their encoding"


class Undecodable(UserError):
    """A file that is no text, or not in its encoding."""


def _zstd(raw: BinaryIO) -> BinaryIO:
    import pyarrow as pa

    return io.BufferedReader(pa.CompressedInputStream(raw, "zstd"))


#: What unpacks compressed files, by their ending and by how they begin.
_UNPACKERS: dict[str, tuple[bytes, Callable[[BinaryIO], BinaryIO]]] = {
    ".gz": (rb"\x1f\x8b\x08", lambda raw: gzip.GzipFile(fileobj=raw)),
    ".bz2": (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", bz2.BZ2File),
    ".xz": (rb"\xfd7zXZ\x00", lzma.LZMAFile),
    ".zst": (rb"\x28\xb5\x2f\xfd", _zstd),
}
#: How files begin that are no text, what they are, and what to do with them.
_NO_TEXT = (
    (rb"PK\x03\x04", "a zip archive, or a document of an office program", "name an archive .zip, save a document as text"),
    (rb"(?s:.{257})ustar", "a tar archive", "name it .tar, .tar.gz, .tar.bz2 or .tar.xz"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x04\x22\x4d\x18|\x1f\x9d", "an archive that is not read", "unpack it first"),
    (rb"PAR1\x15", "a Parquet table", "name it .parquet"),
    (rb"ARROW1\x00\x00", "an Arrow table", "name it .arrow"),
    (rb"SQLite format 3\x00", "an SQLite database", "name it .sqlite"),
    (
        rb"%PDF-|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\x89PNG|\xff\xd8\xff",
        "a PDF, an image or an office document",
        "save it as text",
    ),
)
#: Bytes at the beginning of a file that tell all of these.
_HEAD = 262


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
        if path.name.lower().endswith(".zip"):
            with damage_as_error(str(path)):
                yield from _zip_members(path)
        elif _TAR.search(path.name):
            with damage_as_error(str(path)):
                yield from _tar_members(path)
        else:
            yield _source(str(path), path.name, functools.partial(open, path, "rb"))


def _zip_members(path: Path) -> Iterator[Source]:
    with zipfile.ZipFile(path) as archive:
        for member in sorted(filter(_is_document, archive.namelist())):
            if archive.getinfo(member).flag_bits & 1:
                raise UserError(f"{path}: {member} is encrypted, expected an archive without a password; unpack it first")
            yield _source(f"{path}: {member}", member, functools.partial(archive.open, member))


def _tar_members(path: Path) -> Iterator[Source]:
    ending = path.suffix.lower() if path.suffix.lower() in _UNPACKERS else {".tgz": ".gz"}.get(path.suffix.lower())
    with (
        _unpacked(functools.partial(open, path, "rb"), ending) as raw,
        tarfile.open(fileobj=raw, mode="r:", tarinfo=_Member) as archive,
    ):
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
    packed = path.suffix.lower() if path.suffix.lower() in _UNPACKERS else None
    ending = Path(path.stem).suffix if packed else path.suffix
    return Source(name, ending.lower(), functools.partial(_unpacked, opener, packed))


@contextmanager
def _unpacked(opener: Callable[[], BinaryIO], ending: str | None) -> Iterator[BinaryIO]:
    """What a file holds, unpacked where its first bytes or, if these say nothing, its ending tell how."""
    with opener() as raw:
        head = raw.peek(_HEAD)
        ending = next((ending for ending, (beginning, _) in _UNPACKERS.items() if re.match(beginning, head)), ending)
        if ending is None:
            yield raw
            return
        with _UNPACKERS[ending][1](raw) as unpacked:
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
    except NotImplementedError as error:
        raise UserError(f"{name}: expected members that are stored or deflated ({error}); pack it anew") from None
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # of the file system
            raise
        raise UserError(f"{name}: not an archive of its kind, or a damaged one ({error}); fetch it again") from None


@contextmanager
def open_text(source: Source, encoding: str = UTF8) -> Iterator[TextIO]:
    """Open a source as text with all line ends turned into ``\\n``.

    Raises:
        UserError: in the block, for what is no text, not in its encoding (with line and byte if that is UTF-8) or damaged.
    """
    try:
        with _decoded(source, encoding) as text:
            yield text
    except (UnicodeError, LookupError, *DAMAGE) as error:
        # no byte order mark; a codec that is none of text; both a damaged archive and another encoding
        raise Undecodable(f"{source.name}: cannot be read as text in {encoding} ({error})") from None


@contextmanager
def _decoded(source: Source, encoding: str) -> Iterator[TextIO]:
    try:
        with damage_as_error(source.name), source.open() as raw:
            _check_is_text(raw.peek(_HEAD), source.name)
            with io.TextIOWrapper(raw, encoding=encoding, newline=None) as text:
                yield text
    except UnicodeDecodeError as error:
        if encoding != UTF8:
            raise Undecodable(
                f"{source.name}: expected text in {encoding}, found the byte 0x{error.object[error.start]:02X}; set the right "
                "`encoding` of its reader or table"
            ) from None
        raise _not_utf8_error(source) from None


def _check_is_text(head: bytes, name: str) -> None:
    for beginning, what, advice in _NO_TEXT:
        if re.match(beginning, head):
            raise Undecodable(f"{name}: expected text, found {what}, as its first bytes say; {advice}")


def read_lines(source: Source, encoding: str = UTF8) -> Iterator[str]:
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


def read_document(source: Source, encoding: str = UTF8) -> str:
    """The whole text of a file that is one document.

    Raises:
        UserError: as :func:`read_lines` does; a file larger than the largest document.
    """
    text = io.StringIO()
    size = 0
    for line in read_lines(source, encoding):
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


def _not_utf8_error(source: Source) -> Undecodable:
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
    is_utf16 = start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    advice = "`encoding: utf-16`, as its first bytes say" if is_utf16 else "`encoding`, if it is in another one"
    return Undecodable(
        f"{source.name}, {location}: expected text in UTF-8, found the byte 0x{byte:02X}; set its reader's or table's {advice}"
    )
