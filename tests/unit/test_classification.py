"""Classifiers and their baselines are fitted, chosen on validation, saved without pickle, scored and compared honestly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.stats import binomtest, ttest_1samp, ttest_rel
from sklearn.metrics import accuracy_score, f1_score

from relab.datasets import storage
from relab.errors import UserError
from relab.features.store import feature_writer
from relab.figures import figure_style
from relab.metrics import classification as measures
from relab.parquet import write_parquet
from relab.predictions import CLASSIFICATION, read_predictions
from relab.probes.classifiers import chosen_table, fit_all, fit_classifier, learning_curve, predictions_table, save_models
from relab.probes.inputs import classification_inputs
from relab.probes.systems import LOGISTIC, MAJORITY, PERCEPTRON, TFIDF, classifier_system
from relab.rows.classification import figures, tables
from relab.rows.classification.names import Spec, pairs
from relab.rows.classification.scores import classification_scores
from relab.rows.shared.system_scores import system_scores
from relab.rows.shared.systems import SPLIT, ClassifierProbe
from relab.scores import Summaries, with_summary, write_scores
from relab.settings.probes import Classifier
from relab.statistics import estimate

CLASSES = ["rare", "common", "middling"]
SETTINGS = {
    "kind": "classifier",
    "dataset": "toy",
    "encoders": ["enc"],
    "pooling": ["cls", "mean"],
    "regularisation": [0.001, 1],
    "perceptron": {"hidden": 16, "penalties": [0.001], "seeds": [3, 4], "batch": 8},
    "curve": {"sizes": [20, 40], "draws": 2},
}
#: What the jobs of a row know of the probe.
SHOWN = {"dataset": "toy", "classes": CLASSES, "features": ["enc cls", "enc mean"]}


@pytest.fixture(scope="module")
def probe():
    return Classifier.model_validate(SETTINGS)


@pytest.fixture(scope="module")
def data():
    """Three splits of a skewed set: the mean vector tells the class well, ``cls`` not at all, one word tells it for TF-IDF."""
    drawn = np.random.default_rng(0)
    inputs, labels = {}, {}
    for split, rows in (("train", 120), ("validation", 60), ("test", 80)):
        classes_drawn = drawn.choice(CLASSES, rows, p=[0.1, 0.6, 0.3])
        centres = np.array([CLASSES.index(label) for label in classes_drawn])[:, None] == np.arange(3)
        inputs[split] = {
            TFIDF: [f"word{drawn.integers(9)} {label if drawn.random() < 0.6 else 'nothing'}" for label in classes_drawn],
            "enc cls": drawn.normal(size=(rows, 5)).astype(np.float32),
            "enc mean": (3 * centres + drawn.normal(size=(rows, 3))).astype(np.float32),
        }
        labels[split] = classes_drawn
    return inputs, labels


@pytest.fixture(scope="module")
def fits(data, probe):
    return list(fit_all(*data, probe))


@pytest.fixture(scope="module")
def predictions(fits, data):
    return predictions_table(fits, data[0]["test"], data[1]["test"])


def accuracy(predictions, system):
    rows = predictions[predictions["system"] == system]
    return (rows["label"] == rows["prediction"]).mean()


def test_every_system_is_fitted_perceptrons_once_a_seed(fits):
    fitted_systems = [(fit.system, fit.seed) for fit in fits]
    assert len(fitted_systems) == len(set(fitted_systems)) == 1 + 2 + 2 * (2 + 2 * 2)
    assert fitted_systems[0] == (MAJORITY, 0)
    assert {seed for system, seed in fitted_systems if PERCEPTRON in system} == {3, 4}
    assert {system for system, _ in fitted_systems} >= {
        classifier_system("enc mean", LOGISTIC, True),
        classifier_system(TFIDF, LOGISTIC),
    }


def test_figures_follow_what_the_features_tell(predictions):
    assert accuracy(predictions, classifier_system("enc mean", LOGISTIC)) > 0.9
    assert accuracy(predictions, classifier_system("enc mean", PERCEPTRON)) > 0.8
    assert accuracy(predictions, MAJORITY) < accuracy(predictions, classifier_system(TFIDF, LOGISTIC)) < 0.9
    assert accuracy(predictions, classifier_system("enc cls", LOGISTIC)) < 0.7


def test_the_penalty_is_the_best_on_validation(data, probe, fits):
    inputs, labels = data
    by_strength = {}
    for strength in probe.regularisation:
        model = fit_classifier(inputs["train"]["enc mean"], labels["train"], "enc mean", LOGISTIC, False, strength, 0, probe)
        predicted = model.predict(inputs["validation"]["enc mean"])
        by_strength[strength] = f1_score(labels["validation"], predicted, average="macro")
    (fit,) = [fit for fit in fits if fit.system == classifier_system("enc mean", LOGISTIC)]
    assert by_strength[0.001] != by_strength[1]
    assert fit.regularisation == max(by_strength, key=by_strength.get)
    assert fit.validation["macro_f1"] == pytest.approx(max(by_strength.values()))


def test_class_weights_raise_the_recall_of_the_rare_class(data, probe):
    inputs, labels = data
    recalls = []
    for classifier in (LOGISTIC, PERCEPTRON):
        for weighted in (False, True):
            model = fit_classifier(inputs["train"][TFIDF], labels["train"], TFIDF, classifier, weighted, 0.1, 0, probe)
            predicted = model.predict(inputs["test"][TFIDF])
            recalls.append(np.mean(predicted[labels["test"] == "rare"] == "rare"))
    assert recalls[1] > recalls[0]
    assert recalls[3] >= recalls[2]


def test_texts_without_a_word_leave_a_baseline_that_predicts_the_most_frequent_class(probe):
    inputs = {split: {TFIDF: ["", "", ""]} for split in ("train", "validation", "test")}
    labels = dict.fromkeys(inputs, np.array(["common", "rare", "common"]))
    predictions = predictions_table(list(fit_all(inputs, labels, probe)), inputs["test"], labels["test"])
    assert set(predictions["system"]) == {
        MAJORITY,
        *(classifier_system(TFIDF, LOGISTIC, weighted) for weighted in (False, True)),
    }
    assert (predictions["prediction"] == "common").all()
    assert all(row["accuracy"] == 2 / 3 for row in learning_curve(inputs, labels, {TFIDF: 1.0}, probe))


def test_a_saved_probe_predicts_the_same_and_holds_no_pickle(fits, data, tmp_path):
    path = tmp_path / "probes.skops"
    save_models(path, fits)
    trusted = ["sklearn.neural_network._stochastic_optimizers.AdamOptimizer"]  # the only type that skops does not know
    assert skops.io.get_untrusted_types(file=path) == trusted
    loaded = skops.io.load(path, trusted=trusted)
    assert b"pickle" not in path.read_bytes()
    for fit in fits:
        inputs = np.zeros((80, 1)) if fit.classifier == MAJORITY else data[0]["test"][fit.features]
        assert (loaded[f"{fit.system}/{fit.seed}"].predict(inputs) == fit.model.predict(inputs)).all()


def test_a_learning_curve_has_all_sizes_and_the_whole_set_once(data, probe):
    rows = pd.DataFrame(learning_curve(*data, {"enc mean": 1.0, TFIDF: 1.0}, probe))
    assert rows.groupby("size").size().to_dict() == {20: 4, 40: 4, 120: 2}
    means = rows[rows["features"] == "enc mean"].groupby("size")["accuracy"].mean()
    assert means[120] >= means[20] - 0.05
    assert rows.duplicated(["features", "size", "draw"]).sum() == 0


@pytest.mark.parametrize("classes", [CLASSES, [*CLASSES, "absent"]])
def test_figures_row_by_row_are_those_of_scikit_learn(classes):
    drawn = np.random.default_rng(1)
    references, predicted = drawn.choice(CLASSES, 40), drawn.choice(CLASSES[:2], 40)
    f1 = measures.f1_scores(predicted, references, classes, "rows")
    expected = f1_score(references, predicted, labels=classes, average=None, zero_division=np.nan)
    assert [f1[label].value for label in classes] == pytest.approx(expected, nan_ok=True)  # a ratio of sums over rows
    assert measures.accuracy(predicted, references, "rows").value == pytest.approx(accuracy_score(references, predicted))
    macro = f1_score(references, predicted, labels=classes, average="macro", zero_division=0)
    assert measures.macro_f1(f1).value == pytest.approx(macro)  # a class without rows counts as 0


def test_intervals_of_f1_are_those_of_rows_drawn_with_replacement():
    drawn = np.random.default_rng(1)
    references = drawn.choice(CLASSES, 400, p=[0.2, 0.5, 0.3])
    predicted = np.where(drawn.random(400) < 0.7, references, drawn.choice(CLASSES, 400))
    f1 = measures.f1_scores(predicted, references, CLASSES, "rows")
    samples = []
    for rows in drawn.integers(0, 400, (1000, 400)):
        true, claimed = (np.array([some[rows] == label for label in CLASSES]) for some in (references, predicted))
        samples.append(2 * (true & claimed).sum(1) / (true.sum(1) + claimed.sum(1)))
    ends = np.quantile(samples, [0.025, 0.975], axis=0)
    for of_class, (low, high) in zip(f1.values(), ends.T, strict=True):
        assert estimate({0: of_class})[1:3] == (pytest.approx(low, abs=0.015), pytest.approx(high, abs=0.015))
    macro = np.quantile(np.mean(samples, axis=1), [0.025, 0.975])
    assert estimate({0: measures.macro_f1(f1)})[1:3] == pytest.approx(macro, abs=0.01)


@pytest.fixture(scope="module")
def scores(predictions, fits, tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    write_scores(
        path, with_summary(classification_scores(ClassifierProbe(**SHOWN), predictions, chosen_table(fits, 120, "words")))
    )
    return Summaries.read(path)


def test_scores_have_intervals_seeds_and_the_classes(scores, predictions):
    system = f"toy/{classifier_system('enc mean', LOGISTIC)}"
    row = scores.per_seed(system, "accuracy", SPLIT).iloc[0]
    right = right_of(predictions, classifier_system("enc mean", LOGISTIC))
    assert (row["value"], row["n"], row["unit"]) == (pytest.approx(right.mean()), 80, "row")
    exact = binomtest(int(right.sum()), 80).proportion_ci(method="exact")
    assert (row["low"], row["high"]) == (pytest.approx(exact.low), pytest.approx(exact.high))
    seeds = scores.per_seed(f"toy/{classifier_system('enc mean', PERCEPTRON)}", "accuracy", SPLIT)
    assert set(seeds["seed"]) == {"3", "4"}
    test = predictions[predictions["system"] == classifier_system("enc mean", LOGISTIC)]
    rare = scores.per_seed(system, "F1 of rare", SPLIT).iloc[0]
    assert rare["n"] == ((test["label"] == "rare") | (test["prediction"] == "rare")).sum()


def right_of(predictions, system):
    """Whether a system has each test row right, the mean over its seeds ``[rows]``."""
    rows = predictions[predictions["system"] == system]
    return (rows["label"] == rows["prediction"]).groupby(rows["row"]).mean().to_numpy()


def test_a_summary_over_seeds_is_never_surer_than_rows_or_seeds_alone(scores, predictions):
    for features in ("enc mean", "enc cls"):
        system = classifier_system(features, PERCEPTRON)
        seeds, summary = (scores.per_seed(f"toy/{system}", "accuracy", SPLIT), scores.find(f"toy/{system}", "accuracy", SPLIT))
        assert (summary["value"], summary["seeds"], summary["n"]) == (pytest.approx(seeds["value"].mean()), 2, 80)
        for values in (right_of(predictions, system), seeds["value"]):
            if np.ptp(values) == 0:  # seeds that differ in nothing tell of nothing
                continue
            alone = ttest_1samp(values, 0).confidence_interval()
            assert summary["low"] <= max(alone.low, 0) + 1e-9 and summary["high"] >= min(alone.high, 1) - 1e-9


def test_a_pair_is_compared_row_by_row(scores, predictions, probe):
    for system, reference in (
        (classifier_system("enc mean", LOGISTIC), classifier_system(TFIDF, LOGISTIC)),
        next(iter(pairs(probe.features)))[:2],
    ):
        row = scores.per_seed(f"toy/{system} − {reference}", "accuracy", SPLIT).iloc[0]
        sides = [right_of(predictions, side) for side in (system, reference)]
        assert row["value"] == pytest.approx(sides[0].mean() - sides[1].mean())
        expected = ttest_rel(*sides).confidence_interval()
        assert (row["low"], row["high"]) == (pytest.approx(expected.low), pytest.approx(expected.high))
    same = scores.per_seed(
        f"toy/{classifier_system('enc mean', LOGISTIC)} − {classifier_system(TFIDF, LOGISTIC)}", "accuracy", SPLIT
    ).iloc[0]
    assert same["low"] > 0  # the mean vectors tell the class, words only six times in ten


def test_equal_systems_differ_by_nothing():
    references = ["rare", "common"] * 20
    systems = {system: {0: ["rare"] * 40} for system in ("first", "second")}
    rows = system_scores("toy", CLASSES, references, systems, [("first", "second")], "rows")
    apart = [row for row in rows if row["experiment"] == "toy/first − second"]
    assert [(row["metric"], row["value"], row["low"], row["high"]) for row in apart] == [
        ("accuracy", 0, 0, 0),
        ("macro-F1", 0, 0, 0),
    ]


def test_tables_and_figures_show_every_system(scores, predictions, fits, data, probe):
    spec = Spec.model_validate({"probes": {"toy": SHOWN}, "order": ["toy"], "titles": {"toy": "A toy"}})
    chosen = chosen_table(fits, 120, "no words").replace("", np.nan)
    systems = tables.systems_table(spec, scores, {"toy": chosen})
    assert len(systems) == 1 + 2 + 2 * 4
    assert systems.iloc[0]["classifier"] == MAJORITY and systems.iloc[0]["penalty"] == ""
    assert set(systems[systems["classifier"] == PERCEPTRON]["seeds"]) == {2}
    assert set(systems["test_rows"]) == {80} and not [column for column in systems if column.endswith("_sd")]
    trained = systems[systems["classifier"] != MAJORITY]
    assert (trained["accuracy_low"].astype(float) < trained["accuracy_high"].astype(float)).all()
    assert set(systems["features"]) == {"none", "TF-IDF of no words", "enc [CLS]", "enc mean"}
    confusion = tables.confusion_table(spec, {"toy": predictions})
    assert confusion.groupby("class_weights")["count"].sum().to_dict() == {"balanced": 80, "none": 80}
    classes = tables.classes_table(spec, scores)
    assert set(classes["class"]) == set(CLASSES)
    curves = tables.curves_table(spec, {"toy": pd.DataFrame(learning_curve(*data, {"enc mean": 1.0}, probe))})
    assert len(tables.pairs_table(spec, scores)) == len(list(pairs(probe.features)))
    numbers = {f"{name}{end}": float for name in ("accuracy", "macro_f1") for end in ("", "_low", "_high")}
    with figure_style():
        numeric = systems.replace("", np.nan).astype(numbers)
        assert len(figures.draw_systems(numeric).axes) == 1
        assert len(figures.draw_confusions(confusion.astype({"share": float})).axes) == 2
        assert len(figures.draw_curves(curves.astype({"accuracy": float})).axes) == 1
    with pytest.raises(UserError, match="no row"):
        figures.draw_systems(systems.iloc[:0])


def test_a_probe_of_the_baselines_alone_shows_their_confusion(predictions):
    alone = {"probes": {"toy": {**SHOWN, "features": []}}, "order": ["toy"], "titles": {"toy": "A toy"}}
    confusion = tables.confusion_table(Spec.model_validate(alone), {"toy": predictions})
    assert set(confusion["features"]) == {TFIDF}
    assert confusion.groupby("class_weights")["count"].sum().to_dict() == {"balanced": 80, "none": 80}


def test_every_system_stands_at_its_name_where_data_sets_have_others():
    rows = [("few", "none", MAJORITY, 0.2), ("few", "enc mean", LOGISTIC, 0.4), ("many", "none", MAJORITY, 0.3)]
    rows += [("many", TFIDF, LOGISTIC, 0.5), ("many", "enc mean", LOGISTIC, 0.6)]
    systems = pd.DataFrame(rows, columns=["data_set", "features", "classifier", "accuracy"]).assign(class_weights="none")
    systems["macro_f1"] = systems["accuracy"]
    for column in ("accuracy", "macro_f1"):
        systems[f"{column}_low"], systems[f"{column}_high"] = systems[column] - 0.1, systems[column] + 0.1
    with figure_style():
        panels = figures.draw_systems(systems).axes
    names = [label.get_text() for label in panels[0].get_yticklabels()]
    for axes, data_set in zip(panels, ("few", "many"), strict=True):
        panel = systems[systems["data_set"] == data_set]
        heights = panels[0].get_yticks()
        drawn = dict(line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o")
        assert len(drawn) == len(panel)
        for row in panel.itertuples():
            shown = names[np.abs(heights - drawn[row.accuracy]).argmin()].replace("\n", " ")
            assert row.classifier in shown and (row.features == "none" or row.features in shown)


def test_predictions_are_read_as_written(predictions, tmp_path):
    write_parquet(tmp_path / "a.parquet", predictions, CLASSIFICATION)
    write_parquet(tmp_path / "b.parquet", predictions, CLASSIFICATION)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    ordered = predictions.sort_values("row", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "a.parquet", CLASSIFICATION), ordered, check_dtype=False)


def written(folder, rows=4, features=4, labels=("rare", "common")):
    """The files of three splits, with features of a given number of rows."""
    splits, files = {}, []
    for split in ("train", "validation", "test"):
        splits[split] = folder / f"{split}.parquet"
        texts = [{"text": f"{split} {row}", "label": labels[row % len(labels)]} for row in range(rows)]
        storage.write(splits[split], texts, storage.CLASSIFICATION)
        path = folder / "enc" / "toy" / f"{split}.safetensors"
        with feature_writer(path, features, 3, {"index.text": np.arange(features)}) as vectors:
            for values in vectors.values():
                values[:] = 1
        files.append(path)
    return splits, files


def test_inputs_are_checked_against_the_splits(tmp_path, probe):
    splits, files = written(tmp_path)
    inputs, labels = classification_inputs(splits, files, probe)
    assert inputs["test"]["enc mean"].shape == (4, 3) and list(labels["test"]) == ["rare", "common"] * 2
    with pytest.raises(UserError, match="--features: no file of enc/toy/test"):
        classification_inputs(splits, files[:2], probe)
    with pytest.raises(UserError, match="expected 4 rows as in .*, found 3"):
        classification_inputs(*written(tmp_path / "fewer", features=3), probe)
    with pytest.raises(UserError, match="expected rows of at least two classes, found rare"):
        classification_inputs(*written(tmp_path / "one", labels=("rare",)), probe)
