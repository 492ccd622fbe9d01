"""The training loop: that it learns, what it writes down, that watching it changes nothing."""

from __future__ import annotations

import math

import pytest
import torch
from support.tokens import tokens_of

from relab import gpt
from relab.errors import UserError
from relab.settings.models import Architecture, Training
from relab.tokens.sizes import TextBytes
from relab.training.batches import Batch, RandomBlocks, evenly_spread_blocks
from relab.training.loop import Trainer
from relab.training.objectives.next_token import NextToken, TrainingData
from relab.training.objectives.objective import EvaluationResult
from relab.training.optimizer import optimizer
from relab.training.signals import StopSignal
from relab.training.state import State

CPU = torch.device("cpu")
VOCABULARY = 8
#: Period 5: each token follows from the one before, though on their own all are equally likely.
PERIODIC = tokens_of([[0, 3, 1, 6, 2] * 60])
#: A token of half a bit's worth of bytes in training text, of a third in validation text.
BYTES = TextBytes(torch.ones(VOCABULARY, dtype=torch.int64), {"train": 1 / 2 / math.log(2), "validation": 1 / 3 / math.log(2)})


def architecture(**changes) -> Architecture:
    return Architecture(**{"width": 16, "layers": 1, "heads": 2, "block": 16, "dropout": 0.2, **changes})


def training(**changes) -> Training:
    settings = {"steps": 12, "batch": 4, "learning_rate": 0.01, "evaluation": {"every": 5, "blocks": 6}}
    return Training(**{**settings, **changes})


def make(settings: Training, tokens=PERIODIC, sampler=None, **changes) -> Trainer:
    torch.manual_seed(0)
    model = gpt.build(architecture(**changes), VOCABULARY)
    blocks = RandomBlocks(tokens, block=16, batch=settings.batch, accumulation=settings.accumulation, seed=0, device=CPU)
    validation = evenly_spread_blocks(tokens, block=16, count=settings.evaluation.blocks, batch=settings.batch, device=CPU)
    objective = NextToken(TrainingData(blocks, validation, text_bytes=BYTES))
    return Trainer(model, objective, settings, sampler=sampler, device=CPU)


def train(tmp_path, settings: Training, **options) -> Trainer:
    trainer = make(settings, **options)
    with State.open(tmp_path / "state") as state:
        trainer.run(state, StopSignal())
    return trainer


def evaluated_loss(trainer: Trainer) -> float:
    """What an evaluation of the network, as it is, finds."""
    trainer.model.eval()
    with torch.no_grad():
        columns = trainer.objective.evaluate(trainer.model, 0).columns
    trainer.model.train()
    return columns["validation_loss"]


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.parameters.items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_more_than_how_often_a_token_occurs(tmp_path):
    trainer = train(tmp_path, training(steps=150, evaluation={"every": 150, "blocks": 6}, batch=8))
    first, last = (row["validation_loss"] for row in trainer.progress.history)
    assert first == pytest.approx(math.log(VOCABULARY), abs=0.1)
    assert last < 0.5 * math.log(5)


def test_the_history_has_the_first_and_the_last_step(tmp_path):
    schedule = {"kind": "linear", "warmup": 4}
    trainer = train(tmp_path, training(schedule=schedule))
    rows = trainer.progress.history
    assert [row["step"] for row in rows] == [0, 5, 10, 12]
    assert [row["tokens_seen"] for row in rows] == [0, 320, 640, 768]
    assert [row["learning_rate"] for row in rows] == pytest.approx([0, 0.01 * 7 / 8, 0.01 * 2 / 8, 0])
    assert rows[0]["train_loss"] is rows[0]["train_bits_per_byte"] is None
    assert rows[1]["train_bits_per_byte"] == pytest.approx(2 * rows[1]["train_loss"])
    assert rows[1]["validation_bits_per_byte"] == pytest.approx(3 * rows[1]["validation_loss"])
    speeds = trainer.progress.speed
    assert [row["step"] for row in speeds] == [0, 5, 10, 12]
    assert speeds[0]["tokens_per_second"] is None
    assert all(row["tokens_per_second"] > 0 for row in speeds[1:])


def test_the_training_loss_is_the_mean_since_the_row_before(tmp_path):
    each = train(tmp_path / "each", training(evaluation={"every": 1, "blocks": 1}))
    some = train(tmp_path / "some", training())
    losses = [row["train_loss"] for row in each.progress.history]
    means = [sum(losses[1:6]) / 5, sum(losses[6:11]) / 5, sum(losses[11:]) / 2]
    assert [row["train_loss"] for row in some.progress.history[1:]] == pytest.approx(means)


