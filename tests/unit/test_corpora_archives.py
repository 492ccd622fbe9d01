"""Tars give their members one after another, in one pass, and what is damaged in them is told; nothing is unpacked to disk."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections import Counter

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from relab.corpora import readers, sources
from relab.errors import UserError
from relab.settings.corpora import AnyReader

STORIES = {
    "data01.json": [{"story": "first"}, {"story": "second"}],
    "data00.json": [{"story": "third", "source": "GPT-4"}],
    "data02.json": [{"story": "fourth — the last"}],
}


def read(path, **settings):
    reader = TypeAdapter(AnyReader).validate_python(settings or {"kind": "table", "column": "story"})
    return list(readers.read([path], reader, Counter()))


def tar(members, more=(), form=tarfile.PAX_FORMAT):
    """The bytes of a tar of ``members``, texts or bytes by name, and of ``more``, members without content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name, content in members.items():
            content = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in more:
            archive.addfile(member)
    return packed.getvalue()


def stories():
    return tar({name: json.dumps(rows) for name, rows in STORIES.items()})


def saved(path, content, **options):
    """Write an archive, gzipped where its name says so."""
    path.write_bytes(content if path.name.endswith(".tar") else gzip.compress(content, **options))
    return path


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.TGZ"])
def test_members_of_a_tar_come_in_the_order_of_the_archive(tmp_path, name):
    path = saved(tmp_path / name, stories())
    assert read(path) == ["first", "second", "third", "fourth — the last"]
    assert [source.name for source in sources.sources([path])] == [f"{path}: {member}" for member in STORIES]
    assert list(tmp_path.iterdir()) == [path]


#: A text compressed in each way that is read.
COMPRESSED = {
    ".gz": gzip.compress(b"one\ntwo\n"),
    ".bz2": bz2.compress(b"one\n") + bz2.compress(b"two\n"),
    ".xz": lzma.compress(b"one\ntwo\n"),
    ".zst": pa.compress(b"one\n", "zstd", asbytes=True) + pa.compress(b"two\n", "zstd", asbytes=True),
}


@pytest.mark.parametrize("content", COMPRESSED.values(), ids=COMPRESSED)
@pytest.mark.parametrize("ending", ["", *COMPRESSED])
def test_compressed_files_are_read_by_their_first_bytes_whatever_their_name(tmp_path, content, ending):
    path = tmp_path / f"a.txt{ending}"
    path.write_bytes(content)
    assert read(path, kind="text", document="line") == ["one", "two"]
    assert [source.ending for source in sources.sources([path])] == [".txt"]


@pytest.mark.parametrize("ending", COMPRESSED)
def test_what_is_damaged_in_compressed_files_is_told(tmp_path, ending):
    (tmp_path / f"a.txt{ending}").write_bytes(COMPRESSED[ending][:-9])
    (tmp_path / f"b.txt{ending}").write_bytes(b"not compressed at all")
    for name in "ab":
        with pytest.raises(UserError, match=rf"{name}\.txt\{ending}: not an archive of its kind, or a damaged one"):
            read(tmp_path / f"{name}.txt{ending}", kind="text")


@pytest.mark.parametrize(
    ("name", "compress"),
    [("a.tar.bz2", bz2.compress), ("a.TBZ2", bz2.compress), ("a.tar.xz", lzma.compress), ("a.tar", gzip.compress)],
)
def test_a_tar_may_be_compressed_otherwise(tmp_path, name, compress):
    (tmp_path / name).write_bytes(compress(stories()))
    assert read(tmp_path / name) == ["first", "second", "third", "fourth — the last"]


