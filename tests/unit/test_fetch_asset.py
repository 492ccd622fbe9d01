"""The program that a fetch job runs, as Snakemake runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support.asset_tools import declared, lonely_environment, sha
from support.hub_server import HubServer
from support.runs import CHECKOUT

from relab.settings.base import canonical, spec

BODY = b"text\n" * 100


@pytest.fixture(autouse=True)
def _lonely(monkeypatch):
    lonely_environment(monkeypatch)


def run(tmp_path, declaration, file="file.txt", **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(CHECKOUT / "scripts" / "fetch_asset.py"), "--asset", "thing", "--file", file]
    output = f"results/assets/thing/{file}"
    command += ["--cache", str(tmp_path / "cache"), "--output", output, "--lock", f"{output}.lock.json"]
    command += ["--provenance", f"{output}.provenance.json", "--spec", canonical(spec(declaration)), "--code", "c0de"]
    return subprocess.run(command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True)


def test_a_job_leaves_a_link_a_lock_file_and_its_provenance(tmp_path):
    with HubServer() as server:
        source = {"kind": "url", "url": server.give("/file.txt", BODY)}
        done = run(tmp_path, declared({"file.txt": {}}, source))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "assets" / "thing"
    assert sorted(path.name for path in folder.iterdir()) == [
        "file.txt",
        "file.txt.lock.json",
        "file.txt.provenance.json",
    ]
    assert (folder / "file.txt").is_symlink() and (folder / "file.txt").read_bytes() == BODY
    lock = json.loads((folder / "file.txt.lock.json").read_text())
    assert lock["sha256"] == sha(BODY) and not lock["pinned"] and "fetched" not in lock
    provenance = json.loads((folder / "file.txt.provenance.json").read_text())
    assert provenance["asset"]["address"] == source["url"]
    assert provenance["outputs"]["results/assets/thing/file.txt"] == sha(BODY)
    assert "thing: file.txt (500 bytes) from url" in done.stderr


def test_a_second_run_links_without_asking_anybody(tmp_path):
    with HubServer() as server:
        declaration = declared({"file.txt": {}}, {"kind": "url", "url": server.give("/file.txt", BODY)})
        assert run(tmp_path, declaration).returncode == 0
    age = (tmp_path / "results/assets/thing/file.txt").lstat().st_mtime_ns
    assert run(tmp_path, declaration).returncode == 0
    assert (tmp_path / "results/assets/thing/file.txt").lstat().st_mtime_ns == age


def test_without_network_and_mirror_a_job_fails_with_one_readable_message(tmp_path):
    wheel = {"kind": "wheel", "package": "nosuchwheel", "version": "1.0", "size": 1, "sha256": "0" * 64}
    hub = {"kind": "hub", "repo": "some/model", "revision": "0" * 40}
    web = {"kind": "url", "url": "https://nosuchhost.invalid/"}
    done = run(tmp_path, declared({"file.txt": {}, "b.txt": {}}, wheel, hub, web), HF_ENDPOINT="http://nosuchhost.invalid")
    assert done.returncode == 1
    message = done.stderr[done.stderr.index("error: ") :]
    for word in ("asset thing", "file.txt", "wheel nosuchwheel", "hub some/model", "unknown host", "url https", "RELAB_MIRROR"):
        assert word in message
    assert "Traceback" not in done.stderr and "trying again" not in done.stderr
    assert not (tmp_path / "results/assets/thing").exists()


def test_lyrics_that_nobody_gave_are_told_in_their_own_words(tmp_path):
    declaration = declared({"lyrics.txt": {}}, {"kind": "local", "path": "$RELAB_LYRICS"}, missing="They are under copyright.")
    done = run(tmp_path, declaration, "lyrics.txt")
    assert done.returncode == 1
    assert "the variable RELAB_LYRICS is not set" in done.stderr
    assert done.stderr.rstrip().endswith("They are under copyright.")
    (tmp_path / "mine.txt").write_bytes(BODY)
    assert run(tmp_path, declaration, "lyrics.txt", RELAB_LYRICS=str(tmp_path / "mine.txt")).returncode == 0
    assert os.readlink(tmp_path / "results/assets/thing/lyrics.txt") == str(tmp_path / "mine.txt")


def test_a_cache_that_cannot_be_written_is_told_with_what_names_another(tmp_path):
    """Here its disk is away; a read-only folder, which root could write, is told the same way."""
    (tmp_path / "cache").symlink_to(tmp_path / "not mounted")
    done = run(tmp_path, declared({"file.txt": {}}, {"kind": "url", "url": "https://nosuchhost.invalid/file.txt"}))
    assert done.returncode == 1 and "RELAB_CACHE" in done.stderr
    assert done.stderr.startswith(f"error: the cache {tmp_path / 'cache'} cannot be written (") and done.stderr.count("\n") == 1
