"""Choosing answers: scores, tables, figure and steps of a row, from answers that were made up."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp, ttest_rel
from support.row_steps import run_step

from relab.datasets import storage
from relab.errors import UserError
from relab.figures import figure_style
from relab.files import read_csv, write_csv
from relab.parquet import write_parquet
from relab.predictions import CHOICE
from relab.rows.choice.figures import draw_training
from relab.rows.choice.names import Spec, read_predictions
from relab.rows.choice.scores import choice_scores
from relab.rows.choice.tables import choice_table, curves_table, examples_table
from relab.rows.job import Job
from relab.scores import Summaries, with_summary, write_scores
from relab.svg import save_figure

ROWS = 40
ANSWERS = [row % 2 for row in range(ROWS)]
CHOICES = [2 if row < 10 else 4 for row in range(ROWS)]
#: How many of the first questions each system answers rightly.
RIGHT = {
    ("longest choice", 0): 8,
    ("enc mean cosine", 0): 12,
    ("enc mean linear", 3): 20,
    ("enc mean linear", 4): 24,
    ("enc mean deep", 3): 16,
    ("enc mean deep", 4): 16,
}
VALIDATION = {"longest choice": 0.2, "enc mean cosine": 0.3, "enc mean linear": 0.4, "enc mean deep": 0.5}
SPEC = {
    "probes": {
        "ranker": {
            **{"kind": "ranker", "dataset": "quiz", "encoders": ["enc"], "seeds": [3, 4]},
            "scorers": {"linear": {}, "deep": {"hidden": 8}},
        }
    },
    "order": ["ranker"],
}
TITLED = {**SPEC, "titles": {"quiz": "A quiz"}}


def predictions() -> pd.DataFrame:
    rows = [
        {"system": system, "seed": seed, "row": row, "prediction": answer if row < right else 1 - answer, "answer": answer,
         "choices": choices}
        for (system, seed), right in RIGHT.items()
        for row, (answer, choices) in enumerate(zip(ANSWERS, CHOICES, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def files(tmp_path):
    """The files of one probe and its test split."""
    folder = tmp_path / "probes" / "ranker"
    write_parquet(folder / "predictions.parquet", predictions(), CHOICE)
    rows = [
        {"system": system, "seed": seed, "best_epoch": 1, "validation_accuracy": VALIDATION[system], "validation_questions": 30,
         "parameters": 5}
        for system, seed in RIGHT
    ]  # fmt: skip
    write_csv(folder / "chosen.csv", pd.DataFrame(rows))
    history = [
        {"features": "enc mean", "scorer": scorer, "seed": seed, "epoch": epoch, "train_loss": "0.500000",
         "validation_loss": "0.600000", "train_accuracy": f"{0.3 + 0.1 * epoch:.6f}", "validation_accuracy": f"{accuracy:.6f}"}
        for scorer in ("linear", "deep")
        for seed in (3, 4)
        for epoch, accuracy in enumerate([0.3, 0.4, 0.4, 0.2][: seed])
    ]  # fmt: skip
    write_csv(folder / "history.csv", pd.DataFrame(history))
    test = tmp_path / "quiz" / "test.parquet"
    rows = (
        {"question": f"question {row}", "choices": [f"{row}.{index}" for index in range(number)], "answer": answer}
        for row, (answer, number) in enumerate(zip(ANSWERS, CHOICES, strict=True))
    )
    storage.write(test, rows, storage.CHOICE)
    return folder, test


def read(*paths):
    """The predictions of the probe, from its file."""
    return read_predictions(Job({"predictions": list(paths)}, {}, SPEC), Spec(**SPEC))


@pytest.fixture
def scored(files, tmp_path):
    spec = Spec(**SPEC)
    folder, _ = files
    answered = read(folder / "predictions.parquet")
    path = tmp_path / "scores.parquet"
    rows = choice_scores(spec.probes["ranker"], answered["ranker"], read_csv(folder / "chosen.csv"))
    write_scores(path, with_summary(rows))
    return Summaries.read(path)


def test_accuracies_of_seeds_and_of_their_mean(scored):
    name = "quiz/enc mean linear"
    seeds = scored.per_seed(name, "accuracy", "test").set_index("seed")
    assert seeds["value"].to_dict() == {"3": 0.5, "4": 0.6}
    assert (seeds["n"] == ROWS).all() and (seeds["low"] < seeds["value"]).all() and (seeds["high"] > seeds["value"]).all()
    assert scored.value(name, "accuracy", "test") == pytest.approx(0.55)
    exact = binomtest(20, ROWS).proportion_ci(method="exact")
    assert seeds.loc["3", ["low", "high"]].tolist() == pytest.approx([exact.low, exact.high])
    assert scored.value(name, "accuracy") == pytest.approx(0.4)
    assert scored.per_seed(name, "accuracy")["unit"].tolist() == ["seed", "seed"]  # the questions it was chosen by are not told


def right_of(system: str, seed: int) -> np.ndarray:
    return (np.arange(ROWS) < RIGHT[system, seed]).astype(float)


def test_the_interval_of_the_mean_is_over_seeds_and_questions(scored):
    apart, alike = (scored.find(f"quiz/enc mean {scorer}", "accuracy", "test") for scorer in ("linear", "deep"))
    assert (apart["n"], apart["seeds"], alike["n"], alike["seeds"]) == (ROWS, 2, ROWS, 2)
    for values in ([right_of("enc mean linear", seed).mean() for seed in (3, 4)], right_of("enc mean linear", 3)):
        alone = ttest_1samp(values, 0).confidence_interval()
        assert apart["low"] <= max(alone.low, 0) and apart["high"] >= min(alone.high, 1)
    exact = binomtest(16, ROWS).proportion_ci(method="exact")  # seeds that answer alike tell no more than one
    assert [alike["low"], alike["high"]] == pytest.approx([exact.low, exact.high])


def test_chance_depends_on_the_number_of_choices(scored):
    row = scored.per_seed("quiz/chance", "accuracy", "test").iloc[0]
    assert row["value"] == pytest.approx((10 / 2 + 30 / 4) / 40)
    assert row["unit"] == "exact" and row["low"] == row["high"] == row["value"]  # an expectation


def test_trained_scorers_stand_beside_both_baselines(scored):
    beyond = scored.per_seed("quiz/enc mean linear − enc mean cosine", "accuracy", "test").iloc[0]
    assert (beyond["value"], beyond["n"]) == (pytest.approx(0.55 - 0.3), ROWS)
    seeds = ttest_1samp([0.5, 0.6], 0).confidence_interval()  # the cosine has none
    differences = right_of("enc mean linear", 3) / 2 + right_of("enc mean linear", 4) / 2 - right_of("enc mean cosine", 0)
    questions = ttest_1samp(differences, 0).confidence_interval()
    margin = math.hypot(*((ends.high - ends.low) / 2 for ends in (seeds, questions)))
    assert [beyond["low"], beyond["high"]] == pytest.approx([0.25 - margin, 0.25 + margin])
    alike = scored.per_seed("quiz/enc mean deep − longest choice", "accuracy", "test").iloc[0]
    questions = ttest_rel(right_of("enc mean deep", 3), right_of("longest choice", 0)).confidence_interval()
    assert alike["value"] == pytest.approx(0.4 - 0.2)
    assert [alike["low"], alike["high"]] == pytest.approx([questions.low, questions.high])
    assert not scored.frame["experiment"].str.startswith("quiz/enc mean cosine −").any()


def test_other_questions_are_other_data(scored):
    changed = predictions().assign(answer=lambda frame: 1 - frame["answer"])
    spec = Spec(**SPEC)
    rows = list(choice_scores(spec.probes["ranker"], changed, pd.DataFrame()))
    assert len(set(scored.frame["data"])) == 1
    assert {row["data"] for row in rows}.isdisjoint(scored.frame["data"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[frame["seed"] != 4], "no predictions of enc mean deep, seed 4"),
        (lambda frame: frame.replace({"system": {"longest choice": "guess"}}), "not expected: predictions of guess, seed 0"),
        (lambda frame: frame.iloc[:-1], "enc mean deep, seed 4, answers other questions"),
        (lambda frame: frame.assign(answer=frame["answer"].where(frame["seed"] != 3, 0)), "answers other questions"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(files, change, message):
    path = files[0] / "predictions.parquet"
    write_parquet(path, change(predictions()), CHOICE)
    with pytest.raises(UserError, match=message):
        read(path)


def test_a_missing_probe_is_named(files):
    with pytest.raises(UserError, match="--input predictions: no file of ranker"):
        read()


def test_the_table_of_systems(files, scored):
    spec = Spec(**TITLED)
    table = choice_table(spec, read(files[0] / "predictions.parquet"), scored).set_index("system")
    assert list(table.index) == ["chance", "longest choice", "enc mean cosine", "enc mean linear", "enc mean deep"]
    assert set(table["data_set"]) == {"A quiz"} and set(table["questions"]) == {ROWS} and set(table["choices"]) == {"2–4"}
    linear = table.loc["enc mean linear"]
    assert linear[["accuracy", "validation_accuracy", "difference"]].tolist() == ["0.550", "0.400", "0.250"]
    assert linear["seeds"] == "2" and float(linear["accuracy_low"]) < 0.55 < float(linear["accuracy_high"])
    assert float(linear["difference_low"]) < 0.25 < float(linear["difference_high"])
    cosine = table.loc["enc mean cosine"]
    assert cosine["accuracy"] == "0.300" and float(cosine["accuracy_low"]) < 0.3
    assert cosine[["seeds", "difference"]].tolist() == ["", ""]
    assert table.loc["chance", ["accuracy", "accuracy_low", "validation_accuracy"]].tolist() == ["0.312", "", ""]


def test_the_table_of_epochs_marks_what_was_kept(files, scored):
    table = curves_table(Spec(**TITLED), {"ranker": files[0] / "history.csv"}, scored)
    assert len(table) == 2 * (3 + 4)
    kept = table[table["chosen"] == "yes"]
    assert kept["epoch"].tolist() == ["1"] * 4  # the first of two equal ones
    assert set(table["system"]) == {"enc mean linear", "enc mean deep"}
    assert set(table["chance"]) == {"0.312"} and table["validation_accuracy"].iloc[1] == "0.400000"
    write_csv(files[0] / "history.csv", pd.DataFrame({"epoch": [1]}))
    with pytest.raises(UserError, match="history.csv: no column 'features'"):
        curves_table(Spec(**TITLED), {"ranker": files[0] / "history.csv"}, scored)


def test_examples_are_the_first_ones_of_the_best_on_validation(files, scored):
    spec = Spec(**TITLED)
    answered = read(files[0] / "predictions.parquet")
    table = examples_table(spec, answered, {"quiz": files[1]}, scored)
    assert set(table["system"]) == {"enc mean deep"}  # not the best one on the test split
    assert table["outcome"].tolist() == ["right"] * 3 + ["wrong"] * 3
    assert table["question"].tolist() == [f"question {row}" for row in (0, 1, 2, 16, 17, 18)]
    assert table["answer"].tolist() == ["0.0", "1.1", "2.0", "16.0", "17.1", "18.0"]
    assert table["chosen"].tolist() == ["0.0", "1.1", "2.0", "16.1", "17.0", "18.1"]


def test_examples_of_other_questions_are_refused(files, scored):
    spec = Spec(**TITLED)
    answered = read(files[0] / "predictions.parquet")
    storage.write(files[1], [{"question": "q", "choices": ["a", "b"], "answer": 0}], storage.CHOICE)
    with pytest.raises(UserError, match="test.parquet: expected the 40 questions that 'enc mean deep' answered"):
        examples_table(spec, answered, {"quiz": files[1]}, scored)


def test_settings_of_the_jobs_are_checked():
    with pytest.raises(ValueError, match="one a data set"):
        Spec(probes={"a": SPEC["probes"]["ranker"], "b": SPEC["probes"]["ranker"]}, order=["a", "b"])
    with pytest.raises(ValueError, match="expected the names of the probes"):
        Spec(probes=SPEC["probes"], order=["other"])


def test_the_figure(files, scored, tmp_path):
    write_csv(tmp_path / "curves.csv", curves_table(Spec(**TITLED), {"ranker": files[0] / "history.csv"}, scored))
    curves = read_csv(tmp_path / "curves.csv")
    with figure_style():
        figure = draw_training(curves)
        for name in ("a.svg", "b.svg"):
            save_figure(tmp_path / name, draw_training(curves))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["linear", "deep"]
    train, validation, kept, chance = panels[0].lines
    assert train.get_xdata().tolist() == [0, 1, 2]  # as far as both seeds were trained
    assert validation.get_ydata().tolist() == pytest.approx([0.3, 0.4, 0.4])
    assert kept.get_xdata().tolist() == [1, 1] and set(chance.get_ydata()) == {0.312}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "validation, mean of 2 seeds" in labels and "lowest to highest seed" in labels
    with figure_style():
        alone = draw_training(curves[curves["seed"] == 3])
    assert "lowest to highest seed" not in [text.get_text() for text in alone.legends[0].get_texts()]
    with pytest.raises(UserError, match="no column 'chosen'"):
        draw_training(curves.drop(columns="chosen"))
    with pytest.raises(UserError, match="no row"):
        draw_training(curves.head(0))


def test_the_steps_lead_from_predictions_to_a_figure(files, tmp_path):
    folder, test = files
    predictions = {"predictions": folder / "predictions.parquet"}
    for name in ("first", "again"):
        out = tmp_path / name
        scores, tables = out / "choice.parquet", {"main": "choice", "choice_curves": "curves", "choice_examples": "examples"}
        made = {table: out / f"{file}.csv" for table, file in tables.items()}
        drawn = {name: out / f"{name}.svg" for name in ("choice", "choice_accuracies")}
        read = {"scores": scores, **predictions, "history": folder / "history.csv", "test": test}
        for function, inputs, outputs, spec in (
            ("scores.score_choices", {**predictions, "chosen": folder / "chosen.csv"}, {"scores": scores}, SPEC),
            ("tables.tabulate", read, made, TITLED),
            ("figures.draw", {"curves": made["choice_curves"], "systems": made["main"]}, drawn, {}),
        ):
            done = run_step(f"choice.{function}", inputs, outputs, spec, tmp_path / "provenance.json")
            assert done.returncode == 0, done.stderr
    names = {"choice.parquet", "choice.csv", "curves.csv", "examples.csv", "choice.svg", "choice_accuracies.svg"}
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert set(first) == names
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
