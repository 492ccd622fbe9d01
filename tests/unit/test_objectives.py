"""What a network can be trained for, by one loop: what holds of every objective."""

from __future__ import annotations

import math

import pytest
import torch
from support.objectives import BLOCK, CPU, LETTERS, OBJECTIVES, PAD, TRAIN, VOCABULARY, WORDS
from torch.nn import functional

from relab.errors import UserError
from relab.training.batches import IGNORED, Batch, PromptTargets
from relab.training.objectives.pairwise import Preferences
from relab.training.objectives.sequence_to_sequence import Pairs
from relab.training.processes import Processes
from relab.training.signals import StopSignal
from relab.training.state import State

every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def train(trainer, folder, stop_at: int | None = None) -> None:
    """Train to the end, or as a signal at a step makes it stop."""
    stop = StopSignal()
    if stop_at is not None:
        update = trainer.update

        def update_and_stop() -> None:
            update()
            stop.signal = "SIGTERM" if trainer.progress.step == stop_at else None

        trainer.update = update_and_stop
    with State.open(folder, 1e9) as state:
        if checkpoint := state.load():
            trainer.restore(*checkpoint)
        trainer.run(state, stop)


@every_objective
@pytest.mark.parametrize("step", [1, 5, 8])
def test_the_objective_is_resumed_bit_for_bit(name, step, tmp_path):
    """With dropout, a schedule, moments, in the middle of an epoch, between two evaluations and at one."""
    unbroken = OBJECTIVES[name].trainer()
    train(unbroken, tmp_path / "unbroken")
    with pytest.raises(UserError, match=f"stopped at step {step} of 12 by SIGTERM"):
        train(OBJECTIVES[name].trainer(), tmp_path / "broken", stop_at=step)
    resumed = OBJECTIVES[name].trainer(seed=99)  # other weights and another random state: all must come from the checkpoint
    train(resumed, tmp_path / "broken")
    assert resumed.progress.history == unbroken.progress.history
    assert resumed.progress.losses == unbroken.progress.losses
    for kind in ("parameters", "best"):
        tensors, expected = getattr(resumed, kind), getattr(unbroken, kind)
        assert all(torch.equal(tensors[key], expected[key]) for key in expected)


@every_objective
def test_the_objective_is_learnt(name, tmp_path):
    trainer = OBJECTIVES[name].trainer(steps=60, dropout=0.0, evaluation={"every": 60, "blocks": 4})
    train(trainer, tmp_path / "state")
    first, last = trainer.progress.history[0], trainer.progress.history[-1]
    with torch.no_grad():
        losses = [float(trainer.objective.loss(trainer.model.eval(), batch).mean) for batch in trainer.objective.batches(0)]
    assert max(losses) < first["validation_loss"] * 0.95
    assert math.isfinite(last["validation_loss"])


def longer(tensor: torch.Tensor, value: int) -> torch.Tensor:
    return functional.pad(tensor, (0, 3), value=value)


def padded(batch):
    """The same rows, with three more positions of padding behind them."""
    fields = batch._asdict()
    values = {"inputs": PAD, "sources": PAD, "mask": 0, "targets": IGNORED}
    fields |= {key: longer(fields[key], value) for key, value in values.items() if key in fields}
    if "predicted" in fields:
        fields["predicted"] = (fields["targets"].flatten() != IGNORED).nonzero().squeeze(1)
    return type(batch)(**fields)


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "next token of blocks"])  # which are never padded
def test_padding_changes_no_loss_of_the_objective(name):
    trainer = OBJECTIVES[name].trainer(dropout=0.0, batch=6)
    for batch in trainer.objective.batches(3):
        loss, same = (trainer.objective.loss(trainer.model, each).mean for each in (batch, padded(batch)))
        assert loss.item() == pytest.approx(same.item(), abs=1e-6)