def zipped(members):
    """The bytes of a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def with_field(content, field, value):
    """A zip of one member with a byte of its two headers, at an offset from the version that is needed, set."""
    changed = bytearray(content)
    for signature, version in ((b"PK\x03\x04", 4), (b"PK\x01\x02", 6)):
        changed[changed.index(signature) + version + field] = value
    return bytes(changed)


def test_an_encrypted_zip_is_told(tmp_path):
    (tmp_path / "a.zip").write_bytes(with_field(zipped({"a.txt": "secret"}), 2, 1))
    with pytest.raises(UserError, match=r"a\.zip: a\.txt is encrypted, expected an archive without a password"):
        read(tmp_path / "a.zip", kind="text")


def test_a_zip_of_a_compression_that_is_not_read_is_told(tmp_path):
    (tmp_path / "a.zip").write_bytes(with_field(zipped({"a.txt": "text"}), 4, 9))
    with pytest.raises(UserError, match=r"a\.zip.*: expected members that are stored or deflated"):
        read(tmp_path / "a.zip", kind="text")


NO_TEXT = {
    "a zip archive": zipped({"word/document.xml": "x"}),
    "a tar archive": stories(),
    "an archive that is not read": b"7z\xbc\xaf\x27\x1c" + bytes(9),
    "a PDF": b"%PDF-1.7\n%\xe2\xe3",
    "an SQLite database": b"SQLite format 3\0" + bytes(9),
    "a Parquet table": b"PAR1\x15\x04",
}


@pytest.mark.parametrize("what", NO_TEXT)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_is_no_text_is_told_for_what_it_is(tmp_path, what, pack):
    path = tmp_path / "a.txt"
    path.write_bytes(pack(NO_TEXT[what]))
    with pytest.raises(UserError, match=f"expected text, found {what}") as error:
        read(path, kind="text")
    assert "\n" not in str(error.value)
    assert read(path, kind="text", undecodable="drop") == []


def test_archives_stand_among_other_files(tmp_path):
    packed = saved(tmp_path / "a.tar.gz", tar({"x.txt": "one", "y.txt.gz": gzip.compress(b"two")}))
    (tmp_path / "b.txt").write_text("three")
    reader = TypeAdapter(AnyReader).validate_python({"kind": "text"})
    assert list(readers.read([packed, tmp_path / "b.txt"], reader, Counter())) == ["one", "two", "three"]


def special(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_folders_hidden_members_links_and_devices_are_left_out(tmp_path):
    hidden = {"./._a.txt": b"\xff", "songs/.DS_Store": b"\xff", "__MACOSX/a.txt": b"\xff", ".git/a.txt": b"\xff"}
    more = [
        special("songs", tarfile.DIRTYPE),
        special("b.txt", tarfile.SYMTYPE, "/etc/passwd"),
        special("c.txt", tarfile.LNKTYPE, "./a.txt"),
        special("d.txt", tarfile.CHRTYPE),
        special("e.txt", tarfile.FIFOTYPE),
    ]
    path = saved(tmp_path / "a.tar.gz", tar(hidden | {"./a.txt": "one", "./songs/b.txt": "two"}, more))
    assert read(path, kind="text") == ["one", "two"]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_that_lead_elsewhere_do_no_harm_and_long_ones_are_read(tmp_path, form):
    long = f"{'f' * 90}/{'n' * 60}.txt"
    path = saved(tmp_path / "a.tar", tar({"/tmp/a.txt": "one", "../../b.txt": "two", long: "three"}, form=form))
    assert read(path, kind="text") == ["one", "two", "three"]
    assert list(tmp_path.iterdir()) == [path]


# one pass


class Counting(io.FileIO):
    """A file that counts the bytes that are read of it."""

    count = 0

    def readinto(self, target):
        size = super().readinto(target)
        Counting.count += size
        return size


def test_a_gzipped_tar_is_read_once_in_memory_that_its_members_do_not_fill(tmp_path, monkeypatch):
    """Members of whole blocks too, after which no padding follows."""
    rows = [{"story": f"{number} {number**5 % 9973} " * 20} for number in range(3000)]
    text = json.dumps(rows)
    content = tar({f"{number}.json": text.ljust(-(-len(text) // 8192) * 8192 + number % 3 * 100) for number in range(9)})
    path = saved(tmp_path / "a.tar.gz", content)

    monkeypatch.setattr(Counting, "count", 0)
    monkeypatch.setattr(sources, "open", lambda path, mode: io.BufferedReader(Counting(path)), raising=False)
    reader = TypeAdapter(AnyReader).validate_python({"kind": "table", "column": "story"})
    number = remembered = 0
    for number, _ in enumerate(readers.read([path], reader, Counter()), 1):
        if number % 3000 == 1:
            (archive,) = [one for one in gc.get_objects() if isinstance(one, tarfile.TarFile) and not one.closed]
            remembered = max(remembered, len(archive.members))
    assert number == 9 * 3000
    assert Counting.count == path.stat().st_size
    assert remembered == 0


def test_members_may_be_read_again_in_part_or_not_at_all(tmp_path):
    path = saved(tmp_path / "a.tar.gz", tar({name: f"{name} {'x' * 100_000}" for name in "abc"}))
    for source in sources.sources([path]):
        for size in (0, 3, 100_000, 100_002, 7):
            with source.open() as raw:
                assert raw.read(size) == f"{source.name[-1]} {'x' * 100_000}".encode()[:size]


# what is damaged


DAMAGED = r"a\.tar[^ ]*: (data\d\d\.json: )?not an archive of its kind, or a damaged one \(.+\); fetch it again"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz"])
@pytest.mark.parametrize("content", [b"", b"no tar at all", b"\x1f\x8b\x08 no gzip", bytes(range(256)) * 9])
def test_what_is_no_archive_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: not an archive of its kind, or a damaged one"):
        read(tmp_path / name)


def test_a_tar_that_is_cut_short_anywhere_is_refused(tmp_path):
    content = tar({name: json.dumps(rows * 30) for name, rows in STORIES.items()})
    end = content.rindex(b"}]") + 2
    for size in range(0, end + 1, 128):  # every header and every text, their edges too
        with pytest.raises(UserError, match=DAMAGED):
            read(saved(tmp_path / "a.tar", content[:size]))


def test_a_gzipped_tar_that_is_cut_short_anywhere_is_refused(tmp_path):
    packed = gzip.compress(stories())
    for size in range(0, len(packed), 9):
        (tmp_path / "a.tar.gz").write_bytes(packed[:size])
        with pytest.raises(UserError, match=DAMAGED):
            read(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_damaged_header_does_not_end_the_archive_silently(tmp_path, name):
    content = stories().replace(b"data02.json", b"data03.json")
    with pytest.raises(UserError, match=DAMAGED):
        read(saved(tmp_path / name, content))


def test_a_changed_byte_that_unpacks_is_found_by_the_checksum(tmp_path):
    packed = gzip.compress(stories(), compresslevel=0)
    (tmp_path / "a.tar.gz").write_bytes(packed.replace(b"fourth", b"Fourth"))
    with pytest.raises(UserError, match=r"a\.tar\.gz: not an archive of its kind, or a damaged one \(CRC check failed"):
        read(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_the_place_of_a_byte_that_is_not_utf8_is_told(tmp_path, name):
    broken = b'[\n{"story": "' + b"x" * 200_000 + b'"},\n{"story": "perch\xe9"}]'
    content = tar({"data00.json": json.dumps(STORIES["data00.json"]), "data01.json": broken, "data02.json": "[]"})
    place = rf"line 3, byte {broken.index(0xE9)}"
    with pytest.raises(UserError, match=rf"{name}: data01\.json, {place}: expected text in UTF-8, found the byte 0xE9"):
        read(saved(tmp_path / name, content))


def test_an_unreadable_member_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.tgz: README: expected one of \.csv.*found ''"):
        read(saved(tmp_path / "a.tgz", tar({"data.json": "[]", "README": "text"})))
