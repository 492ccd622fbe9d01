"""Files of the Hub through the Hub's own client, against a server that answers like it."""

from __future__ import annotations

import hashlib

import pytest
import torch
from support import tiny_gpt2
from support.asset_tools import QUICK, declared, lonely_environment, sha
from support.hub_server import Answer, HubServer

from relab.assets.cache import link
from relab.assets.fetch import fetch
from relab.checkpoints import load_model, load_tokenizer
from relab.errors import UserError
from relab.published.model import import_model

REVISION = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS, CONFIG = b"weights" * 10_000, b'{"model_type": "tiny"}\n'
BASE = f"/some/model/resolve/{REVISION}"
SOURCE = {"kind": "hub", "repo": "some/model", "revision": REVISION}


@pytest.fixture
def hub(monkeypatch):
    lonely_environment(monkeypatch)
    with HubServer() as server, HubServer() as storage:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.repository("some/model", REVISION, {"config.json": CONFIG})
        server.repository("some/model", REVISION, {"model.safetensors": WEIGHTS}, storage=storage)
        server.storage = storage
        yield server


def get(tmp_path, file="config.json", files=None, source=SOURCE):
    return fetch("thing", file, declared(files or {file: {}}, source), tmp_path / "cache", policy=QUICK)


def blob(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def test_large_and_small_files_come_with_the_hub_s_own_check(hub, tmp_path):
    files = {"model.safetensors": {"sha256": sha(WEIGHTS)}, "config.json": {}}
    weights = get(tmp_path, "model.safetensors", files)
    assert weights.path.read_bytes() == WEIGHTS
    assert weights.metadata["pinned"] and weights.metadata["checked"] == "the declared sha256"
    config = get(tmp_path, "config.json", files)
    assert config.path.read_bytes() == CONFIG
    assert not config.metadata["pinned"] and config.metadata["checked"] == "the Hub's own hash"
    assert config.metadata["address"] == f"some/model@{REVISION}: config.json"
    assert config.metadata["sha256"] == sha(CONFIG)


def test_a_data_set_is_asked_for_as_one_and_members_have_their_paths(hub, tmp_path):
    hub.repository("some/data", REVISION, {"en/train-00000.parquet": b"rows"}, dataset=True)
    source = {
        "kind": "hub",
        "repo": "some/data",
        "type": "dataset",
        "revision": REVISION,
        "members": {"train.parquet": "en/train-00000.parquet"},
    }
    assert get(tmp_path, "train.parquet", source=source).path.read_bytes() == b"rows"


def test_the_token_goes_to_the_hub_and_not_to_its_storage(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert get(tmp_path, "model.safetensors").path.read_bytes() == WEIGHTS
    assert hub.seen and all(headers["authorization"] == "Bearer hf_secret" for _, _, headers in hub.seen)
    assert hub.storage.seen and all("authorization" not in headers for _, _, headers in hub.storage.seen)


def test_another_commit_is_refused(hub, tmp_path):
    hub.give(f"{BASE}/config.json", Answer(CONFIG, headers={"X-Repo-Commit": "f" * 40, "ETag": f'"{blob(CONFIG)}"'}))
    with pytest.raises(UserError, match=f"is of commit {'f' * 40}, expected {REVISION}"):
        get(tmp_path)


def test_another_file_than_declared_is_refused_before_it_is_loaded(hub, tmp_path):
    with pytest.raises(UserError, match=f"has the sha256 {sha(WEIGHTS)}, expected {'0' * 64}"):
        get(tmp_path, "model.safetensors", {"model.safetensors": {"sha256": "0" * 64}})
    assert not hub.storage.seen


@pytest.mark.parametrize("etag", [blob(b"something else"), sha(b"something else")])
def test_bytes_that_are_not_what_the_hub_s_hash_says_are_refused(hub, tmp_path, etag):
    hub.give(f"{BASE}/config.json", Answer(CONFIG, headers={"X-Repo-Commit": REVISION, "ETag": f'"{etag}"'}))
    with pytest.raises(UserError, match=f"the Hub's own is {etag}"):
        get(tmp_path)
    assert not [path for path in (tmp_path / "cache").rglob("*config.json*") if path.is_file()]


def test_without_any_hash_nothing_is_taken(hub, tmp_path):
    hub.give(f"{BASE}/config.json", Answer(CONFIG, headers={"X-Repo-Commit": REVISION, "ETag": '"odd"'}))
    with pytest.raises(UserError, match="without a hash of the Hub's"):
        get(tmp_path)
    pinned = get(tmp_path, "config.json", {"config.json": {"sha256": sha(CONFIG)}})
    assert pinned.path.read_bytes() == CONFIG


def test_a_missing_file_is_told_at_once(hub, tmp_path):
    hub.give(f"{BASE}/config.json", Answer(b"", 404, {"X-Error-Code": "EntryNotFound"}))
    with pytest.raises(UserError, match=r"hub some/model: .*config.json answered 404"):
        get(tmp_path)
    assert hub.count("HEAD", f"{BASE}/config.json") == 1


def test_a_closed_door_asks_for_a_token(hub, tmp_path):
    hub.give(f"{BASE}/config.json", Answer(b"", 401, {"X-Error-Code": "GatedRepo"}))
    with pytest.raises(UserError, match="answered 401") as error:
        get(tmp_path)
    assert "HF_TOKEN" in str(error.value)


def test_a_hub_that_is_not_well_is_asked_again(hub, tmp_path, capsys):
    good = Answer(CONFIG, headers={"X-Repo-Commit": REVISION, "ETag": f'"{blob(CONFIG)}"'})
    hub.give(f"{BASE}/config.json", Answer(b"", 503), Answer(b"", 500), good, method="HEAD")
    hub.give(f"{BASE}/config.json", Answer(b"", 502), Answer(CONFIG, headers=good.headers, cut=5), good)
    assert get(tmp_path).path.read_bytes() == CONFIG
    log = capsys.readouterr().err
    assert all(f"answered {status}" in log for status in (503, 500, 502))


def test_a_hub_that_stays_unwell_is_given_up(hub, tmp_path):
    hub.give(f"{BASE}/config.json", Answer(b"", 503), method="HEAD")
    with pytest.raises(UserError, match=r"answered 503.*tried 3 times"):
        get(tmp_path)


def test_a_hub_that_is_late_is_asked_again(hub, tmp_path, capsys):
    good = Answer(CONFIG, headers={"X-Repo-Commit": REVISION, "ETag": f'"{blob(CONFIG)}"'})
    late = Answer(CONFIG, headers=good.headers, wait=0.6)
    hub.give(f"{BASE}/config.json", late, good, method="HEAD")
    assert get(tmp_path).path.read_bytes() == CONFIG
    assert "waiting for too long" in capsys.readouterr().err


def test_a_file_whose_first_byte_is_late_is_asked_for_again(hub, tmp_path, capsys):
    good = Answer(CONFIG, headers={"X-Repo-Commit": REVISION, "ETag": f'"{blob(CONFIG)}"'})
    hub.give(f"{BASE}/config.json", good, method="HEAD")
    hub.give(f"{BASE}/config.json", Answer(CONFIG, headers=good.headers, wait=0.6), good)
    assert get(tmp_path).path.read_bytes() == CONFIG
    assert hub.count("GET", f"{BASE}/config.json") == 2
    assert "waiting for too long" in capsys.readouterr().err


def test_a_large_file_that_breaks_off_is_continued_at_the_storage(hub, tmp_path):
    whole = Answer(WEIGHTS, headers={"ETag": '"stored"'})
    hub.storage.give(f"/{sha(WEIGHTS)}", Answer(WEIGHTS, headers=whole.headers, cut=50_000), whole)
    assert get(tmp_path, "model.safetensors").path.read_bytes() == WEIGHTS
    assert [headers.get("range") for method, _, headers in hub.storage.seen if method == "GET"][0] is None
    assert hub.storage.seen[-1][2]["range"].startswith("bytes=")


def test_a_small_file_that_is_not_the_declared_one_is_refused_after_it_came(hub, tmp_path):
    with pytest.raises(UserError, match=f"its sha256 is {sha(CONFIG)}, expected {'0' * 64}"):
        get(tmp_path, "config.json", {"config.json": {"sha256": "0" * 64}})
    assert hub.count("GET", f"{BASE}/config.json") == 1
    assert not [path for path in (tmp_path / "cache").rglob("*config.json*") if path.is_file()]


def test_offline_mode_is_respected_and_said(hub, tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set"):
        get(tmp_path)
    assert not hub.seen


def test_a_published_model_goes_from_the_hub_to_its_logits(hub, tmp_path):
    bodies = {name: (tiny_gpt2.FOLDER / name).read_bytes() for name in tiny_gpt2.FILES}
    weights = bodies.pop("model.safetensors")
    hub.repository("some/model", REVISION, bodies)
    hub.repository("some/model", REVISION, {"model.safetensors": weights}, storage=hub.storage)
    declared_files = {"model.safetensors": {"sha256": sha(weights)}, **{name: {} for name in bodies}}
    fetched = []
    for name in declared_files:
        fetched.append(tmp_path / "assets" / name)
        link(get(tmp_path, name, declared_files), fetched[-1], tmp_path / "assets" / f"{name}.lock.json")
    import_model(fetched, tmp_path / "model")
    tokenizer, model = load_tokenizer(tmp_path / "model"), load_model(tmp_path / "model", torch.device("cpu"))
    ids = tokenizer("Antipholus of Syracuse", return_tensors="pt").input_ids
    with torch.inference_mode():
        logits = model(ids).logits
        expected = tiny_gpt2.model(tokenizer.eos_token_id).eval()(ids).logits
    assert ids.shape[1] > 5
    torch.testing.assert_close(logits, expected)
