"""Mistakes in the declaration of a download that are found before a job starts, and the project's own declarations."""

from __future__ import annotations

import copy

import pytest
import yaml
from support.runs import CHECKOUT

from relab.errors import UserError
from relab.settings.assets import Asset, Fetched
from relab.settings.base import canonical, check, spec

WHEEL = {"kind": "wheel", "package": "p", "version": "1.0", "size": 1, "sha256": "0" * 64}
HUB = {"kind": "hub", "repo": "some/model", "revision": "0" * 40}
URL = {"kind": "url", "url": "https://example.org/"}
LOCAL = {"kind": "local", "path": "x"}


def asset(*sources, files=("a.txt",), **more) -> Asset:
    raw = {"about": "a", "licence": "b", "files": dict.fromkeys(files, {}), "sources": list(sources), **more}
    return check(Asset, copy.deepcopy(raw), "assets.thing")


@pytest.mark.parametrize(
    ("sources", "more", "sentence"),
    [
        ([], {}, "assets.thing.sources: "),
        ([{"kind": "ftp"}], {}, "assets.thing.sources.0: "),
        ([WHEEL | {"version": ">=1"}], {}, "assets.thing.sources.0.wheel.version: "),
        ([WHEEL | {"sha256": "abc"}], {}, "assets.thing.sources.0.wheel.sha256: "),
        ([WHEEL | {"sha": "abc"}], {}, "assets.thing.sources.0.wheel.sha: unknown key; did you mean sha256?"),
        ([HUB | {"revision": "main"}], {}, "assets.thing.sources.0.hub.revision: .*found 'main'"),
        ([HUB | {"repo": "gpt2"}], {}, "assets.thing.sources.0.hub.repo: .*found 'gpt2'"),
        ([URL | {"url": "ftp://example.org/"}], {}, "assets.thing.sources.0.url.url: "),
        ([URL | {"url": "https://example.org/x"}], {"files": ("a", "b")}, "sources.0.url: expected an address that ends in /"),
        ([URL, WHEEL | {"members": {"b.txt": "x"}}], {}, "sources.1.members names 'b.txt', which is not among its files"),
        ([WHEEL | {"members": {"a.txt": "../x"}}], {}, r"members.a.txt: expected a path inside the source .*found '../x'"),
        ([WHEEL | {"members": {"a.txt": "/x"}}], {}, "members.a.txt: expected a path inside the source"),
        ([WHEEL | {"members": {"a.txt": "x/*.md"}}], {}, "sources.0.members.a.txt: .*must end in .zip"),
        (
            [HUB | {"members": {"a.zip": "x/*"}}],
            {"files": ("a.zip",)},
            "members.a.zip: a pattern can only be looked up",
        ),
        ([LOCAL | {"path": ""}], {}, "assets.thing.sources.0.local.path: "),
        ([LOCAL], {"files": ("a/b.txt",)}, "assets.thing.files.a/b.txt"),
        ([LOCAL], {"files": ("a{b}.txt",)}, "expected the name of a file, without a folder or any of"),
        ([LOCAL], {"files": ("..",)}, "found '..'"),
        ([LOCAL], {"files": (" a.txt",)}, "found ' a.txt'"),
        ([LOCAL], {"files": ("a.lock.json",)}, "files names 'a.lock.json', but names that end in .lock.json"),
        ([LOCAL], {"files": ()}, "assets.thing.files: "),
        ([LOCAL], {"licence": None}, "assets.thing.licence: "),
    ],
)
def test_a_mistake_is_told_in_one_sentence_that_names_the_key(sources, more, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        asset(*sources, **more)
    assert "\n" not in str(error.value)


def test_a_job_gets_what_it_needs_and_nothing_that_only_people_read():
    settings = asset(WHEEL, purpose="rows", package_licence="MIT", missing="bring it")
    assert set(spec(settings)) == {"files", "sources", "missing"}
    assert check(Fetched, spec(settings), "--spec").missing == "bring it"
    other = asset(WHEEL, purpose="other rows", missing="bring it")
    assert canonical(spec(other)) == canonical(spec(settings))


@pytest.fixture(scope="module")
def registry() -> dict[str, Asset]:
    raw = yaml.safe_load((CHECKOUT / "config" / "assets.yaml").read_text(encoding="utf-8"))["assets"]
    return {name: check(Asset, one, f"assets.{name}") for name, one in raw.items()}


def test_every_declared_download_says_what_it_is_for_and_under_which_licence(registry):
    assert all(one.about and one.purpose and one.licence for one in registry.values())


def test_every_file_of_the_embedded_default_is_pinned(registry):
    for one in registry.values():
        if any(source.kind == "wheel" for source in one.sources):
            assert all(file.sha256 and file.size for file in one.files.values()), one.about


def test_files_of_one_hash_have_one_size(registry):
    sizes = {}
    for one in registry.values():
        for file in one.files.values():
            if file.sha256 and file.size:
                assert sizes.setdefault(file.sha256, file.size) == file.size


def test_files_and_members_of_an_asset_differ(registry):
    for name, one in registry.items():
        digests = [file.sha256 for file in one.files.values() if file.sha256]
        assert len(set(digests)) == len(digests), name
        for source in one.sources:
            members = [source.member(file) for file in one.files]
            assert len(set(members)) == len(members), name


def test_lyrics_are_asked_for_and_a_substitute_is_offered(registry):
    lyrics = registry["lyrics"]
    assert [source.kind for source in lyrics.sources] == ["local"]
    for word in ("under copyright", "RELAB_LYRICS", "assets.lyrics.sources", "gilbert_sullivan"):
        assert word in lyrics.missing
    assert lyrics.missing.count(". ") == 0
