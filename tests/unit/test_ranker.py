"""Scorers of choices on frozen features: pairs, training, files, the program."""

from __future__ import annotations

import json
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from relab.datasets import storage
from relab.errors import UserError
from relab.features.store import Features, feature_writer
from relab.predictions import read_ranker_predictions
from relab.probes.choosing import fit_and_answer, longest_choices, read_splits
from relab.probes.pairs import Questions, read_questions
from relab.probes.ranker import Scorer, accuracy, fit_scorer, pair_loss, save_scorers, score_choices, standardisation
from relab.settings.probes import Ranker
from relab.settings.probes import Scorer as ScorerSettings

WIDTH = 6
LINEAR, DEEP = ScorerSettings(), ScorerSettings(hidden=8, dropout=0.1)


def settings(**changed) -> Ranker:
    told = {
        **{"kind": "ranker", "dataset": "quiz", "encoders": ["enc"]},
        **{"scorers": {"linear": LINEAR, "deep": DEEP}, "margin": 0.5, "learning_rate": 0.01, "weight_decay": 0.1},
        **{"epochs": 15, "patience": 5, "batch": 8, "seeds": [0, 1]},
    }
    return Ranker(**told | changed)


def made(rows: int, seed: int, counts: list[int] | None = None) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Random vectors of questions and of each one's choices; the right one has the largest first coordinate."""
    draw = np.random.default_rng(seed)
    counts = counts or [2 + row % 3 for row in range(rows)]
    questions = [draw.normal(size=WIDTH) for _ in range(rows)]
    choices = [draw.normal(size=(count, WIDTH)) for count in counts]
    choices = [own / np.linalg.norm(own, axis=1, keepdims=True) for own in choices]
    return questions, choices, np.array([own[:, 0].argmax() for own in choices])


def questions_of(rows: int, seed: int, counts: list[int] | None = None) -> Questions:
    questions, choices, right = made(rows, seed, counts)
    unit = np.array(questions) / np.linalg.norm(questions, axis=1, keepdims=True)
    offsets = np.cumsum([0, *map(len, choices)])
    floats = (torch.tensor(values, dtype=torch.float32) for values in (unit, np.concatenate(choices)))
    return Questions(*floats, torch.tensor(offsets), torch.tensor(right))


def cosines(questions: list[np.ndarray], choices: list[np.ndarray]) -> list[np.ndarray]:
    return [own @ question / np.linalg.norm(question) for question, own in zip(questions, choices, strict=True)]


def save_split(folder: Path, split: str, rows: int, seed: int) -> list[np.ndarray]:
    """A split of a data set and its features on disk; the cosines of each question's choices."""
    questions, choices, right = made(rows, seed)
    texts = [
        [f"{split} {row} {place} {'x' * ((row + place) % 3)}" for place in range(len(own))] for row, own in enumerate(choices)
    ]
    told = (
        {"question": f"{split} {row}", "choices": own, "answer": int(answer)}
        for row, (own, answer) in enumerate(zip(texts, right, strict=True))
    )
    storage.write(folder / "quiz" / f"{split}.parquet", told, storage.CHOICE)
    vectors = np.concatenate([np.array(questions), np.concatenate(choices)]).astype(np.float32)
    index = {
        "index.question": np.arange(rows),
        "index.choices": np.arange(rows, len(vectors)),
        "offsets.choices": np.cumsum([0, *map(len, choices)]),
    }
    path = folder / "features" / "enc" / "quiz" / f"{split}.safetensors"
    with feature_writer(path, len(vectors), WIDTH, index) as poolings:
        for pooled in poolings.values():
            pooled[:] = 3 * vectors  # their length says nothing
    return cosines(questions, choices)


@pytest.fixture
def files(tmp_path):
    found = {split: save_split(tmp_path, split, rows, seed) for seed, (split, rows) in enumerate(SIZES.items())}
    parts = {split: tmp_path / "quiz" / f"{split}.parquet" for split in SIZES}
    features = [tmp_path / "features" / "enc" / "quiz" / f"{split}.safetensors" for split in SIZES]
    return parts, features, found


