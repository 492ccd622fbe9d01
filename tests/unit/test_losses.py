"""Every loss is a mean over items, however they were batched; the losses of single blocks and documents stand in a file."""

from __future__ import annotations

import copy
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from support.classifiers import CLASSES, SPEC, lines, make_models
from support.tokens import tokens_of
from torch.nn.functional import cross_entropy

from relab import gpt
from relab.checkpoints import load_tokenizer
from relab.classifiers import job as classifiers
from relab.classifiers import texts
from relab.datasets import storage
from relab.errors import UserError
from relab.probes import ranker
from relab.probes.pairs import Questions
from relab.settings.models import Architecture, Training
from relab.settings.probes import Ranker
from relab.settings.probes import Scorer as ScorerSettings
from relab.training.batches import Documents, RandomBlocks, RandomExamples, evenly_spread_blocks, evenly_spread_examples
from relab.training.loop import Trainer
from relab.training.losses import MAX_UNITS, Losses, read_losses, write_losses
from relab.training.objectives.next_token import NextToken, TrainingData
from relab.training.signals import StopSignal
from relab.training.state import State

CPU = torch.device("cpu")
VOCABULARY, BLOCK = 8, 16
#: Every batch of evaluation but the last one holds four items, that one a single one.
BATCH, ITEMS = 4, 9
STREAM = tokens_of([np.random.default_rng(0).integers(0, VOCABULARY, 400).tolist()])
#: Documents of 2 to 30 tokens, the longer ones of which are cut.
DOCUMENTS = tokens_of([np.random.default_rng(size).integers(0, VOCABULARY, size).tolist() for size in range(2, 31)])


def trainer(reading: str, **training) -> Trainer:
    """A model that is not trained yet; ``training`` changes its settings."""
    told = {"steps": 6, "batch": BATCH, "learning_rate": 1e-9, "evaluation": {"every": 6, "blocks": ITEMS}}
    settings = Training(**{**told, **training}, reading=reading)
    draws = {"batch": settings.batch, "accumulation": settings.accumulation, "seed": 0, "device": CPU}
    shape = {"count": settings.evaluation.blocks, "batch": settings.batch, "device": CPU}
    if reading == "blocks":
        batches, validation = RandomBlocks(STREAM, block=BLOCK, **draws), evenly_spread_blocks(STREAM, block=BLOCK, **shape)
    else:
        documents = Documents.from_tokens(DOCUMENTS, BLOCK)
        batches, validation = RandomExamples(documents, **draws), evenly_spread_examples(documents, **shape)
    torch.manual_seed(0)
    model = gpt.build(Architecture(width=16, layers=1, heads=2, block=BLOCK, initializer_range=0.5), VOCABULARY)
    return Trainer(model, NextToken(TrainingData(batches, validation, lambda: validation)), settings, device=CPU)


def run(one: Trainer, folder) -> Trainer:
    with State.open(folder) as state:
        one.run(state, StopSignal())
    return one


@torch.no_grad()
def item_losses(model, batches) -> list[torch.Tensor]:
    """The losses of the targets of each block or document, read alone."""
    losses = []
    for inputs, targets in (row for batch in batches for row in zip(batch.inputs, batch.targets, strict=True)):
        there = targets >= 0
        losses.append(cross_entropy(model.eval()(inputs[there][None]).logits[0], targets[there], reduction="none").double())
    return losses


