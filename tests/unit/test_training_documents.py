"""Documents as training data: examples, padding that counts in nothing, draws, and the loop that reads them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.tokens import tokens_of
from torch.utils.data import DataLoader, Dataset

from relab import gpt
from relab.errors import UserError
from relab.settings.models import Architecture, Training
from relab.tokens.sizes import TextBytes
from relab.training.batches import (
    IGNORED,
    PADDING,
    Batch,
    Documents,
    PromptTargets,
    RandomExamples,
    collate,
    evenly_spread_examples,
)
from relab.training.loop import Trainer
from relab.training.objectives.next_token import NextToken, TrainingData
from relab.training.signals import StopSignal
from relab.training.state import State

CPU = torch.device("cpu")
VOCABULARY = 12
#: Documents of two to nine tokens: 2 3, 2 3 4, … up to nine.
IDS = [list(range(2, 2 + length)) for length in range(2, 10)] * 5
#: Token 3 writes three bytes.
BYTES = TextBytes(torch.arange(VOCABULARY), {"train": 1.0, "validation": 1.0})


def documents(ids=IDS, block=8, end=None) -> Documents:
    return Documents.from_tokens(tokens_of(ids, [11], end=end), block)


def drawing(*, batch=4, accumulation=1, seed=0, ids=IDS) -> RandomExamples:
    return RandomExamples(documents(ids), batch=batch, accumulation=accumulation, seed=seed, device=CPU)


def rows(batches) -> list[list[int]]:
    """The documents in batches, without what is padding."""
    return [
        [*inputs[targets != IGNORED].tolist(), int(targets[targets != IGNORED][-1])]
        for batch in batches
        for inputs, targets in zip(batch.inputs, batch.targets, strict=True)
    ]


# examples


def test_targets_are_the_inputs_moved_one_to_the_left():
    found = documents([[5, 6, 7, 8]])
    assert isinstance(found, Dataset) and len(found) == 1
    inputs, targets = found[0]
    assert (inputs.tolist(), targets.tolist()) == ([5, 6, 7], [6, 7, 8])
    assert inputs.dtype == targets.dtype == torch.int64


def test_every_document_is_an_example_of_its_own():
    found = documents()
    assert [[*inputs.tolist(), int(targets[-1])] for inputs, targets in found] == IDS
    assert found.targets.tolist() == [len(one) - 1 for one in IDS]
    with pytest.raises(IndexError):
        found[len(IDS)]


def test_long_documents_are_cut_and_those_without_a_target_left_out_and_counted():
    found = documents([[1], list(range(20)), [], [3, 4]], block=8)
    assert len(found) == 2 and found.skipped == 2
    assert found[0][0].tolist() == list(range(8)) and found[0][1].tolist() == list(range(1, 9))
    assert found[1][1].tolist() == [4]


def test_a_cut_document_still_ends_where_its_template_ends_it():
    found = documents([[1, *range(20), 2], [1, *range(7), 2], [1, *range(6), 2]], block=8, end=2)
    assert [[*inputs.tolist(), int(targets[-1])] for inputs, targets in found] == [
        [1, *range(7), 2], [1, *range(7), 2], [1, *range(6), 2]
    ]  # fmt: skip
    assert found.targets.tolist() == [8, 8, 7]


def test_no_separator_is_in_an_example():
    assert 11 not in {number for inputs, targets in documents() for number in (*inputs.tolist(), *targets.tolist())}


def test_ids_stay_in_the_file_until_an_example_is_asked_for():
    tokens = tokens_of([list(range(1000))] * 100)
    found = Documents.from_tokens(tokens, 999)
    assert sum(one.nbytes for one in vars(found).values() if isinstance(one, np.ndarray)) == 16 * 100
    assert tokens.document(3).base is not None and not tokens.document(3).flags.owndata


def test_shorter_examples_are_padded_on_the_right():
    inputs, targets = collate([documents()[place] for place in (2, 0)])
    assert inputs.tolist() == [[2, 3, 4], [2, 1, 1]] and PADDING == 1
    assert targets.tolist() == [[3, 4, 5], [3, -100, -100]]


def test_pytorchs_own_loader_takes_them():
    batches = DataLoader(documents(), batch_size=3, collate_fn=collate)
    assert rows(Batch(*batch) for batch in batches) == IDS


# reading


def test_a_corpus_without_a_document_of_two_tokens_is_an_error():
    with pytest.raises(UserError, match=r"made\.arrow: expected documents of at least two tokens, found none among 3$"):
        documents([[1], [], [2]])
    with pytest.raises(UserError, match="found none among 0$"):
        documents([])


# batches


def test_what_is_drawn_depends_on_seed_and_step_alone():
    before = torch.get_rng_state()
    source = drawing()
    later = rows(source.batches(7))
    assert later == rows(source.batches(7)) == rows(drawing().batches(7))
    assert later not in (rows(source.batches(8)), rows(drawing(seed=1).batches(7)))
    assert torch.equal(before, torch.get_rng_state())


def test_accumulated_batches_hold_the_documents_of_the_bigger_one():
    shared_out = drawing(batch=2, accumulation=3)
    assert [len(batch.inputs) for batch in shared_out.batches(5)] == [2, 2, 2]
    assert rows(shared_out.batches(5)) == rows(drawing(batch=6).batches(5))


def test_documents_of_other_lengths_are_read_apart_and_are_those_of_the_batch():
    ids = [list(range(2, 2 + length)) for length in (5, 120, 6, 110, 115, 4)]
    source = RandomExamples(documents(ids, block=128), batch=6, accumulation=1, seed=0, device=CPU, replacement=False)
    batches = list(source.batches(0))
    assert sorted(map(len, rows(batches))) == [4, 5, 6, 110, 115, 120]
    assert [batch.inputs.shape[1] for batch in batches] == [119, 5], "little is padded"
    assert source.targets(0) == [int(batch.counts().sum()) for batch in batches]


def test_the_number_of_targets_leaves_padding_out():
    source = drawing(batch=3, accumulation=4)
    for step in range(5):
        batches = list(source.batches(step))
        assert source.targets(step) == [int((batch.targets != IGNORED).sum()) for batch in batches]
        assert source.targets(step) == [int(batch.counts().sum()) for batch in batches]
    assert any((batch.targets == IGNORED).any() for batch in batches)


def test_the_positions_that_have_a_target_are_told_where_some_have_none():
    short, equal = evenly_spread_examples(documents([[2, 3, 4], [5, 6], [7, 8], [9, 2]]), count=4, batch=2, device=CPU)
    assert short.predicted.tolist() == [0, 1, 2], "the last of four is padding"
    assert equal.predicted is None


def test_every_document_is_drawn_about_equally_often():
    source = drawing(batch=1000, ids=[[2, number] for number in range(40)])
    counts = np.bincount([row[1] for step in range(10) for row in rows(source.batches(step))], minlength=40)
    assert counts.sum() == 10_000 and abs(counts - 250).max() < 80  # five standard deviations


def test_without_replacement_two_documents_a_step_are_both_documents_of_a_corpus_of_two():
    ids = [[2, 3, 4], [5, 6]]
    source = RandomExamples(documents(ids), batch=2, accumulation=1, seed=0, device=CPU, replacement=False)
    for step in range(10):
        assert sorted(rows(source.batches(step))) == ids
        assert source.targets(step) == [3]
    assert len({tuple(map(tuple, rows(source.batches(step)))) for step in range(10)}) == 2, "in an order that is drawn"


@pytest.mark.parametrize("accumulation", [1, 3])
def test_by_length_each_example_is_drawn_once_an_epoch_beside_those_of_similar_length(accumulation):
    lengths = [2 + number * 7 % 40 for number in range(90)]
    prompts, targets = [[number] for number in range(90)], [[number] * (length - 1) for number, length in enumerate(lengths)]
    examples = PromptTargets(prompts, targets, 64)
    source = RandomExamples(examples, batch=8, accumulation=accumulation, seed=0, device=CPU, by_length=True)
    steps = 12 // accumulation
    epochs = [[batch for step in range(steps) for batch in source.batches(epoch * steps + step)] for epoch in range(3)]
    numbers = [[batch.inputs[:, 0].tolist() for batch in epoch] for epoch in epochs]
    assert all(sorted(sum(epoch, [])) == list(range(90)) for epoch in numbers)
    assert len({str(epoch) for epoch in numbers}) == 3, "each epoch has an order of its own"
    counted = [count for step in range(3 * steps) for count in source.targets(step)]
    assert counted == [int(batch.counts().sum()) for epoch in epochs for batch in epoch]
    padded = [batch.inputs.numel() - sum(lengths[number] - 1 for number in batch.inputs[:, 0].tolist()) for batch in epochs[0]]
    assert sum(padded) < 0.15 * sum(lengths)


def test_validation_documents_reach_from_the_first_to_the_last():
    ids = [[2, number] for number in range(100)]
    batches = evenly_spread_examples(documents(ids), count=5, batch=2, device=CPU)
    assert [len(batch.inputs) for batch in batches] == [2, 2, 1]
    assert [row[1] for row in rows(batches)] == [0, 24, 49, 74, 99]
    few = evenly_spread_examples(documents(ids[:2]), count=50, batch=32, device=CPU)
    assert rows(few) == ids[:2], "none twice"


# the loop


def build(vocabulary=VOCABULARY, **changes):
    torch.manual_seed(0)
    architecture = {"width": 16, "layers": 2, "heads": 2, "block": 8, "dropout": 0.2, "tied": False, **changes}
    return gpt.build(Architecture(**architecture), vocabulary)


def training(**changes) -> Training:
    settings = {"steps": 12, "batch": 4, "learning_rate": 0.01, "evaluation": {"every": 5, "blocks": 6}}
    return Training(**{**settings, "reading": "documents", **changes})


def make(settings: Training, **changes) -> Trainer:
    source = drawing(batch=settings.batch, accumulation=settings.accumulation)
    validation = evenly_spread_examples(documents(), count=settings.evaluation.blocks, batch=settings.batch, device=CPU)
    objective = NextToken(TrainingData(source, validation, text_bytes=BYTES), "documents")
    return Trainer(build(**changes), objective, settings, device=CPU)


def train(folder, settings: Training, **changes) -> Trainer:
    trainer = make(settings, **changes)
    with State.open(folder) as state:
        trainer.run(state, StopSignal())
    return trainer


@torch.no_grad()
def evaluated_loss(trainer: Trainer) -> float:
    return trainer.objective.evaluate(trainer.model.eval(), 0).columns["validation_loss"]


def alone(model, ids: list[list[int]]) -> torch.Tensor:
    """Cross-entropy of every target of documents, one document at a time and without padding ``[targets]``."""
    losses = [torch.nn.functional.cross_entropy(model(torch.tensor([one[:-1]])).logits[0], torch.tensor(one[1:]),
                                                reduction="none") for one in ids]  # fmt: skip
    return torch.cat(losses)


@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_what_stands_in_the_padding_changes_no_real_position(rate):
    model = build(dropout=rate).train()  # with the attention that training installs, and without a mask
    inputs, targets = collate([documents()[place] for place in (7, 0, 3)])
    found = []
    for padding in (PADDING, 0, 11):
        torch.manual_seed(1)
        padded = torch.where(targets == IGNORED, padding, inputs)
        found.append(model(padded, use_cache=False).logits[targets != IGNORED])
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_logits_of_a_padded_batch_are_those_of_each_document_alone():
    model = build(dropout=0).train()
    chosen = [IDS[place] for place in (7, 0, 3)]
    inputs, targets = collate([documents()[place] for place in (7, 0, 3)])
    logits = model(inputs, use_cache=False).logits
    for row, ids in enumerate(chosen):
        expected = model(torch.tensor([ids[:-1]]), use_cache=False).logits[0]
        assert torch.allclose(logits[row, : len(ids) - 1], expected, atol=1e-6)


def test_the_loss_of_a_step_is_the_mean_over_all_its_targets(tmp_path):
    settings = training(batch=2, accumulation=3, steps=1, evaluation={"every": 1, "blocks": 1})
    trainer = make(settings, dropout=0)
    assert len(set(trainer.objective.items(0))) > 1, "batches of different numbers of targets"
    expected = alone(trainer.model, rows(trainer.objective.batches(0))).mean().item()
    found = train(tmp_path, settings, dropout=0)
    assert found.progress.history[1]["train_loss"] == pytest.approx(expected, abs=1e-6)


def gradients(monkeypatch, settings: Training) -> dict[str, torch.Tensor]:
    """The gradients of the first update."""
    found = {}
    trainer = make(settings, dropout=0)
    keep = lambda: found.update({name: one.grad.clone() for name, one in trainer.parameters.items()})  # noqa: E731
    monkeypatch.setattr(trainer.optimizer, "step", keep)
    trainer.update()
    return found


def test_accumulated_gradients_equal_those_of_the_bigger_batch(monkeypatch):
    big = gradients(monkeypatch, training(batch=6))
    small = gradients(monkeypatch, training(batch=2, accumulation=3))
    assert max(float(value.abs().max()) for value in big.values()) > 0.01
    for name, value in big.items():
        assert torch.allclose(value, small[name], atol=1e-6), name


def test_the_validation_loss_is_the_mean_over_all_real_targets():
    trainer = make(training(evaluation={"every": 5, "blocks": 11}))
    chosen = rows(trainer.objective.data.validation)
    assert len(chosen) == 11
    expected = alone(trainer.model.eval(), chosen).mean().item()
    assert evaluated_loss(trainer) == pytest.approx(expected, abs=1e-6)


def test_tokens_seen_are_the_targets_that_were_learned_from(tmp_path):
    trainer = train(tmp_path, training(accumulation=2))
    source, seen = trainer.objective, [0]
    for step in range(12):
        seen.append(seen[-1] + sum(len(row) - 1 for row in rows(source.batches(step))))
    assert [row["tokens_seen"] for row in trainer.progress.history] == [seen[step] for step in (0, 5, 10, 12)]
    second, third = trainer.progress.speed[1:3]
    seconds = third["seconds"] - second["seconds"]
    assert third["tokens_per_second"] == pytest.approx((seen[10] - seen[5]) / seconds)


def test_bits_per_byte_are_of_the_bytes_of_the_targets(tmp_path):
    trainer = train(tmp_path, training(accumulation=2))
    before, row = trainer.progress.history[1:3]
    read = [rows(trainer.objective.batches(step)) for step in range(before["step"], row["step"])]
    targets = [token for step in read for document in step for token in document[1:]]
    expected = row["train_loss"] * len(targets) / sum(targets) / math.log(2)
    assert row["train_bits_per_byte"] == pytest.approx(expected)
    targets = [token for document in rows(trainer.objective.data.validation) for token in document[1:]]
    expected = row["validation_loss"] * len(targets) / sum(targets) / math.log(2)
    assert row["validation_bits_per_byte"] == pytest.approx(expected)


def test_a_fresh_model_knows_nothing():
    vocabulary = 2000
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(vocabulary, (200, 8), generator=generator).tolist()
    data = TrainingData(drawing(), evenly_spread_examples(documents(ids), count=200, batch=16, device=CPU))
    trainer = Trainer(build(vocabulary, width=48, heads=3, layers=3), NextToken(data), training(), device=CPU)
    assert evaluated_loss(trainer) == pytest.approx(math.log(vocabulary), abs=0.03)


def test_it_learns_what_follows_in_a_document(tmp_path):
    trainer = train(tmp_path, training(steps=150, evaluation={"every": 150, "blocks": 40}, batch=8), dropout=0)
    first, last = (row["validation_loss"] for row in trainer.progress.history)
    assert first == pytest.approx(math.log(VOCABULARY), abs=0.1)
    assert last < 0.05  # every document counts up from 2, so that the token before tells the next one


def test_a_full_gpu_is_told_in_a_sentence(tmp_path, monkeypatch):
    def full():
        raise torch.OutOfMemoryError("CUDA out of memory.")

    trainer = make(training())
    monkeypatch.setattr(trainer, "update", full)
    with State.open(tmp_path) as state, pytest.raises(UserError, match="does not hold a batch of 4 documents: lower"):
        trainer.run(state, StopSignal())