@every_objective
def test_a_batch_cut_in_two_is_the_same_update_for_the_objective(name):
    """Items of both batches count alike, however many each of them has."""
    whole = OBJECTIVES[name].trainer(dropout=0.0, batch=8, accumulation=1)
    halves = OBJECTIVES[name].trainer(dropout=0.0, batch=8, accumulation=1)
    objective = halves.objective

    class Halves:
        """The objective's batches, each in two of different sizes."""

        item_name, batch_unit = objective.item_name, objective.batch_unit
        loss, prepare = staticmethod(objective.loss), staticmethod(objective.prepare)

        def parts(self, step):
            three, five = (OBJECTIVES[name].trainer(processes=share, batch=8, accumulation=1).objective for share in SHARES)
            return [(part.items(step)[0], next(iter(part.batches(step)))) for part in (three, five)]

        def items(self, step):
            return [items for items, _ in self.parts(step)]

        def batches(self, step):
            return iter([batch for _, batch in self.parts(step)])

    halves.objective = Halves()
    for trainer in (whole, halves):
        trainer.update()
    assert float(whole._losses[0]) == pytest.approx(float(halves._losses[0]), abs=1e-6)
    for key, parameter in whole.parameters.items():
        torch.testing.assert_close(halves.parameters[key], parameter, atol=2e-5, rtol=1e-4)


class Share(Processes):
    """Three of eight rows, or the five others, as if another process had them."""

    def share(self, rows):
        return rows[:3] if self.rank == 0 else rows[3:]


SHARES = (Share(0, 1), Share(1, 1))


@every_objective
def test_the_processes_of_an_objective_share_every_batch(name):
    whole = OBJECTIVES[name].trainer(batch=7).objective
    parts = [OBJECTIVES[name].trainer(batch=7, processes=SimulatedProcess(rank, 3)).objective for rank in range(3)]
    for step in range(5):
        assert [sum(items) for items in zip(*(part.items(step) for part in parts), strict=True)] == whole.items(step)


class SimulatedProcess(Processes):
    """One of several processes, without the others."""

    def averaging(self, network, device):
        return network


@every_objective
def test_the_history_of_the_objective_counts_its_items(name, tmp_path):
    trainer = OBJECTIVES[name].trainer()
    train(trainer, tmp_path / "state")
    items = sum(sum(trainer.objective.items(step)) for step in range(12))
    assert trainer.progress.history[-1][f"{trainer.objective.item_name}_seen"] == items
    assert f"{trainer.objective.item_name}_per_second" in trainer.progress.speed[-1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
@every_objective
def test_the_objective_is_trained_and_resumed_on_a_card(name, tmp_path):
    """In float32 with the losses of a CPU, in bfloat16 near them; a resumed run goes on from the same weights."""
    options = {"device": torch.device("cuda", 0), "dropout": 0.0}
    expected = OBJECTIVES[name].trainer(dropout=0.0)
    train(expected, tmp_path / "cpu")
    losses = [row["validation_loss"] for row in expected.progress.history]
    for precision, tolerance in (("float32", 1e-3), ("auto", 0.05)):
        trainer = OBJECTIVES[name].trainer(**options, precision=precision)
        train(trainer, tmp_path / precision)
        assert [row["validation_loss"] for row in trainer.progress.history] == pytest.approx(losses, rel=tolerance)
    with pytest.raises(UserError, match="stopped at step 5"):
        train(OBJECTIVES[name].trainer(**options), tmp_path / "broken", stop_at=5)
    resumed = OBJECTIVES[name].trainer(**options, seed=99)
    train(resumed, tmp_path / "broken")
    assert resumed.progress.history == trainer.progress.history


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if "token" in name or "sequence" in name])
def test_the_output_layer_reads_only_what_the_objective_predicts(name):
    trainer = OBJECTIVES[name].trainer(batch=6)
    rows: list[int] = []
    trainer.model.get_output_embeddings().register_forward_hook(lambda *call: rows.append(call[2].shape[:-1].numel()))
    for items, batch in zip(trainer.objective.items(0), trainer.objective.batches(0), strict=True):
        trainer.objective.loss(trainer.model, batch)
        assert rows.pop() == items
    trainer.objective.evaluate(trainer.model, 0)
    assert not trainer.model.get_output_embeddings()._forward_pre_hooks, "nothing stays behind"


