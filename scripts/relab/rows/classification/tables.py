"""Tables of classifiers on frozen features: systems, pairs of systems, classes, confusions, learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.files import read_csv
from relab.predictions import CLASSIFICATION, read_predictions
from relab.probes.systems import LOGISTIC, MAJORITY, PERCEPTRON, TFIDF, classifier_system
from relab.rows.classification.names import Spec, pairs
from relab.rows.job import MAIN, Job
from relab.rows.shared.best import with_best
from relab.rows.shared.system_tables import GOOD, features_label, figures, lexical_label, number_of_rows, system_label
from relab.rows.shared.systems import MACRO_F1, SPLIT, VALIDATION, experiment, f1_of
from relab.scores import Summaries

#: Files by the name of a probe.
Frames = Mapping[str, pd.DataFrame]


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec, scores = job.settings(Spec), Summaries.read(job.file("scores"))
    chosen, curves = (
        {probe: read_csv(path) for probe, path in job.by_name(name, spec.order).items()} for name in ("chosen", "curves")
    )
    predictions = {
        probe: read_predictions(path, CLASSIFICATION) for probe, path in job.by_name("predictions", spec.order).items()
    }
    return {
        MAIN: systems_table(spec, scores, chosen),
        "classification_pairs": pairs_table(spec, scores),
        "class_f1": classes_table(spec, scores),
        "confusion": confusion_table(spec, predictions),
        "learning_curve": curves_table(spec, curves),
    }


def systems(features: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Features, classifier and weights of all systems in the order of tables."""
    yield "none", MAJORITY, False
    for weighted in (False, True):
        yield TFIDF, LOGISTIC, weighted
    for feature in features:
        for classifier in (LOGISTIC, PERCEPTRON):
            for weighted in (False, True):
                yield feature, classifier, weighted


def systems_table(spec: Spec, scores: Summaries, chosen: Frames) -> pd.DataFrame:
    """A classifier a row, baselines first: figures on the test split with their 95 % intervals."""
    rows = []
    for probe_name, probe in zip(spec.order, spec.shown, strict=True):
        fits = chosen[probe_name].set_index("system")
        for features, classifier, weighted in systems(probe.features):
            system = classifier_system(features, classifier, weighted)
            about = {
                "data_set": spec.titles[probe.dataset],
                "features": lexical_label(features, fits.loc[[system]]),
                "classifier": classifier,
                "class_weights": _weights(weighted),
            }
            key = experiment(probe.dataset, system)
            rows.append((key, {**about, **_system(scores, key, classifier, fits.loc[[system]])}))
    return pd.DataFrame(with_best(rows, scores, GOOD))


def _system(scores: Summaries, key: str, classifier: str, fits: pd.DataFrame) -> dict[str, Any]:
    penalty = fits["regularisation"].iloc[0]
    return {
        **figures(scores, key),
        "validation_macro_f1": format_fixed(scores.value(key, MACRO_F1, VALIDATION), 4),
        "penalty": "" if pd.isna(penalty) else f"{'C' if classifier == LOGISTIC else 'α'} = {float(penalty):g}",
        "seeds": len(fits),
        "train_rows": int(fits["train_rows"].iloc[0]),
        "test_rows": number_of_rows(scores, key),
    }


def _weights(weighted: bool) -> str:
    return "balanced" if weighted else "none"


def pairs_table(spec: Spec, scores: Summaries) -> pd.DataFrame:
    """A pair of systems a row: how much the first is better on the same test rows, with paired 95 % intervals."""
    rows = []
    for probe in spec.shown:
        for system, reference, question in pairs(probe.features):
            pair = experiment(probe.dataset, system, reference)
            about = {"data_set": spec.titles[probe.dataset], "question": question}
            labels = {"system": system_label(system), "other": system_label(reference)}
            rows.append({**about, **labels, **figures(scores, pair), "test_rows": number_of_rows(scores, pair)})
    return pd.DataFrame(rows)


def classes_table(spec: Spec, scores: Summaries) -> pd.DataFrame:
    """A class a row and system: its F1, mean over seeds, with its 95 % interval; ``rows`` are of it or taken for it."""
    rows = []
    for probe in spec.shown:
        for system in (classifier_system(*parts) for parts in systems(probe.features)):
            for label in probe.classes:
                key = experiment(probe.dataset, system), f1_of(label), SPLIT
                summary = scores.find(*key)
                rows.append(
                    {
                        "data_set": spec.titles[probe.dataset],
                        "class": label,
                        "rows": int(summary["n"]),
                        "system": system_label(system),
                        **scores.cells("f1", *key, 4),
                        "seeds": int(summary["seeds"]),
                    }
                )
    return pd.DataFrame(rows)


def confusion_table(spec: Spec, predictions: Frames) -> pd.DataFrame:
    """How often each class is taken for which: logistic regression without and with class weights.

    On the first features, or on TF-IDF where a probe has the baselines alone.
    """
    rows = []
    for probe_name, probe in zip(spec.order, spec.shown, strict=True):
        features, frame = next(iter(probe.features), TFIDF), predictions[probe_name]
        for weighted in (False, True):
            about = {"data_set": spec.titles[probe.dataset], "features": features_label(features)}
            system = frame[frame["system"] == classifier_system(features, LOGISTIC, weighted)]
            rows += [{**about, "class_weights": _weights(weighted), **cell} for cell in _confusions(system, probe.classes)]
    return pd.DataFrame(rows)


def _confusions(predictions: pd.DataFrame, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    counts = pd.crosstab(predictions["label"], predictions["prediction"]).reindex(index=classes, columns=classes, fill_value=0)
    for label in classes:
        total = int(counts.loc[label].sum())
        for prediction in classes:
            count = int(counts.loc[label, prediction])
            share = format_fixed(count / total if total else float("nan"), 4)
            yield {"label": label, "prediction": prediction, "count": count, "share": share}


def curves_table(spec: Spec, curves: Frames) -> pd.DataFrame:
    """The learning curves of all probes: a sample of training rows a row, scored on validation."""
    frames = []
    for probe_name, probe in zip(spec.order, spec.shown, strict=True):
        frame = curves[probe_name].copy()
        frame["features"] = frame["features"].map(features_label)
        frame.insert(0, "data_set", spec.titles[probe.dataset])
        for column in ("accuracy", "macro_f1"):
            frame[column] = [format_fixed(value, 4) for value in frame[column]]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