SIZES = {"train": 60, "validation": 25, "test": 20}


def test_each_wrong_choice_is_paired_with_the_right_one():
    questions = questions_of(3, 0, [2, 1, 4])
    object.__setattr__(questions, "answers", torch.tensor([1, 0, 2]))
    right, wrong = questions.pairs()
    assert list(zip(right.tolist(), wrong.tolist(), strict=True)) == [(1, 0), (5, 3), (5, 4), (5, 6)]
    taken = questions.take(torch.tensor([2, 0]))
    assert taken.counts.tolist() == [4, 2]
    assert torch.equal(taken.choices, questions.choices[[3, 4, 5, 6, 0, 1]])
    assert [part.tolist() for part in taken.pairs()] == [[2, 2, 2, 5], [0, 1, 3, 4]]


def test_what_a_scorer_sees():
    questions = questions_of(4, 1)
    row, choice = 2, int(questions.offsets[2]) + 1
    question, other = questions.questions[row].numpy(), questions.choices[choice].numpy()
    expected = [*question, *other, *question * other, *np.abs(question - other), float(question @ other)]
    assert questions.inputs()[choice].numpy() == pytest.approx(expected, abs=1e-6)
    assert questions.inputs().shape == (len(questions.choices), 4 * WIDTH + 1)


def test_the_first_of_equal_scores_is_taken():
    questions = questions_of(3, 0, [3, 1, 2])
    assert questions.best_choices(torch.tensor([0.5, 2.0, 2.0, -7.0, -1.0, -1.0])).tolist() == [1, 0, 0]


def test_the_longest_choice_counts_characters_and_takes_the_first_of_equal_ones():
    assert longest_choices([["a", "bb", "cc"], ["più", "è"], ["x"]]).tolist() == [1, 0, 0]


def test_features_of_other_rows_are_refused(files):
    parts, features, _ = files
    with pytest.raises(UserError, match="expected features of the 20 questions and .* choices of .*test.parquet, found 60 and"):
        read_questions(Features(features[0]), parts["test"], "mean")


def test_questions_without_a_wrong_choice_are_refused(tmp_path):
    part, path = tmp_path / "one.parquet", tmp_path / "one.safetensors"
    storage.write(part, [{"question": "a", "choices": ["b"], "answer": 0}], storage.CHOICE)
    with feature_writer(path, 2, WIDTH, {"index.question": np.array([0]), "index.choices": np.array([1])}):
        pass
    with pytest.raises(UserError, match="expected a question with two choices or more"):
        read_questions(Features(path), part, "mean")


def test_standardisation_has_a_mean_a_dimension_and_a_scale_a_part():
    questions = questions_of(700, 2)
    inputs = questions.inputs().numpy().astype(np.float64)
    mean, scale = (values.numpy() for values in standardisation(questions))
    assert mean == pytest.approx(inputs.mean(0), abs=1e-6)
    product = slice(2 * WIDTH, 3 * WIDTH)
    assert scale[product] == pytest.approx(np.full(WIDTH, np.sqrt(inputs[:, product].var(0).mean())), rel=1e-4)
    assert scale[-1] == pytest.approx(inputs[:, -1].std(), rel=1e-4)


def test_a_part_that_does_not_vary_stays_finite():
    same = questions_of(1, 0, [2]).take(torch.tensor([0, 0, 0]))
    mean, scale = standardisation(same)
    assert torch.isfinite(mean).all() and (scale[:WIDTH] == 1).all()


@pytest.mark.parametrize("scorer", [LINEAR, DEEP])
def test_a_scorer_starts_as_the_cosine(scorer):
    train, other = questions_of(30, 0), questions_of(40, 1)
    found = fit_scorer(train, other, scorer, settings(epochs=1, learning_rate=1e-9), 0)
    questions, choices, right = made(40, 1)
    by_hand = np.mean([own.argmax() for own in cosines(questions, choices)] == right)
    assert found.history[0]["epoch"] == 0
    assert found.history[0]["validation_accuracy"] == pytest.approx(by_hand)
    ranks = score_choices(found.scorer, other).argsort()
    assert torch.equal(ranks, other.cosines().argsort())