def test_the_loss_behind_a_prompt_is_that_of_the_target_alone():
    """By the model's logits of the text, read one by one."""
    trainer = OBJECTIVES["next token of the target behind a prompt"].trainer(dropout=0.0)
    prompt, answer = TRAIN[3][:5], TRAIN[3][5:]
    inputs, targets = PromptTargets([prompt], [answer], BLOCK)[0]
    batch = Batch.of(inputs[None], targets[None], CPU)
    log_probs = trainer.model(torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1)
    expected = -sum(log_probs[len(prompt) - 1 + index, token] for index, token in enumerate(answer)) / len(answer)
    assert float(trainer.objective.loss(trainer.model, batch).mean) == pytest.approx(float(expected), abs=1e-6)


def test_a_long_prompt_loses_its_beginning_and_a_long_target_its_end():
    examples = PromptTargets([[3, 4, 5, 6], [3]], [[7, 8], [5, 6, 7, 8, 9, 10]], block=3)
    assert examples.truncated == 2
    assert [tuple(part.tolist() for part in examples[index]) for index in range(2)] == [
        ([5, 6, 7], [IGNORED, 7, 8]),
        ([3, 5, 6], [5, 6, 7]),
    ]
    assert examples.targets.tolist() == [2, 3]


def test_smoothed_labels_are_for_training_alone():
    """The evaluated loss is the cross-entropy that Transformers computes from its labels."""
    trainer = OBJECTIVES["sequence to sequence"].trainer(dropout=0.0)
    objective, network = trainer.objective, trainer.model
    evaluated = objective.evaluate(network, 0).columns["validation_loss"]
    nats = targets = 0
    for source, target in zip(objective.validation.sources, objective.validation.targets, strict=True):
        nats += float(network(input_ids=torch.tensor([source]), labels=torch.tensor([target])).loss) * len(target)
        targets += len(target)
    assert evaluated == pytest.approx(nats / targets, abs=1e-5)
    batch = next(iter(objective.batches(0)))
    smoothed = float(objective.loss(network, batch).mean)
    objective.smoothing = 0.0
    assert smoothed != pytest.approx(float(objective.loss(network, batch).mean), abs=1e-4)


def test_a_preference_is_the_logistic_function_of_two_scores():
    trainer = OBJECTIVES["pairwise preference"].trainer(dropout=0.0)
    chosen, rejected = [TRAIN[0], TRAIN[1][:4]], [TRAIN[2][:5], TRAIN[3]]
    margins = trainer.objective.margins(trainer.model, Preferences(chosen, rejected))
    for margin, better, worse in zip(margins.tolist(), chosen, rejected, strict=True):
        scores = [float(trainer.model(input_ids=torch.tensor([text])).logits) for text in (better, worse)]
        assert margin == pytest.approx(scores[0] - scores[1], abs=1e-6)
    batch = trainer.objective.collate(Preferences(chosen, rejected), [0, 1])
    expected = -torch.log(torch.sigmoid(margins)).mean()
    assert float(trainer.objective.loss(trainer.model, batch).mean) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("make", [lambda a, b: PromptTargets(a, b, 8), Pairs, Preferences])
def test_rows_without_a_token_are_refused(make):
    with pytest.raises(UserError, match="found none"):
        make([], [])
    with pytest.raises(UserError, match="row 2: expected"):
        make([[3], [4]], [[5], []])


def test_the_rows_of_these_tests_differ_in_length():
    assert len({len(text) for text in TRAIN}) > 5
    assert len({len(word) for word in WORDS}) > 3
    assert len(LETTERS) + 3 == VOCABULARY
