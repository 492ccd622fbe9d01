"""A6's tables: systems, pairs of systems, classes, confusions, learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from relab.cells import fixed
from relab.chapters.char_gpt.classification.names import ACCURACY, MACRO_F1, SPLIT, TableSpec, f1_of, pairs
from relab.probes.names import LOGISTIC, MAJORITY, PERCEPTRON, TFIDF, name
from relab.scores import Summaries

#: Columns of the two figures.
COLUMNS = {ACCURACY: "accuracy", MACRO_F1: "macro_f1"}
#: How the features of a pooling are called.
POOLINGS = {"cls": "[CLS]", "mean": "mean", "last": "last token"}


def told(features: str) -> str:
    """Features as readers know them: ``minilm [CLS]`` for ``minilm cls``."""
    encoder, _, pooling = features.rpartition(" ")
    return f"{encoder} {POOLINGS[pooling]}" if pooling in POOLINGS else features


def _systems(features: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Features, classifier and weights of all systems in the order of tables."""
    yield "none", MAJORITY, False
    for weighted in (False, True):
        yield TFIDF, LOGISTIC, weighted
    for feature in features:
        for classifier in (LOGISTIC, PERCEPTRON):
            for weighted in (False, True):
                yield feature, classifier, weighted


def systems_table(spec: TableSpec, scores: Summaries, chosen: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A classifier a row, floors first: figures on the test split with their 95 % intervals."""
    rows = []
    for probe_name in spec.order:
        probe = spec.probes[probe_name]
        fits = chosen[probe_name].set_index("system")
        for features, classifier, weighted in _systems(probe.features):
            system = name(features, classifier, weighted)
            experiment = f"{probe.dataset}/{system}"
            own = fits.loc[[system]]
            row = {
                "data_set": spec.titles[probe.dataset],
                "features": told(features),
                "classifier": classifier,
                "class_weights": "balanced" if weighted else "none",
            }
            for metric, column in COLUMNS.items():
                row |= scores.cells(column, experiment, metric, SPLIT, 4)
            row["validation_macro_f1"] = fixed(scores.value(experiment, MACRO_F1, "validation"), 4)
            penalty = own["regularisation"].iloc[0]
            row["penalty"] = "" if pd.isna(penalty) else f"{'C' if classifier == LOGISTIC else 'α'} = {float(penalty):g}"
            row |= {"seeds": len(own), "train_rows": int(own["train_rows"].iloc[0]), "test_rows": rows_of(scores, experiment)}
            rows.append(row)
    return pd.DataFrame(rows)


def pairs_table(spec: TableSpec, scores: Summaries) -> pd.DataFrame:
    """A pair of systems a row: how much the first is better on the same test rows, with paired 95 % intervals."""
    rows = []
    for probe in spec.shown:
        for system, other, question in pairs(probe.features):
            row = {
                "data_set": spec.titles[probe.dataset],
                "question": question,
                "system": _shown(system),
                "other": _shown(other),
            }
            experiment = f"{probe.dataset}/{system} − {other}"
            for metric, column in COLUMNS.items():
                row |= scores.cells(column, experiment, metric, SPLIT, 4)
            rows.append({**row, "test_rows": rows_of(scores, experiment)})
    return pd.DataFrame(rows)


def rows_of(scores: Summaries, experiment: str) -> int:
    """The test rows that a system, or a pair of them, was measured on."""
    return int(scores.find(experiment, ACCURACY, SPLIT)["n"])


def _shown(system: str) -> str:
    """The name of a system with its pooling as readers know it."""
    for pooling, known in POOLINGS.items():
        system = system.replace(f" {pooling} ", f" {known} ")
    return system


def classes_table(spec: TableSpec, scores: Summaries) -> pd.DataFrame:
    """A class a row and system: its F1, mean over seeds, with its 95 % interval; ``rows`` are of it or taken for it."""
    rows = []
    for probe in spec.shown:
        for features, classifier, weighted in _systems(probe.features):
            system = name(features, classifier, weighted)
            for label in probe.classes:
                experiment = f"{probe.dataset}/{system}"
                found = scores.find(experiment, f1_of(label), SPLIT)
                rows.append(
                    {
                        "data_set": spec.titles[probe.dataset],
                        "class": label,
                        "rows": int(found["n"]),
                        "system": _shown(system),
                        **scores.cells("f1", experiment, f1_of(label), SPLIT, 4),
                        "seeds": int(found["seeds"]),
                    }
                )
    return pd.DataFrame(rows)


def confusion_table(spec: TableSpec, predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How often each class is taken for which: logistic regression without and with class weights.

    On the first features, or on TF-IDF where a probe has the floors alone.
    """
    rows = []
    for probe_name in spec.order:
        probe, frame = spec.probes[probe_name], predictions[probe_name]
        features = next(iter(probe.features), TFIDF)
        for weighted in (False, True):
            own = frame[frame["system"] == name(features, LOGISTIC, weighted)]
            counts = pd.crosstab(own["label"], own["prediction"]).reindex(
                index=probe.classes, columns=probe.classes, fill_value=0
            )
            for label in probe.classes:
                total = int(counts.loc[label].sum())
                for prediction in probe.classes:
                    count = int(counts.loc[label, prediction])
                    rows.append(
                        {
                            "data_set": spec.titles[probe.dataset],
                            "features": told(features),
                            "class_weights": "balanced" if weighted else "none",
                            "label": label,
                            "prediction": prediction,
                            "count": count,
                            "share": fixed(count / total if total else float("nan"), 4),
                        }
                    )
    return pd.DataFrame(rows)


def curves_table(spec: TableSpec, curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The learning curves of all probes: a sample of training rows a row, scored on validation."""
    frames = []
    for probe_name in spec.order:
        frame = curves[probe_name].copy()
        frame["features"] = [told(one) for one in frame["features"]]
        frame.insert(0, "data_set", spec.titles[spec.probes[probe_name].dataset])
        for column in ("accuracy", "macro_f1"):
            frame[column] = [fixed(value, 4) for value in frame[column]]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