def test_the_loss_is_how_much_of_the_margin_is_missing():
    questions = questions_of(2, 0, [3, 2])
    object.__setattr__(questions, "answers", torch.tensor([0, 1]))
    scores = torch.tensor([1.0, 0.9, 0.2, 0.7, 0.5])
    expected = ((0.5 - 0.1) + 0 + (0.5 + 0.2)) / 3
    assert pair_loss(scores, questions, 0.5).item() == pytest.approx(expected)
    assert accuracy(scores, questions) == 0.5


@pytest.mark.parametrize("scorer", [LINEAR, DEEP])
def test_a_scorer_learns_what_the_cosine_does_not_see(scorer):
    train, validation, test = (questions_of(rows, seed) for seed, rows in enumerate((200, 60, 100)))
    found = fit_scorer(train, validation, scorer, settings(epochs=40, patience=10), 0)
    by_cosine = accuracy(test.cosines(), test)
    assert by_cosine < 0.6
    assert accuracy(score_choices(found.scorer, test), test) > 0.9


def test_the_first_best_epoch_on_validation_is_kept():
    train, validation = questions_of(60, 0), questions_of(25, 1)
    found = fit_scorer(train, validation, DEEP, settings(patience=3, epochs=100), 0)
    accuracies = [row["validation_accuracy"] for row in found.history]
    assert found.best_epoch == int(np.argmax(accuracies))
    assert found.validation_accuracy == max(accuracies)
    assert found.best_epoch + 3 == found.history[-1]["epoch"] < 100
    assert accuracy(score_choices(found.scorer, validation), validation) == found.validation_accuracy


def test_random_numbers_come_from_the_seed_alone():
    train, validation = questions_of(40, 0), questions_of(20, 1)

    def weights(seed: int, noise: int) -> torch.Tensor:
        torch.manual_seed(noise)
        return torch.cat([one.flatten() for one in fit_scorer(train, validation, DEEP, settings(), seed).scorer.parameters()])

    assert torch.equal(weights(1, noise=5), weights(1, noise=6))
    assert not torch.equal(weights(1, noise=5), weights(2, noise=5))
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    weights(1, noise=9)
    assert torch.equal(torch.rand(1), expected)  # nobody else's numbers are used up