def test_the_first_training_loss_is_that_of_the_first_batch(tmp_path):
    trainer = make(training(), dropout=0)
    (batch,) = trainer.objective.batches(0)
    with torch.no_grad():
        logits = trainer.model(batch.inputs).logits.log_softmax(-1)
    expected = -logits.gather(-1, batch.targets[..., None]).mean()
    found = train(tmp_path, training(steps=1, evaluation={"every": 1, "blocks": 1}), dropout=0)
    assert found.progress.history[1]["train_loss"] == pytest.approx(float(expected))


def test_the_validation_loss_is_the_mean_over_all_its_tokens(tmp_path):
    trainer = make(training(batch=4))  # six blocks: batches of four and of two
    blocks = torch.cat([batch.inputs for batch in trainer.objective.data.validation])
    targets = torch.cat([batch.targets for batch in trainer.objective.data.validation])
    trainer.model.eval()
    with torch.no_grad():
        logits = trainer.model(blocks).logits.log_softmax(-1)
    expected = -logits.gather(-1, targets[..., None]).mean()
    assert train(tmp_path, training(batch=4)).progress.history[0]["validation_loss"] == pytest.approx(float(expected))


def test_an_evaluation_is_without_dropout_and_the_update_after_it_with_it(tmp_path, monkeypatch):
    trainer, modes = make(training(steps=2, evaluation={"every": 1, "blocks": 1})), []

    def spy(name):
        call = getattr(trainer.objective, name)
        monkeypatch.setattr(
            trainer.objective, name, lambda network, arg: modes.append((name, network.training)) or call(network, arg)
        )

    spy("evaluate")
    spy("loss")
    with State.open(tmp_path) as state:
        trainer.run(state, StopSignal())
    assert modes == [("evaluate", False), *[("loss", True), ("evaluate", False)] * 2]
    assert trainer.model.training


def test_targets_of_minus_100_do_not_count():
    trainer = make(training())
    inputs, targets, _ = trainer.objective.data.validation[0]
    half = targets.clone()
    half[:, 8:] = -100
    padded, short = Batch.of(inputs, half, CPU), Batch.of(inputs[:, :8], targets[:, :8], CPU)
    losses = []
    for batch in (padded, short):
        trainer.objective = NextToken(TrainingData(trainer.objective.data.train, [batch]))
        losses.append(evaluated_loss(trainer))
    assert losses[0] == pytest.approx(losses[1])


def test_evaluating_more_often_changes_no_weight(tmp_path):
    often = train(tmp_path / "often", training(evaluation={"every": 1, "blocks": 9}))
    assert same(weights(often), weights(train(tmp_path / "seldom", training())))


def test_sampling_on_the_way_changes_no_weight(tmp_path):
    from relab.sampling import sample

    steps = []

    def sampler(step):
        steps.append(step)
        generations = sample(trainer.model, [[1], [2]], length=30, seeds=[step, step + 1])
        return [{"step": step, "token_ids": one.token_ids} for one in generations]

    settings = training(samples={"every": 3})
    trainer = make(settings)
    trainer.sampler = sampler
    with State.open(tmp_path / "sampling") as state:
        trainer.run(state, StopSignal())
    assert steps == [0, 3, 6, 9, 12]
    assert [record["step"] for record in trainer.progress.samples] == [0, 0, 3, 3, 6, 6, 9, 9, 12, 12]
    assert same(weights(trainer), weights(train(tmp_path / "silent", training())))


def test_writing_a_checkpoint_at_every_step_changes_no_weight(tmp_path):
    trainer = make(training())
    with State.open(tmp_path / "often", 0) as state:
        trainer.run(state, StopSignal())
    assert same(weights(trainer), weights(train(tmp_path / "seldom", training())))


def test_accumulated_gradients_equal_those_of_the_bigger_batch(tmp_path):
    settings = {"steps": 3, "clip": 0.5}
    big = train(tmp_path / "big", training(batch=8, **settings), dropout=0)
    small = train(tmp_path / "small", training(batch=2, accumulation=4, **settings), dropout=0)
    for name, value in weights(big).items():
        assert torch.allclose(value, weights(small)[name], atol=1e-5), name
    assert small.progress.history[-1]["train_loss"] == pytest.approx(big.progress.history[-1]["train_loss"], abs=1e-5)
    assert small.progress.history[-1]["tokens_seen"] == big.progress.history[-1]["tokens_seen"]


