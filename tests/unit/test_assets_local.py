"""A user's own files and the standard library; packing; links and lock files; what a run would need."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sysconfig
import unicodedata
import zipfile
from functools import partial
from pathlib import Path

import pytest
from support.asset_tools import QUICK, declared, lonely_environment, sha

from relab.assets import cache as asset_cache
from relab.assets.fetch import fetch
from relab.assets.local import fingerprint, user_files
from relab.assets.pack import pack, path_matcher
from relab.assets.plan import PlannedDownload, plan_downloads
from relab.errors import UserError

STDLIB = {"kind": "stdlib", "members": {"stdlib.zip": "json/**/*.py"}}


@pytest.fixture(autouse=True)
def _lonely(monkeypatch):
    lonely_environment(monkeypatch)


def local(path, **members) -> dict:
    return {"kind": "local", "path": str(path), **({"members": members} if members else {})}


def get(tmp_path, declaration, file="file.txt"):
    return fetch("thing", file, declaration, tmp_path / "cache", checkout=tmp_path, policy=QUICK)


def zipped(entry) -> dict[str, bytes]:
    with zipfile.ZipFile(entry.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_file_of_the_user_s_is_taken_where_it_lies(tmp_path, monkeypatch):
    mine = tmp_path / "my texts" / "songs.txt"
    mine.parent.mkdir()
    mine.write_bytes(b"la la")
    monkeypatch.setenv("MY_TEXTS", str(mine.parent))
    for path in (str(mine), "$MY_TEXTS/songs.txt", "${MY_TEXTS}/songs.txt", "my texts/songs.txt"):
        entry = get(tmp_path, declared({"file.txt": {}}, local(path)))
        assert entry.path == mine
        assert entry.metadata | {"address": None} == {
            "asset": "thing",
            "file": "file.txt",
            "source": "local",
            "address": None,
            "size": 5,
            "sha256": sha(b"la la"),
            "pinned": False,
            "checked": "nothing",
        }
        assert entry.metadata["address"] == path  # as declared: the record holds nobody's home folder
    assert not (tmp_path / "cache").exists()


def test_files_of_a_folder_are_taken_by_their_members(tmp_path):
    (tmp_path / "texts" / "deep").mkdir(parents=True)
    (tmp_path / "texts" / "one.txt").write_bytes(b"one")
    (tmp_path / "texts" / "deep" / "b.txt").write_bytes(b"two")
    declaration = declared({"one.txt": {}, "two.txt": {}}, local("texts", **{"two.txt": "deep/b.txt"}))
    assert get(tmp_path, declaration, "one.txt").path.read_bytes() == b"one"
    assert get(tmp_path, declaration, "two.txt").path.read_bytes() == b"two"


@pytest.mark.parametrize("name", ["Müller Übung 1.txt", "it's $x & y, (z).txt", "日本 語.txt"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_files_may_have_blanks_and_any_letters_in_either_form(tmp_path, name, form):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / unicodedata.normalize(form, name)).write_text("text")
    assert get(tmp_path, declared({name: {}}, local(tmp_path / "mine")), name).path.read_text() == "text"


def test_a_folder_is_packed_and_packed_anew_when_a_member_changed(tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    for name in ("b.txt", "a.txt", ".hidden.txt", "c.md"):
        (texts / name).write_text(name)
    declaration = declared({"texts.zip": {}}, local(texts, **{"texts.zip": "*.txt"}))
    first = get(tmp_path, declaration, "texts.zip")
    assert zipped(first) == {"a.txt": b"a.txt", "b.txt": b"b.txt"}
    assert get(tmp_path, declaration, "texts.zip").path == first.path
    (texts / "a.txt").write_text("changed")
    second = get(tmp_path, declaration, "texts.zip")
    assert zipped(second)["a.txt"] == b"changed"
    assert zipped(first)["a.txt"] == b"a.txt"  # another run may still be linked to it
    assert second.path.stat().st_mtime_ns == (texts / "a.txt").stat().st_mtime_ns


def test_a_rule_knows_which_files_of_the_user_s_it_is_made_from(tmp_path, monkeypatch):
    (tmp_path / "texts").mkdir()
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / "texts" / name).write_text(name)
    packed = declared({"texts.zip": {}}, local("$MY_TEXTS", **{"texts.zip": "*.txt"}))
    assert user_files(packed, "texts.zip", tmp_path) == []
    monkeypatch.setenv("MY_TEXTS", str(tmp_path / "texts"))
    assert sorted(user_files(packed, "texts.zip", tmp_path)) == [str(tmp_path / "texts" / name) for name in ("a.txt", "b.txt")]
    before = fingerprint(packed, "texts.zip", tmp_path)
    shutil.copytree(tmp_path / "texts", tmp_path / "elsewhere" / "texts")
    monkeypatch.setenv("MY_TEXTS", str(tmp_path / "elsewhere" / "texts"))
    assert fingerprint(packed, "texts.zip", tmp_path) == before, "neither place nor age matter"
    (tmp_path / "elsewhere" / "texts" / "a.txt").write_text("another text")
    assert fingerprint(packed, "texts.zip", tmp_path) != before
    monkeypatch.setenv("MY_TEXTS", str(tmp_path / "nowhere"))
    assert fingerprint(packed, "texts.zip", tmp_path) == ""
    assert user_files(declared({"stdlib.zip": {}}, STDLIB), "stdlib.zip") == []  # the interpreter is no input


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$RELAB_NO_SUCH_VARIABLE/x", "the variable RELAB_NO_SUCH_VARIABLE is not set"),
        ("nowhere/x.txt", "nowhere/x.txt does not exist"),
        (".", "file.txt is not a file"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, path, reason):
    with pytest.raises(UserError, match=reason) as error:
        get(tmp_path, declared({"file.txt": {}}, local(path), missing="Bring it yourself."))
    assert str(error.value).endswith("Bring it yourself.")
    assert "network" not in str(error.value)  # nobody could bring it by one


def test_a_file_for_an_asset_of_several_is_refused(tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(UserError, match="is a file, expected a folder with one.txt"):
        get(tmp_path, declared({"one.txt": {}, "two.txt": {}}, local("x")), "one.txt")


def test_another_file_than_declared_is_refused(tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(UserError, match="its sha256 is"):
        get(tmp_path, declared({"file.txt": {"sha256": "0" * 64}}, local("x")))


def test_the_standard_library_comes_from_the_running_python(tmp_path):
    entry = get(tmp_path, declared({"stdlib.zip": {}}, STDLIB), "stdlib.zip")
    members = zipped(entry)
    assert members["json/__init__.py"] == Path(sysconfig.get_paths()["stdlib"], "json", "__init__.py").read_bytes()
    assert all(name.startswith("json/") and name.endswith(".py") for name in members)
    assert entry.metadata["address"].startswith("Python 3.")


def test_installed_packages_are_no_part_of_the_standard_library(tmp_path, monkeypatch):
    for name in ("a.py", "site-packages/b.py", "__pycache__/c.py"):
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).write_text("")
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path / "lib")})
    source = {"kind": "stdlib", "members": {"stdlib.zip": "**/*.py"}}
    assert list(zipped(get(tmp_path, declared({"stdlib.zip": {}}, source), "stdlib.zip"))) == ["a.py"]


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        ("a/*/*.md", ["a/b/c.md"], ["a/c.md", "a/b/c/d.md", "a/.b/c.md", "a/b/.c.md", "xa/b/c.md", "a/b/c.mdx"]),
        ("**/*.py", ["x.py", "a/x.py", "a/b/x.py"], ["x.pyc", ".git/x.py", "a/.x.py"]),
        ("a/**/b.txt", ["a/b.txt", "a/c/d/b.txt"], ["b.txt", "a/cb.txt"]),
        ("part-*-of-3.txt", ["part-1-of-3.txt"], ["part-1-of-4.txt", "a/part-1-of-3.txt"]),
    ],
)
def test_patterns(pattern, fits, fails):
    matches = path_matcher(pattern)
    assert all(matches(path) for path in fits)
    assert not any(matches(path) for path in fails)


def test_packing_gives_the_same_bytes_for_the_same_members(tmp_path):
    for name, text in {"b": "second", "a": "first"}.items():
        (tmp_path / name).write_text(text)

    def packed(*names: str) -> bytes:
        members = {f"in/{name}": ((tmp_path / name).stat().st_size, partial(open, tmp_path / name, "rb")) for name in names}
        pack(members, tmp_path / "pack.zip")
        return (tmp_path / "pack.zip").read_bytes()

    first = packed("a", "b")
    os.utime(tmp_path / "a", (0, 0))
    assert packed("b", "a") == first
    # pinned, since config/assets.yaml pins a pack: a Python that writes zips otherwise must not go unnoticed
    assert hashlib.sha256(first).hexdigest() == "609c48f691504ab3b0ec84ca6e5c4fecf9c09a53a2c0e5d1b2d6c2940dc8fbd1"


def test_links_are_as_old_as_the_file_and_relative_inside_the_checkout(tmp_path):
    top = tmp_path / "checkout"
    path = top / ".cache" / "thing" / "0123" / "file.txt"
    path.parent.mkdir(parents=True)
    path.write_text("text")
    os.utime(path, ns=(1_000_000_000, 1_000_000_000))
    metadata = {"asset": "thing", "file": "file.txt", "source": "url", "fetched": "today"}
    inside, outside = top / "runs" / "a" / "file.txt", tmp_path / "elsewhere" / "file.txt"
    for output in (inside, outside):
        lock = output.with_name("file.txt.lock.json")
        for _ in range(2):  # a second link replaces the first
            asset_cache.link(asset_cache.AvailableFile(path, metadata), output, lock, checkout=top)
        assert output.read_text() == "text"
        assert output.lstat().st_mtime_ns == lock.stat().st_mtime_ns == 1_000_000_000
        assert json.loads(lock.read_text()) == {"asset": "thing", "file": "file.txt", "source": "url"}
    assert not os.path.isabs(os.readlink(inside)) and os.path.isabs(os.readlink(outside))
    top.rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "runs" / "a" / "file.txt").read_text() == "text"


def test_lock_files_are_read_in_order(tmp_path):
    for asset, file in (("b", "x"), ("a", "y"), ("a", "x")):
        (tmp_path / f"{asset}{file}").write_text(json.dumps({"asset": asset, "file": file}))
    entries = asset_cache.lock_entries(tmp_path.iterdir())
    assert [(entry["asset"], entry["file"]) for entry in entries] == [("a", "x"), ("a", "y"), ("b", "x")]


def test_the_cache_lies_in_the_checkout_or_where_the_user_says(tmp_path, monkeypatch):
    assert asset_cache.default_folder() == asset_cache.CHECKOUT / ".cache"
    monkeypatch.setenv("RELAB_CACHE", str(tmp_path))
    assert asset_cache.default_folder() == tmp_path


def test_what_a_run_needs_is_known_without_asking_anybody(tmp_path, monkeypatch):
    wheel = {"kind": "wheel", "package": "p", "version": "1", "size": 70, "sha256": "0" * 64}
    hub = {"kind": "hub", "repo": "some/model", "revision": "0" * 40}
    assets = {
        "packed": declared({"a": {"size": 500}, "b": {"size": 200}}, wheel),
        "plain": declared({"a": {"size": 500}, "b": {}}, hub),
        "mine": declared({"a": {}}, local("$RELAB_MINE")),
        "library": declared({"stdlib.zip": {}}, STDLIB),
    }

    assert plan_downloads(assets, tmp_path / "cache", tmp_path) == [
        PlannedDownload("packed", download=70, disk=700, source="wheel p 1"),
        PlannedDownload("plain", download=None, disk=None, source="hub some/model"),
        PlannedDownload("mine", missing=True, source="local $RELAB_MINE: the variable RELAB_MINE is not set"),
        PlannedDownload("library", cached=True),
    ]
    (tmp_path / "mine.txt").write_text("x")
    monkeypatch.setenv("RELAB_MINE", str(tmp_path / "mine.txt"))
    monkeypatch.setenv("RELAB_MIRROR", str(tmp_path / "mirror"))
    for name in "ab":
        (tmp_path / "mirror" / "plain").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / "plain" / name).write_text("x")
    assert [download.cached for download in plan_downloads(assets, tmp_path / "cache", tmp_path)] == [False, True, True, True]
