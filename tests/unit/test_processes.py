"""Several processes that train one network together: the same batches give the same losses as in one process."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.objectives import OBJECTIVES, Trained, decoder, documents
from support.processes import together

from relab.errors import UserError
from relab.training import job, sharding
from relab.training.processes import ALONE, Processes, start_processes
from relab.training.signals import StopSignal
from relab.training.state import State

#: What is trained here; of most networks the output layer is no embedding, too.
TRAINED = {**OBJECTIVES, "a tied output layer": Trained(documents, lambda dropout: decoder(dropout, tied=True))}
#: Seven rows in a batch are divided unevenly; an epoch's last batch has fewer.
SETTINGS = {"steps": 12, "batch": 7, "accumulation": 2, "dropout": 0.0}


def train(processes: Processes, name: str, folder: Path, settings: dict, stop_at: int | None = None):
    """Train for an objective, and return its history and its weights, or the sentence that ends it."""
    trainer = TRAINED[name].trainer(**settings, processes=processes)
    stop = StopSignal()
    if stop_at is not None and processes.rank == processes.count - 1:  # only one of them is told
        update = trainer.update

        def update_and_stop() -> None:
            update()
            stop.signal = "SIGTERM" if trainer.progress.step == stop_at else None

        trainer.update = update_and_stop
    folder.mkdir(exist_ok=True, parents=True)
    try:
        job.run(trainer, State(folder, 1e9), stop, code="")
    except UserError as error:
        return str(error)
    weights = {name: value.detach().numpy() for name, value in trainer.parameters.items()}
    return trainer.progress.history, weights


def assert_same_losses(history: list[dict], expected: list[dict]) -> None:
    for row, expected_row in zip(history, expected, strict=True):
        for key, value in expected_row.items():
            assert row[key] == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-6)), key


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_equal_global_batch_gives_the_objective_the_same_losses(name, tmp_path):
    alone, _ = train(ALONE, name, tmp_path / "alone", SETTINGS)
    for history, _ in together(train, name, tmp_path / "together", SETTINGS):
        assert_same_losses(history, alone)


@pytest.mark.parametrize(("name", "batch"), [("next token of the target behind a prompt", 39), ("sequence to sequence", 59)])
def test_a_row_that_is_left_over_for_one_process_counts_once(name, batch, tmp_path):
    """An epoch's last batch has one row, which both processes read, since both take part in every update."""
    settings = {**SETTINGS, "batch": batch, "accumulation": 1, "steps": 4}
    alone, _ = train(ALONE, name, tmp_path / "alone", settings)
    for history, _ in together(train, name, tmp_path / "together", settings):
        assert_same_losses(history, alone)


@pytest.mark.parametrize("name", ["next token of documents", "classification"])
def test_what_one_process_is_told_all_do_and_go_on_from_there(name, tmp_path):
    """With dropout, which each process draws for itself."""
    settings = {**SETTINGS, "dropout": 0.2}
    (unbroken, weights), _ = together(train, name, tmp_path / "unbroken", settings)
    sentences = together(train, name, tmp_path / "broken", settings, 8)
    assert sentences == ["stopped at step 8 of 12 by SIGTERM; the same command goes on from there"] * 2
    (resumed, resumed_weights), _ = together(train, name, tmp_path / "broken", settings)
    assert resumed == unbroken
    assert all((resumed_weights[key] == weights[key]).all() for key in weights)


def test_units_are_dropped_apart(tmp_path):
    """Both processes with the same masks would differ less from no dropout than they should, and so from one process."""
    states = together(_random_state_behind_the_start, tmp_path)
    assert states[0] != states[1]


def _random_state_behind_the_start(processes: Processes, folder: Path) -> list[float]:
    torch.manual_seed(0)
    processes.draw_apart()
    return torch.rand(4).tolist()


@pytest.mark.parametrize("name", ["next token of blocks", "a tied output layer"])
def test_a_divided_network_gives_the_same_losses_and_is_put_together_in_the_end(name, tmp_path):
    """FSDP, with a checkpoint and the best weights, of tied weights as of others."""
    alone, weights = train(ALONE, name, tmp_path / "alone", SETTINGS)
    settings = {**SETTINGS, "sharded": True}
    stopped = together(train, name, tmp_path / "together", settings, 5)
    assert all("stopped at step 5" in sentence for sentence in stopped)
    for history, whole in together(train, name, tmp_path / "together", settings):
        assert_same_losses(history, alone)
        assert {key: value.shape for key, value in whole.items()} == {key: value.shape for key, value in weights.items()}
        assert all(whole[key] == pytest.approx(weights[key], abs=1e-4) for key in weights)


def test_a_network_without_known_blocks_is_not_divided():
    marian = OBJECTIVES["sequence to sequence"].network(0.0)
    with pytest.raises(UserError, match=r"training\.sharded: Transformers names no blocks of marian to divide it by"):
        sharding.shard(marian, Processes(0, 2), torch.device("cpu"))


def test_a_network_is_not_divided_among_one(tmp_path):
    with pytest.raises(UserError, match=r"training\.sharded: expected several cards, found one \(cpu\)"):
        OBJECTIVES["next token of blocks"].trainer(sharded=True)


def test_a_batch_has_a_row_for_each_process():
    with pytest.raises(UserError, match=r"training\.batch: expected at least 4, one for each card, found 3"):
        Processes(0, 4).check_batch(3)
    Processes(0, 4).check_batch(4)


def test_cards_that_nodes_cannot_share_equally_are_refused(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    with pytest.raises(UserError, match="--cards: expected as many on each of 2 nodes, found 3 in all"):
        start_processes(3)