def test_a_clipped_gradient_has_the_norm_asked_for(monkeypatch):
    norms = []

    def spy(optimizer):
        gradients = [one.grad for group in optimizer.param_groups for one in group["params"]]
        norms.append(float(torch.cat([one.flatten() for one in gradients]).norm()))

    trainer = make(training(clip=0.01))
    monkeypatch.setattr(trainer.optimizer, "step", lambda: spy(trainer.optimizer))
    trainer.update()
    assert norms == pytest.approx([0.01], rel=1e-3)


def test_matrices_decay_and_biases_and_norms_do_not():
    trainer = make(training(weight_decay=0.5, learning_rate=0.1))
    before = weights(trainer)
    for parameter in trainer.parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    trainer.optimizer.step()
    for name, value in weights(trainer).items():
        matrix = not name.endswith("bias") and ".ln_" not in name
        expected = before[name] * (1 - 0.1 * 0.5) if matrix else before[name]
        assert torch.allclose(value, expected), name


@pytest.mark.parametrize("tied", [False, True])
def test_embeddings_are_exempt_from_decay_where_asked(tied):
    trainer = make(training(weight_decay=0.5, learning_rate=0.1, decay_embeddings=False), tied=tied)
    before = weights(trainer)
    for parameter in trainer.parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    trainer.optimizer.step()
    still = {name for name, value in weights(trainer).items() if torch.equal(value, before[name])}
    matrices = {name for name, value in before.items() if value.dim() >= 2}
    assert still & matrices == {"transformer.wte.weight", "transformer.wpe.weight"}
    assert ("lm_head.weight" in before) != tied


def test_a_model_of_matrices_only_has_an_optimizer():
    layer = torch.nn.Linear(2, 2, bias=False)
    before = layer.weight.detach().clone()
    adamw = optimizer(layer, training())
    layer.weight.grad = torch.ones(2, 2)
    adamw.step()
    assert (layer.weight < before).all()


def resumed(folder, settings: Training, stop_at: int) -> Trainer:
    """A trainer that went on from the state of another one at a step."""
    first = make(settings)
    first._evaluate_and_sample()
    while first.progress.step < stop_at:
        first.update()
        first._evaluate_and_sample()
    tensors, progress = first.capture()
    second = make(settings)
    second.restore({name: value.clone() for name, value in tensors.items()}, progress)
    with State.open(folder) as state:
        second.run(state, StopSignal())
    return second


def test_a_resumed_run_equals_the_unbroken_one(tmp_path):
    settings = training(clip=1.0, accumulation=2, schedule={"kind": "cosine", "warmup": 3})
    unbroken = train(tmp_path / "unbroken", settings)
    for stop_at in (0, 1, 5, 11, 12):
        second = resumed(tmp_path / f"state-{stop_at}", settings, stop_at)
        assert same(weights(second), weights(unbroken)), stop_at
        assert same(second.best, unbroken.best)
        assert second.progress.history == unbroken.progress.history


def test_the_best_weights_are_the_earliest_of_the_lowest_loss(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        with_losses(patch, 3.0, 1.0, 1.0, 2.0)
        trainer = train(tmp_path, training())
    last = weights(trainer)
    assert trainer.best_row()["step"] == 5
    trainer.load_best()
    best = weights(trainer)
    assert not same(best, last)
    assert same(best, weights(train(tmp_path / "five", training(steps=5, evaluation={"every": 9, "blocks": 1}))))


def with_losses(monkeypatch, *losses: float) -> None:
    """Make evaluations find these validation losses."""
    found = iter(losses)
    monkeypatch.setattr(NextToken, "evaluate", lambda self, network, step: EvaluationResult({"validation_loss": next(found)}))


def test_a_plateau_lowers_the_rate_from_the_next_update_on(tmp_path, monkeypatch):
    with_losses(monkeypatch, 3.0, 2.0, 2.0, 2.0)
    trainer = train(tmp_path, training(steps=6, evaluation={"every": 2, "blocks": 1}, schedule=PLATEAU))
    assert [row["learning_rate"] for row in trainer.progress.history] == pytest.approx([0.01, 0.01, 0.003, 0.0009])
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.003)  # that of the last update


PLATEAU = {"kind": "plateau", "patience": 0}


def test_training_ends_where_the_validation_loss_has_stopped_falling(tmp_path, monkeypatch):
    sampled = []
    settings = training(steps=20, evaluation={"every": 2, "blocks": 1}, early_stopping=3, samples={"every": 100})
    with_losses(monkeypatch, 5.0, 3.0, 3.5, 2.0, 2.5, 2.0, 2.1, 1.0)
    trainer = make(settings, sampler=lambda step: [sampled.append(step) or {"step": step, "token_ids": [1]}])
    with State.open(tmp_path / "state") as state:
        trainer.run(state, StopSignal())
    assert [row["step"] for row in trainer.progress.history] == [0, 2, 4, 6, 8, 10, 12]
    assert trainer.best_row()["step"] == 6
    assert sampled == [0, 12]
    assert "training ends at step 12: the validation loss has stopped falling" in next(state.folder.glob("*.log")).read_text()