def saved_scorers(path):
    """The scorers of a file by features, name and seed."""
    with safe_open(path, framework="pt") as file:
        declared = json.loads(file.metadata()["settings"])
    states = {}
    for entry, values in load_file(path).items():
        features, name, seed, parameter = entry.split("/")
        states.setdefault((features, name, int(seed)), {})[parameter] = values
    scorers = {}
    for key, state in states.items():
        scorers[key] = Scorer((len(state["mean"]) - 1) // 4, ScorerSettings(**declared[key[1]]))
        scorers[key].load_state_dict(state)
    return scorers


def test_a_file_gives_the_scorers_back(tmp_path):
    train, validation, test = (questions_of(rows, seed) for seed, rows in enumerate((60, 25, 30)))
    scorers = {
        ("enc mean", name, seed): fit_scorer(train, validation, one, settings(), seed).scorer
        for name, one in settings().scorers.items()
        for seed in (0, 1)
    }
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in paths:
        save_scorers(path, scorers, settings().scorers)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = saved_scorers(paths[0])
    assert set(again) == set(scorers)
    for key, scorer in scorers.items():
        assert torch.equal(score_choices(again[key], test), score_choices(scorer, test))


def test_the_number_of_parameters():
    assert Scorer(WIDTH, LINEAR).size == 4 * WIDTH + 1 + 1
    assert Scorer(WIDTH, DEEP).size == (4 * WIDTH + 1) * 8 + 8 + 8 + 1


def test_all_systems_answer_the_test_split(files):
    parts, features, cosine_values = files
    probe = settings()
    found = fit_and_answer(parts, read_splits(parts, features, probe), probe)
    assert list(found.predictions["system"].unique()) == [
        "longest choice",
        "enc mean cosine",
        "enc mean linear",
        "enc mean deep",
    ]
    by = found.predictions.set_index(["system", "seed"])
    assert by.loc[("enc mean cosine", 0), "prediction"].tolist() == [own.argmax() for own in cosine_values["test"]]
    test = storage.read(parts["test"])
    assert by.loc[("longest choice", 0), "prediction"].tolist() == [
        max(range(len(own)), key=lambda place: len(own[place])) for own in test["choices"]
    ]
    for key, own in by.groupby(["system", "seed"]):
        assert own["answer"].tolist() == test["answer"], key
        assert own["choices"].tolist() == list(map(len, test["choices"])), key
        assert own["row"].tolist() == list(range(20)), key
    chosen = found.chosen.set_index(["system", "seed"])
    validation = storage.read(parts["validation"])["answer"]
    expected = np.mean([own.argmax() for own in cosine_values["validation"]] == np.array(validation))
    assert float(chosen.loc[("enc mean cosine", 0), "validation_accuracy"]) == pytest.approx(expected, abs=1e-6)
    best = found.history.astype({"validation_accuracy": float}).groupby(["scorer", "seed"])["validation_accuracy"].max()
    for scorer, seed in best.index:
        told = chosen.loc[(f"enc mean {scorer}", seed)]
        assert float(told["validation_accuracy"]) == best[scorer, seed]
        assert told["validation_questions"] == 25
    assert (chosen.loc[["longest choice", "enc mean cosine"], "best_epoch"] == "").all()


def test_files_of_features_are_told_by_their_folders(files, tmp_path):
    parts, features, _ = files
    with pytest.raises(UserError, match="--features: no file of enc/quiz/test"):
        read_splits(parts, features[:2], settings())
    with pytest.raises(UserError, match="--features: not expected: a file of other/quiz/test"):
        read_splits(parts, [*features, tmp_path / "other" / "quiz" / "test.safetensors"], settings())
    with pytest.raises(UserError, match="--features: not expected: a file of enc/quiz/test"):
        read_splits(parts, features, settings(dataset="riddles"))


def test_the_program_writes_the_same_bytes_twice(files, tmp_path, checkout, monkeypatch):
    parts, features, _ = files
    probe = settings(pooling=["cls", "mean"])
    spec = json.dumps({**probe.model_dump(mode="json", exclude={"name", "sweep", "note"}), "threads": 1})
    for folder in ("first", "again"):
        words = [word for split, path in parts.items() for word in (f"--{split}", path)]
        words += ["--features", *features, "--output-dir", tmp_path / folder, "--spec", spec]
        monkeypatch.setattr(sys, "argv", ["fit_ranker", *map(str, words), "--provenance", str(tmp_path / "p.json")])
        runpy.run_path(str(checkout / "scripts" / "fit_ranker.py"), run_name="__main__")
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert set(first) == {"predictions.parquet", "scorers.safetensors", "chosen.csv", "history.csv"}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}

    predictions = read_ranker_predictions(tmp_path / "first" / "predictions.parquet", probe).set_index(["system", "seed"])
    scorers = saved_scorers(tmp_path / "first" / "scorers.safetensors")
    assert set(scorers) == {
        (f"enc {pooling}", name, seed) for pooling in ("cls", "mean") for name in probe.scorers for seed in (0, 1)
    }
    test = read_questions(Features(features[2]), parts["test"], "cls")
    for (features_of, name, seed), scorer in scorers.items():
        own = predictions.loc[(f"{features_of} {name}", seed), "prediction"].tolist()
        assert own == test.best_choices(score_choices(scorer, test)).tolist()

    history = pd.read_csv(tmp_path / "first" / "history.csv")
    assert list(history) == [
        *("features", "scorer", "seed", "epoch", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
    ]
    assert set(history.loc[history["epoch"] == 0, "scorer"]) == {"linear", "deep"}
    chosen = pd.read_csv(tmp_path / "first" / "chosen.csv")
    assert list(chosen) == ["system", "seed", "best_epoch", "validation_accuracy", "validation_questions", "parameters"]
    assert math.isnan(chosen.set_index("system").loc["longest choice", "best_epoch"])
    provenance = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert provenance["seed"] == [0, 1] and len(provenance["outputs"]) == 4
