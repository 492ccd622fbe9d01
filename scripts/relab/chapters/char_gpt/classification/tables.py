"""A6's tables: systems, pairs of systems, classes, confusions, learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from relab.cells import fixed
from relab.chapters.char_gpt.classification.names import ACCURACY, MACRO_F1, SPLIT, TableSpec, f1_of, over_seeds, pairs
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
    """A classifier a row, floors first: figures on the test split with 95 % intervals over its rows, deviation over seeds."""
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
                found = scores.per_seed(experiment, over_seeds(metric), SPLIT).iloc[0]
                row |= _interval(column, found)
                row[f"{column}_sd"] = fixed(scores.deviation(experiment, metric, SPLIT), 4)
            row["validation_macro_f1"] = fixed(scores.value(experiment, MACRO_F1, "validation"), 4)
            penalty = own["regularisation"].iloc[0]
            row["penalty"] = "" if pd.isna(penalty) else f"{'C' if classifier == LOGISTIC else 'α'} = {float(penalty):g}"
            row |= {"seeds": len(own), "train_rows": int(own["train_rows"].iloc[0]), "test_rows": int(found["n"])}
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
            for metric, column in COLUMNS.items():
                found = scores.per_seed(f"{probe.dataset}/{system} − {other}", metric, SPLIT).iloc[0]
                row |= _interval(column, found)
            rows.append({**row, "test_rows": int(found["n"])})
    return pd.DataFrame(rows)


def _interval(column: str, found: pd.Series) -> dict[str, str]:
    """A value with the ends of its interval as columns of a table."""
    return {f"{column}{end}": fixed(found[key], 4) for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))}


def _shown(system: str) -> str:
    """The name of a system with its pooling as readers know it."""
    for pooling, known in POOLINGS.items():
        system = system.replace(f" {pooling} ", f" {known} ")
    return system


def classes_table(spec: TableSpec, scores: Summaries) -> pd.DataFrame:
    """A class a row and system: its F1, mean over seeds, with the 95 % interval of that mean over test rows."""
    rows = []
    for probe in spec.shown:
        for features, classifier, weighted in _systems(probe.features):
            system = name(features, classifier, weighted)
            for label in probe.classes:
                experiment = f"{probe.dataset}/{system}"
                found = scores.per_seed(experiment, over_seeds(f1_of(label)), SPLIT).iloc[0]
                rows.append(
                    {
                        "data_set": spec.titles[probe.dataset],
                        "class": label,
                        "test_rows": int(found["n"]),
                        "system": _shown(system),
                        "f1": fixed(found["value"], 4),
                        "f1_low": fixed(found["low"], 4),
                        "f1_high": fixed(found["high"], 4),
                        "seeds": len(scores.per_seed(experiment, f1_of(label), SPLIT)),
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