def test_a_resumed_run_ends_early_where_the_unbroken_one_does(tmp_path, monkeypatch):
    settings = training(steps=20, evaluation={"every": 2, "blocks": 1}, early_stopping=2, schedule=PLATEAU)
    with_losses(monkeypatch, 5.0, 3.0, 2.0, 2.5, 2.6)
    unbroken = train(tmp_path / "unbroken", settings)
    with_losses(monkeypatch, 5.0, 3.0, 2.0, 2.5, 2.6)
    second = resumed(tmp_path / "state", settings, 7)
    assert second.progress.step == unbroken.progress.step == 8
    assert second.progress.history == unbroken.progress.history
    assert same(weights(second), weights(unbroken))


def test_sampling_is_timed(tmp_path):
    settings = training(samples={"every": 6})
    trainer = train(tmp_path, settings, sampler=lambda step: [{"step": step, "token_ids": [1, 2, 3]}])
    assert [row["step"] for row in trainer.progress.sampling] == [0, 6, 12]
    assert all(row["sampled_per_second"] > 0 for row in trainer.progress.sampling)


@pytest.fixture
def evaluations(monkeypatch):
    """Keep evaluations from failing where only the training loss is asked about."""
    monkeypatch.setattr(NextToken, "evaluate", lambda self, network, step: EvaluationResult({"validation_loss": 1.0}))


def poison(trainer: Trainer, step: int) -> None:
    """Make the weights not a number from the update after ``step`` finished ones."""
    batches = trainer.objective.data.train.batches

    def poisoned(now):
        if now == step:
            with torch.no_grad():
                trainer.model.transformer.wte.weight.fill_(math.nan)
        yield from batches(now)

    trainer.objective.data.train.batches = poisoned


def test_a_loss_that_is_not_a_number_ends_the_run_and_names_the_step(tmp_path, evaluations):
    trainer = make(training())
    poison(trainer, 6)
    with State.open(tmp_path, 0) as state, pytest.raises(UserError) as caught:
        trainer.run(state, StopSignal())
    assert str(caught.value).startswith("the training loss is not a finite number at step 7 (learning rate 0.01): lower ")
    newest = max(tmp_path.glob("checkpoint-*"))
    assert newest.name.startswith("checkpoint-000000006-"), "the last good one stays"


def test_a_loss_that_is_not_a_number_is_found_at_the_next_evaluation(tmp_path, evaluations):
    trainer = make(training())
    poison(trainer, 6)
    with State.open(tmp_path) as state, pytest.raises(UserError, match="at step 7 "):
        trainer.run(state, StopSignal())
    assert trainer.progress.step == 10


def test_a_validation_loss_that_is_not_a_number_ends_the_run(tmp_path):
    trainer = make(training())
    with torch.no_grad():
        trainer.model.transformer.wte.weight.fill_(math.nan)
    with State.open(tmp_path) as state, pytest.raises(UserError, match="the validation loss is not a finite number at step 0"):
        trainer.run(state, StopSignal())


def test_a_full_gpu_is_told_in_a_sentence(tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB.")

    trainer = make(training())
    monkeypatch.setattr(trainer, "update", full)
    with State.open(tmp_path) as state, pytest.raises(UserError) as caught:
        trainer.run(state, StopSignal())
    assert str(caught.value) == (
        "the GPU's memory does not hold a batch of 4 blocks: lower training.batch and raise training.accumulation by the "
        "same factor (CUDA out of memory)"
    )


def test_a_signal_before_the_first_step_is_heeded(tmp_path):
    trainer, stop = make(training()), StopSignal()
    stop.signal = "SIGTERM"
    with State.open(tmp_path) as state, pytest.raises(UserError, match="stopped at step 0 of 12 by SIGTERM; the same command"):
        trainer.run(state, stop)
    assert len(list(tmp_path.glob("checkpoint-000000000-*"))) == 1


def test_going_on_with_another_device_is_told(tmp_path, capsys):
    trainer = make(training())
    tensors, plain = trainer.capture()
    with State.open(tmp_path):
        trainer.restore(tensors, {**plain, "device": "cuda"})
    assert "the checkpoint was made on cuda: from here on the numbers differ" in capsys.readouterr().err