# --- means over items -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["blocks", "documents"])
def test_the_validation_loss_of_a_language_model_is_the_mean_over_targets(tmp_path, reading):
    found = trainer(reading)
    validation = found.objective.data.validation
    assert [len(batch.inputs) for batch in validation] == [BATCH, BATCH, 1]
    expected = float(torch.cat(item_losses(found.model, validation)).mean())
    assert run(found, tmp_path).progress.history[0]["validation_loss"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("reading", ["blocks", "documents"])
def test_the_training_loss_of_a_language_model_is_the_mean_over_targets(tmp_path, reading, accumulation):
    found = trainer(reading, accumulation=accumulation, batch=1)  # so slow that the weights stay as they are
    expected = [item_losses(found.model, found.objective.batches(step)) for step in range(6)]
    run(found, tmp_path)
    targets = torch.cat([losses for step in expected for losses in step])
    assert found.progress.history[-1]["train_loss"] == pytest.approx(float(targets.mean()), abs=1e-5)
    if reading == "documents":
        means = float(torch.stack([torch.cat(step).mean() for step in expected]).mean())
        assert means != pytest.approx(float(targets.mean()), abs=1e-3), "steps of other numbers of targets tell the two apart"


def test_the_validation_loss_of_a_classifier_is_the_mean_over_rows(tmp_path):
    folder = make_models(tmp_path / "data")
    rows = [row for row in lines() if len(row["text"]) < 60][:33]  # batches of 32 and of one
    storage.write(folder / "validation.parquet", rows, storage.CLASSIFICATION)
    job = classifiers.Job.model_validate({**copy.deepcopy(SPEC), "training": {"epochs": 1, "batch": 4, "learning_rate": 0.01}})
    splits = {split: folder / f"{split}.parquet" for split in ("train", "validation", "test")}
    with State.open(tmp_path / "state") as state:
        found = classifiers.finetune(
            job, splits=splits, base=folder / "base", device=CPU, code="abc", state=state, stop=StopSignal()
        )  # fmt: skip
    read = texts.encode_split(splits["validation"], load_tokenizer(folder / "base"), CLASSES, job.tokens)
    net = found.trainer.model.eval()
    with torch.no_grad():
        logits = [net(input_ids=torch.tensor([ids])).logits for ids in read.ids]
    losses = [float(cross_entropy(values, torch.tensor([label]))) for values, label in zip(logits, read.labels, strict=True)]
    assert len(losses) == 33
    assert found.trainer.best_row()["validation_loss"] == pytest.approx(math.fsum(losses) / 33, abs=1e-6)
    right = [int(values.argmax()) == label for values, label in zip(logits, read.labels, strict=True)]
    assert found.trainer.best_row()["validation_accuracy"] == pytest.approx(sum(right) / 33)


def test_the_losses_of_a_ranker_are_means_over_wrong_choices(monkeypatch):
    monkeypatch.setattr(ranker, "SCORING_BATCH", 2)  # questions that are scored at once
    counts, width = [2, 4, 3], 6
    generator = torch.Generator().manual_seed(0)
    vectors = [torch.nn.functional.normalize(torch.randn(size, width, generator=generator)) for size in (3, sum(counts))]
    offsets = torch.tensor([0, *np.cumsum(counts)])
    questions = Questions(*vectors, offsets, torch.tensor([1, 0, 2]))
    settings = Ranker(
        kind="ranker", dataset="quiz", encoders=["enc"], scorers={"linear": ScorerSettings()}, epochs=1, patience=1, margin=0.5
    )
    found = ranker.fit_scorer(questions, questions, ScorerSettings(), settings, 0).history[0]
    cosines = questions.cosines()
    scaled = (cosines - cosines.mean()) / cosines.std(correction=0)  # what a scorer starts as
    losses = []
    for first, answer, count in zip(offsets.tolist(), [1, 0, 2], counts, strict=False):
        right, *wrong = [scaled[first + answer], *(scaled[first + one] for one in range(count) if one != answer)]
        losses += [max(0.0, 0.5 - float(right - one)) for one in wrong]
    assert found["validation_loss"] == pytest.approx(math.fsum(losses) / 6, abs=1e-5)
    assert found["train_loss"] == found["validation_loss"]


# --- the losses of single blocks and documents ------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["blocks", "documents"])
def test_the_units_of_a_step_have_the_mean_that_the_history_has(tmp_path, reading):
    found = run(trainer(reading, learning_rate=0.01, evaluation={"every": 2, "blocks": ITEMS}), tmp_path / "state")
    write_losses(tmp_path / "losses.parquet", (Losses(**one) for one in found.progress.losses))
    table = read_losses(tmp_path / "losses.parquet")
    validation = table[table["split"] == "validation"].groupby("step")[["nats", "targets"]].sum()
    assert validation.index.tolist() == [0, 2, 4, 6]
    for row in found.progress.history:
        nats, targets = validation.loc[row["step"]]
        assert nats / targets == pytest.approx(row["validation_loss"], abs=1e-12, rel=0)
    last = table[(table["split"] == "validation") & (table["step"] == 6)]
    expected = item_losses(found.model, found.objective.data.validation)
    assert last["nats"].tolist() == pytest.approx([float(losses.sum()) for losses in expected], abs=1e-4)
    assert last["targets"].tolist() == [len(losses) for losses in expected]
    assert last["unit"].tolist() == list(range(ITEMS))


def test_the_training_text_is_evaluated_at_the_last_step_as_validation_is(tmp_path):
    found = run(trainer("documents", learning_rate=0.01), tmp_path)
    *_, validation, train = found.progress.losses
    assert [one["split"] for one in found.progress.losses] == ["validation", "validation", "train"]
    assert train == {**validation, "split": "train"}, "this model has the same text for both"


def test_the_last_step_is_the_one_at_which_training_stops_early(tmp_path):
    settings = {"steps": 60, "learning_rate": 1.0, "early_stopping": 1, "evaluation": {"every": 2, "blocks": ITEMS}}
    found = run(trainer("blocks", **settings), tmp_path)
    steps = [(one["split"], one["step"]) for one in found.progress.losses]
    assert found.progress.step < 60
    assert steps[-2:] == [("validation", found.progress.step), ("train", found.progress.step)]
    assert [split for split, _ in steps].count("train") == 1


def test_evaluating_the_training_text_changes_nothing_else(tmp_path):
    without = trainer("blocks", learning_rate=0.01)
    data = without.objective.data
    without.objective = NextToken(TrainingData(data.train, data.validation))
    run(without, tmp_path / "without")
    state = torch.get_rng_state()
    found = run(trainer("blocks", learning_rate=0.01), tmp_path / "with")
    assert torch.equal(torch.get_rng_state(), state)
    assert found.progress.history == without.progress.history
    assert found.progress.losses[:-1] == without.progress.losses
    for name, value in found.parameters.items():
        assert torch.equal(value, without.parameters[name])


@pytest.mark.parametrize("number", [1, 5, MAX_UNITS, MAX_UNITS + 1, 1000])
def test_units_are_runs_of_neighbours_of_nearly_equal_number(number):
    nats = [2.0**-item if item < 40 else float(item) for item in range(number)]
    losses = Losses.from_units("validation", 3, nats, [1] * number)
    assert len(losses.nats) == len(losses.targets) == min(number, MAX_UNITS)
    assert max(losses.targets) - min(losses.targets) <= 1
    ends = np.cumsum(losses.targets)
    assert np.cumsum(losses.nats) == pytest.approx(np.cumsum(nats)[ends - 1])
    assert losses.mean == pytest.approx(sum(nats) / number)


def test_the_same_losses_give_the_same_bytes_and_every_digit(tmp_path):
    evaluations = [Losses("validation", 0, [0.1 + 0.2, 1 / 3], [1, 2]), Losses("train", 5, [math.pi], [7])]
    for name in ("first", "second"):
        write_losses(tmp_path / name, evaluations)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    table = read_losses(tmp_path / "first")
    assert table.to_dict("list") == {
        "split": ["validation", "validation", "train"],
        "step": [0, 0, 5],
        "unit": [0, 1, 0],
        "nats": [0.1 + 0.2, 1 / 3, math.pi],
        "targets": [1, 2, 7],
    }
    assert [str(kind) for kind in table.dtypes[1:]] == ["int64", "int32", "float64", "int64"]


def test_what_holds_no_losses_is_refused(tmp_path):
    pq.write_table(pa.table({"split": ["train"], "step": [1]}), tmp_path / "short.parquet")
    with pytest.raises(UserError, match=r"short.parquet: expected a column unit of int32, found the columns split \(string\)"):
        read_losses(tmp_path / "short.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(UserError, match="text.parquet: expected losses in Parquet, found none"):
        read_losses(tmp_path / "text.parquet")
    with pytest.raises(FileNotFoundError):
        read_losses(tmp_path / "none.parquet")
