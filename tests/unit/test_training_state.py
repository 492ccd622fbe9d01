"""Checkpoints and logs that outlive the process."""

from __future__ import annotations

import errno
import io
import logging
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors import SafetensorError

from relab.errors import UserError
from relab.training import state as module
from relab.training.state import State, fingerprint, raising_os_errors

TENSORS = {"a": torch.tensor([1.5, -0.0]), "b.c": torch.arange(6).view(2, 3).t(), "empty": torch.empty(0)}


def save(state: State, step: int, **plain) -> None:
    state.save(step, TENSORS, {"step": step, **plain})


def names(state: State) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in state.folder.glob("checkpoint-*"))


@pytest.fixture
def state(tmp_path):
    with State.open(tmp_path / "state" / "m-1") as state:
        yield state


def test_a_checkpoint_comes_back_as_it_was(state):
    save(state, 3, text="è", number=0.1, nothing=None)
    tensors, plain = state.load()
    assert plain == {"step": 3, "text": "è", "number": 0.1, "nothing": None}
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype


def test_without_a_checkpoint_there_is_nothing_to_load(state):
    assert state.load() is None


def test_the_two_newest_are_kept(state):
    for step in (8, 9, 10, 11):
        save(state, step)
    assert names(state) == [10, 11]
    assert state.load()[1] == {"step": 11}


def test_a_step_is_written_once(state, monkeypatch):
    save(state, 3)
    monkeypatch.setattr(module, "save_file", lambda *_: pytest.fail("written again"))
    save(state, 3)


def test_an_attempt_that_saves_no_step_of_its_own_has_not_advanced(state):
    assert not state.advanced
    save(state, 3)
    assert state.advanced
    next_attempt = State(state.folder)
    next_attempt.load()
    save(next_attempt, 3)
    assert not next_attempt.advanced
    save(next_attempt, 4)
    assert next_attempt.advanced


def test_a_damaged_checkpoint_is_left_out(state):
    for step in (1, 2):
        save(state, step)
    newest = max(state.folder.glob("checkpoint-*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    assert state.load()[1] == {"step": 1}
    assert names(state) == [1]
    save(state, 2)
    assert state.load()[1] == {"step": 2}


def test_a_failed_write_leaves_what_was_there(state, monkeypatch):
    def fail(tensors, path):
        Path(path).write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    save(state, 1)
    monkeypatch.setattr(module, "save_file", fail)
    with pytest.raises(OSError) as caught:
        save(state, 2)
    assert caught.value.errno == errno.ENOSPC
    assert Path(caught.value.filename).parent == state.folder
    assert names(state) == [1]
    assert not list(state.folder.glob(".*.safetensors"))


def test_other_errors_of_safetensors_stay_what_they_are():
    with pytest.raises(SafetensorError), raising_os_errors(Path("x")):
        raise SafetensorError("InvalidHeader")


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / ".0123.safetensors").write_bytes(b"half")
    with State.open(tmp_path):
        assert not (tmp_path / ".0123.safetensors").exists()


def test_checkpoints_are_due_by_the_clock(tmp_path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with State.open(tmp_path, 60) as state:
        assert not state.checkpoint_due()
        now = 160.0
        assert state.checkpoint_due()
        save(state, 1)
        assert not state.checkpoint_due()


def test_two_processes_do_not_share_a_folder(tmp_path):
    told = pytest.raises(UserError, match="another process is at work on this model")
    with FileLock(tmp_path / "lock"), told, State.open(tmp_path):
        pass
    assert not list(tmp_path.glob("*.log")), "what could not start is no attempt"


def test_attempts_are_counted_until_one_succeeds(tmp_path):
    for expected in (1, 2):
        with State.open(tmp_path) as state:
            assert state.attempt == expected
            save(state, expected)
    with State.open(tmp_path) as state:
        assert state.attempt == 3
        state.finish()
    assert not names(state), "checkpoints go"
    assert len(list(tmp_path.glob("attempt-*.log"))) == 3, "logs stay"
    with State.open(tmp_path) as state:
        assert state.attempt == 1, "the same model trained anew, by changed code for example"
        assert state.load() is None
    assert len(list(tmp_path.glob("attempt-*.log"))) == 4


def test_lines_and_errors_stand_in_the_attempts_log(tmp_path, capsys):
    handlers = list(logging.getLogger("relab.training").handlers)
    with pytest.raises(UserError), State.open(tmp_path):
        logging.getLogger("relab.training").info("line")
        raise UserError("stopped")
    with pytest.raises(ZeroDivisionError), State.open(tmp_path):
        1 / 0  # noqa: B018
    assert capsys.readouterr().err == "line\n", "the program tells an error itself"
    first, second = (path.read_text() for path in sorted(tmp_path.glob("attempt-*.log")))
    assert [line[20:] for line in first.splitlines()] == ["line", "stopped"]
    assert "Traceback" in second and second.endswith("ZeroDivisionError: division by zero\n")
    assert logging.getLogger("relab.training").handlers == handlers


class FullDisk(io.StringIO):
    def flush(self):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_log_lines_only(tmp_path, capsys):
    with State.open(tmp_path):
        (file,) = (one for one in logging.getLogger("relab.training").handlers if isinstance(one, logging.FileHandler))
        file.setStream(FullDisk()).close()
        logging.getLogger("relab.training").info("line")
    assert capsys.readouterr().err == "line\n"


def test_the_fingerprint_follows_settings_inputs_and_version(tmp_path, monkeypatch):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("text")
    other.write_text("text")
    mark = fingerprint({"x": 1, "y": 2.0}, [path])
    assert len(mark) == 16
    assert fingerprint({"y": 2.0, "x": 1}, [other]) == mark, "the order of keys and the place of the file mean nothing"
    assert fingerprint({"x": 1, "y": 2.5}, [path]) != mark
    other.write_text("text.")
    assert fingerprint({"x": 1, "y": 2.0}, [other]) != mark
    monkeypatch.setattr(module, "STATE_VERSION", module.STATE_VERSION + 1)
    assert fingerprint({"x": 1, "y": 2.0}, [path]) != mark
