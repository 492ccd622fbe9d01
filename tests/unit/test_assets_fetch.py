"""Where a file is taken from, what is kept of it, and what is said when nobody has it."""

from __future__ import annotations

import errno
import json
import os
import threading
import time

import pytest
from support.asset_tools import QUICK, declared, lonely_environment, make_wheel, sha
from support.hub_server import Answer, HubServer

from relab.assets import cache as asset_cache
from relab.assets.fetch import fetch
from relab.errors import UserError

BODY = b"the text of the file\n" * 1000


@pytest.fixture(autouse=True)
def _lonely(monkeypatch):
    lonely_environment(monkeypatch)


@pytest.fixture
def server():
    with HubServer() as server:
        yield server


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def url(address: str) -> dict:
    return {"kind": "url", "url": address}


def get(cache, files, *sources, file="file.txt", **more):
    return fetch("thing", file, declared(files, *sources, **more), cache, policy=QUICK)


def test_a_file_is_loaded_once_and_recorded(server, cache):
    source = url(server.give("/file.txt", BODY))
    for _ in range(2):
        entry = get(cache, {"file.txt": {}}, source)
        assert entry.path.read_bytes() == BODY
    assert server.count("GET", "/file.txt") == 1
    record = json.loads(entry.path.with_name("file.txt.json").read_text())
    assert record.pop("fetched")
    assert record == {
        "source": "url",
        "address": f"{server.url}/file.txt",
        "size": len(BODY),
        "sha256": sha(BODY),
        "pinned": False,
        "checked": "nothing",
    }


def test_an_asset_is_fetched_as_a_whole(server, cache):
    server.give("/a/one.txt", b"one")
    server.give("/a/deep/two.txt", b"two")
    source = url(f"{server.url}/a/") | {"members": {"two.txt": "deep/two.txt"}}
    files = {"one.txt": {}, "two.txt": {}}
    assert get(cache, files, source, file="one.txt").path.read_bytes() == b"one"
    before = len(server.seen)
    assert get(cache, files, source, file="two.txt").path.read_bytes() == b"two"
    assert len(server.seen) == before == 2


def test_a_file_comes_though_another_of_its_asset_does_not(server, cache, capsys):
    server.give("/a/one.txt", b"one")
    files, source = {"none.txt": {}, "one.txt": {}}, url(f"{server.url}/a/")
    assert get(cache, files, source, file="one.txt").path.read_bytes() == b"one"
    assert "thing: none.txt did not come" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"none.txt could not be had"):
        get(cache, files, source, file="none.txt")


def test_the_next_source_is_asked_where_one_fails(server, cache):
    second = url(server.give("/second", BODY))
    entry = get(cache, {"file.txt": {}}, url("http://127.0.0.1:9/first"), url(f"{server.url}/missing"), second)
    assert entry.path.read_bytes() == BODY
    assert entry.metadata["address"] == second["url"]


def test_a_known_file_is_found_whatever_its_sources(server, cache):
    files = {"file.txt": {"sha256": sha(BODY)}}
    first = get(cache, files, url(server.give("/first", BODY)))
    again = get(cache, files, url("http://127.0.0.1:9/other"), url(f"{server.url}/first"))
    assert again.path == first.path
    assert server.count("GET", "/first") == 1


def test_other_declarations_of_a_name_never_meet(server, cache):
    old = get(cache, {"file.txt": {}}, url(server.give("/old", b"old")))
    new = get(cache, {"file.txt": {}}, url(server.give("/new", b"new")))
    pinned = get(cache, {"file.txt": {"sha256": sha(BODY)}}, url(server.give("/pinned", BODY)))
    assert (old.path.read_bytes(), new.path.read_bytes(), pinned.path.read_bytes()) == (b"old", b"new", BODY)


def test_another_file_than_declared_gets_no_name(server, cache):
    with pytest.raises(UserError, match=f"its sha256 is {sha(BODY)}, expected {'0' * 64}"):
        get(cache, {"file.txt": {"sha256": "0" * 64}}, url(server.give("/file", BODY)))
    assert not [path for path in cache.rglob("*file.txt*") if path.is_file()]


def test_a_file_damaged_in_the_cache_is_fetched_again(server, cache, capsys):
    source, files = url(server.give("/file", BODY)), {"file.txt": {"sha256": sha(BODY)}}
    path = get(cache, files, source).path
    path.write_bytes(BODY[:-1] + b"x")
    assert get(cache, files, source).path.read_bytes() == BODY
    assert "was damaged" in capsys.readouterr().err


def test_an_unpinned_file_that_changed_since_it_was_fetched_is_an_error(server, cache):
    source = url(server.give("/file", BODY, b"changed"))
    path = get(cache, {"file.txt": {}}, source).path
    path.unlink()
    with pytest.raises(UserError, match=f"is not what came before: its sha256 is {sha(b'changed')}, then {sha(BODY)}") as error:
        get(cache, {"file.txt": {}}, source)
    assert str(path.with_name("file.txt.json")) in str(error.value)
    path.with_name("file.txt.json").unlink()
    assert get(cache, {"file.txt": {}}, source).path.read_bytes() == b"changed"


