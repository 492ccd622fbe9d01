"""Members of wheels through the real pip, against folders and indexes that a test makes."""

from __future__ import annotations

import os
import re
import zipfile

import pytest
from support.asset_tools import QUICK, declared, lonely_environment, make_wheel, sha
from support.hub_server import Answer, HubServer

from relab.assets.fetch import fetch
from relab.assets.retry import RetryPolicy, TransientError, Unavailable, Unreachable
from relab.assets.wheel import WheelFetcher, _pip_failure
from relab.errors import UserError
from relab.settings.assets import AssetFile

MEMBERS = {"pack/one.txt": b"one" * 100, "pack/a/x.md": b"# x", "pack/b/y.md": b"# y", "pack/b/y.txt": b"no"}
PIP = RetryPolicy(pauses=(0.01, 0.02), connect_timeout=2.0, read_timeout=0.3)  # pip's own time-outs are whole seconds long


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that pip looks in, and nothing else."""
    lonely_environment(monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "wheels"


def get(tmp_path, file, files, *sources, policy=QUICK):
    return fetch("thing", file, declared(files, *sources), tmp_path / "cache", policy=policy)


def test_all_members_come_from_one_download_which_does_not_stay(wheels, tmp_path, capsys):
    source = make_wheel(wheels, MEMBERS) | {"members": {"one.txt": "pack/one.txt", "plays.zip": "pack/*/*.md"}}
    files = {"one.txt": {"sha256": sha(MEMBERS["pack/one.txt"]), "size": 300}, "plays.zip": {}}
    one = get(tmp_path, "one.txt", files, source)
    assert one.path.read_bytes() == MEMBERS["pack/one.txt"]
    assert one.metadata["address"] == "tinywheel 1.0.0: pack/one.txt"
    next(wheels.glob("*.whl")).unlink()
    plays = get(tmp_path, "plays.zip", files, source)
    with zipfile.ZipFile(plays.path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "pack/a/x.md": b"# x",
            "pack/b/y.md": b"# y",
        }
    assert plays.metadata["pinned"] and plays.metadata["checked"] == "the wheel's declared sha256"
    assert capsys.readouterr().err.count("with pip") == 1
    assert not list((tmp_path / "cache").rglob("*.whl"))
    assert not (tmp_path / "cache" / "thing" / ".work").exists()


def test_another_wheel_than_declared_is_refused_at_once(wheels, tmp_path, capsys):
    source = make_wheel(wheels, MEMBERS) | {"sha256": "0" * 64, "members": {"one.txt": "pack/one.txt"}}
    with pytest.raises(UserError, match=rf"tinywheel-1.0.0-py3-none-any.whl .* has the sha256 .*, expected {'0' * 64}"):
        get(tmp_path, "one.txt", {"one.txt": {}}, source)
    assert "trying again" not in capsys.readouterr().err


def test_members_that_are_not_there_are_named(wheels, tmp_path):
    source = make_wheel(wheels, MEMBERS) | {"members": {"one.txt": "pack/none.txt", "two.zip": "pack/*/*.none"}}
    wheel = WheelFetcher(declared({"one.txt": {}, "two.zip": {}}, source).sources[0], tmp_path / "work", QUICK)
    for name, member in source["members"].items():
        with pytest.raises(Unavailable, match=re.escape(f"it has no member {member}")):
            wheel.fetch(name, AssetFile(), tmp_path / name)


def test_another_member_than_declared_is_refused(wheels, tmp_path):
    source = make_wheel(wheels, MEMBERS) | {"members": {"one.txt": "pack/one.txt"}}
    with pytest.raises(UserError, match=f"its sha256 is {sha(MEMBERS['pack/one.txt'])}, expected"):
        get(tmp_path, "one.txt", {"one.txt": {"sha256": "0" * 64}}, source)
    assert not list((tmp_path / "cache").rglob("one.txt"))


def test_an_unknown_wheel_is_not_asked_for_again_for_each_file(wheels, tmp_path, capsys):
    wheels.mkdir()
    source = {"kind": "wheel", "package": "nosuchwheel", "version": "1.0", "size": 1, "sha256": "0" * 64}
    with pytest.raises(UserError, match="wheel nosuchwheel 1.0: no index or folder that pip knows has such a wheel"):
        get(tmp_path, "one.txt", {"one.txt": {}, "two.txt": {}}, source)
    assert capsys.readouterr().err.count("with pip") == 1


def test_an_index_that_is_not_well_is_asked_again(tmp_path, monkeypatch, capsys):
    lonely_environment(monkeypatch)
    source = make_wheel(tmp_path, MEMBERS) | {"members": {"one.txt": "pack/one.txt"}}
    (wheel,) = tmp_path.glob("*.whl")
    page = f'<!DOCTYPE html><a href="/wheels/{wheel.name}">{wheel.name}</a>'.encode()
    with HubServer() as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        server.give("/simple/tinywheel/", Answer(b"", 503), Answer(page, headers={"Content-Type": "text/html"}))
        server.give(f"/wheels/{wheel.name}", Answer(wheel.read_bytes(), cut=100), wheel.read_bytes())
        one = get(tmp_path, "one.txt", {"one.txt": {}}, source, policy=PIP)
    assert one.path.read_bytes() == MEMBERS["pack/one.txt"]
    assert "the index is not well" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Could not fetch URL https://i/simple/: HTTPSConnectionPool(): (Caused by ReadTimeoutError(...))", TransientError),
        ("Could not fetch URL https://i/simple/: i didn't respond within 4.0 seconds - skipping", TransientError),
        ("i didn't respond within 4.0 seconds (while establishing a connection)", Unreachable),
        ("(Caused by ConnectTimeoutError('Connection to i timed out. (connect timeout=4.0)'))", Unreachable),
        ("connection error: Failed to resolve IP address for 'i' ([Errno -2] Name or service not known)", Unreachable),
        ("Failed to establish a new connection: [Errno -3] Temporary failure in name resolution", Unreachable),
        ("x Download failed after 6 attempts because not enough bytes were received (20 kB/50 kB)", TransientError),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", TransientError),
        ("ERROR: Wheel 'x' located at /tmp/x.whl is invalid.", TransientError),
        ("Could not fetch URL https://i/simple/: 404 Client Error: Not Found for url - skipping", Unavailable),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", OSError),
    ],
)
def test_what_pip_says_decides_whether_it_is_called_again(words, kind):
    assert type(_pip_failure(words + os.linesep)) is kind