def test_the_mirror_is_asked_before_anything_is_loaded(server, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("RELAB_MIRROR", str(tmp_path / "mirror"))
    (tmp_path / "mirror" / "thing").mkdir(parents=True)
    (tmp_path / "mirror" / "thing" / "file.txt").write_bytes(BODY)
    entry = get(cache, {"file.txt": {"sha256": sha(BODY)}}, url(server.give("/file", BODY)))
    assert entry.path.read_bytes() == BODY and entry.metadata["source"] == "mirror"
    assert not server.seen


def test_a_mirror_with_another_file_is_passed_over(server, cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RELAB_MIRROR", str(tmp_path / "mirror"))
    (tmp_path / "mirror" / "thing").mkdir(parents=True)
    (tmp_path / "mirror" / "thing" / "file.txt").write_bytes(b"something else")
    entry = get(cache, {"file.txt": {"sha256": sha(BODY)}}, url(server.give("/file", BODY)))
    assert entry.path.read_bytes() == BODY and entry.metadata["source"] == "url"
    with pytest.raises(UserError, match=r"(?s)mirror: its sha256 is .*Put the file at .*mirror/thing/file.txt"):
        get(cache, {"file.txt": {"sha256": "1" * 64}}, url("http://127.0.0.1:9/"))


def test_the_links_of_a_run_are_a_mirror(server, cache, tmp_path, monkeypatch):
    entry = get(cache, {"file.txt": {}}, url(server.give("/file", BODY)))
    run = tmp_path / "run" / "results" / "assets" / "thing"
    asset_cache.link(entry, run / "file.txt", run / "file.txt.lock.json")
    monkeypatch.setenv("RELAB_MIRROR", str(run.parent))
    other = get(tmp_path / "other", {"file.txt": {}}, url("http://127.0.0.1:9/file"))
    assert other.path.read_bytes() == BODY


def test_the_message_names_every_source_its_failure_and_what_to_do(server, cache, capsys):
    server.give("/gated/file.txt", Answer(b"", 403))
    wheel = make_wheel(cache.parent / "unseen", {"x": b""}) | {"members": {"file.txt": "x"}}
    hub = {"kind": "hub", "repo": "some/model", "revision": "0" * 40}
    with pytest.raises(UserError) as error:
        get(cache, {"file.txt": {}}, wheel, hub, url("http://nosuchhost.invalid/file.txt"), url(f"{server.url}/gated/"))
    lines = str(error.value).splitlines()
    assert lines[0] == "asset thing: file.txt could not be had; tried in this order:"
    assert lines[1] == "  - mirror: RELAB_MIRROR is not set"
    assert lines[2] == "  - wheel tinywheel 1.0.0: no connection (http://127.0.0.1:9/simple/tinywheel/)"
    assert lines[3].startswith("  - hub some/model: no connection to 127.0.0.1:9")
    assert lines[4].startswith("  - url http://nosuchhost.invalid/file.txt: unknown host nosuchhost.invalid")
    assert lines[5].endswith("answered 403 Forbidden")
    assert "trying again" not in capsys.readouterr().err
    assert "HF_TOKEN" in lines[6] and "RELAB_MIRROR" in lines[7] and "thing/file.txt" in lines[7]


def at_once(number, job, cache, monkeypatch):
    """Run a job in several threads that all wait for the asset's lock before the first one gets it."""
    waiting = []
    monkeypatch.setattr("relab.assets.cache.log", waiting.append)
    jobs = [threading.Thread(target=job) for _ in range(number)]
    with asset_cache.locked(cache, "thing"):
        for one in jobs:
            one.start()
        while len(waiting) < number:
            time.sleep(0.005)
    for one in jobs:
        one.join()


def test_many_jobs_at_once_load_a_file_once(server, cache, monkeypatch):
    came, source = [], url(server.give("/file", BODY))
    at_once(6, lambda: came.append(get(cache, {"file.txt": {}}, source)), cache, monkeypatch)
    assert [entry.path.read_bytes() for entry in came] == [BODY] * 6
    assert server.count("GET", "/file") == 1


def test_jobs_that_waited_for_one_that_failed_do_not_ask_again(server, cache, monkeypatch):
    failures, source = [], url(server.give("/file", Answer(b"", 404)))

    def job():
        with pytest.raises(UserError) as error:
            get(cache, {"file.txt": {}}, source)
        failures.append(str(error.value))

    at_once(5, job, cache, monkeypatch)
    assert len(failures) == 5 and len(set(failures)) == 1
    assert server.count("GET", "/file") == 1
    job()  # a job that comes later asks anew
    assert server.count("GET", "/file") == 2


def test_too_little_space_is_told_before_anything_is_loaded(server, cache, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**6})())
    source = url(server.give("/file", BODY))
    with pytest.raises(UserError, match=r"asset thing needs 5.0 GB in the cache .*, where 1.0 MB are free"):
        get(cache, {"file.txt": {"size": 5 * 10**9}}, source)
    assert not server.seen


def test_a_disk_that_fills_up_is_told_and_leaves_nothing_that_looks_whole(server, cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("relab.assets.http._write_body", full)
    source = url(server.give("/file", BODY))
    with pytest.raises(UserError, match=r"asset thing: the disk of the cache .* is full"):
        get(cache, {"file.txt": {}}, source)
    assert not [path for path in cache.rglob("*file.txt*") if path.is_file()]
    monkeypatch.undo()
    lonely_environment(monkeypatch)
    assert get(cache, {"file.txt": {}}, source).path.read_bytes() == BODY


def test_what_a_killed_job_left_is_cleared_away(server, cache):
    left = cache / "thing" / ".work" / "wheel"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"half")
    get(cache, {"file.txt": {}}, url(server.give("/file", BODY)))
    assert not left.parent.exists()


def test_a_cache_that_cannot_be_written_serves_what_it_has(server, cache, monkeypatch):
    source = url(server.give("/file", BODY))
    get(cache, {"file.txt": {}}, source)
    monkeypatch.setattr("relab.assets.cache.locked", None)
    assert get(cache, {"file.txt": {}}, source).path.read_bytes() == BODY


def test_an_unknown_file_is_named(cache):
    with pytest.raises(UserError, match="asset thing: it has no file 'none.txt', only file.txt"):
        get(cache, {"file.txt": {}}, url("http://127.0.0.1:9/"), file="none.txt")
