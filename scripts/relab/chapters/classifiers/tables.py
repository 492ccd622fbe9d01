"""Tables of fine-tuned classifiers: beside floors and frozen features, pairs, curves, words that tokenizers split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from relab.cells import fixed
from relab.chapters.char_gpt.classification.names import ACCURACY, MACRO_F1, SPLIT
from relab.chapters.char_gpt.classification.tables import rows_of, told
from relab.chapters.classifiers.names import (
    DISTINCT_SPLIT,
    WORDS_SPLIT,
    Floors,
    ShownFinetuned,
    TableSpec,
    pairs,
    place,
    unweighted,
)
from relab.probes.names import MAJORITY, TFIDF, name
from relab.scores import Summaries

COLUMNS = {ACCURACY: "accuracy", MACRO_F1: "macro_f1"}

#: Files by the name of a probe or of a classifier.
Files = Mapping[str, pd.DataFrame]


def label(one: ShownFinetuned) -> str:
    """What tables call a fine-tuned network: its model, and where it started from if not from the model's weights."""
    return one.model if one.pretrained else f"{one.model}, random weights"


def trained(one: ShownFinetuned) -> str:
    """What was trained of it."""
    return "all weights" if one.adaptation.kind == "full" else f"LoRA, rank {one.adaptation.rank}"


def systems_table(spec: TableSpec, scores: Summaries, chosen: Files, texts: Files) -> pd.DataFrame:
    """A system a row, floors and frozen features first: figures on the test split with their 95 % intervals."""
    rows = []
    for probe in spec.order:
        floors, fits = spec.floors[probe], chosen[probe].set_index("system")
        for features, classifier in unweighted(floors.features):
            own = fits.loc[[name(features, classifier)]]
            frozen = {"none": "nothing", TFIDF: "a classifier on words"}.get(features, "a classifier on frozen features")
            told_of = {"network": told(features) if features != "none" else "", "system": classifier, "trained": frozen}
            rows.append(
                _row(spec, floors, scores, name(features, classifier), told_of, len(own), int(own["train_rows"].iloc[0]), "")
            )
        for declaration, members in spec.declarations(floors.dataset).items():
            first, one = next(iter(members.items()))
            read = texts[first].iloc[0]
            told_of = {"network": label(one), "system": "fine-tuned", "trained": trained(one)}
            rows.append(
                _row(
                    spec,
                    floors,
                    scores,
                    declaration,
                    told_of,
                    len(members),
                    int(read["train_rows"]),
                    str(int(read["trained_parameters"])),
                )  # fmt: skip
            )
    return pd.DataFrame(rows)


def _row(
    spec: TableSpec, floors: Floors, scores: Summaries, system: str, told_of: Mapping[str, str], seeds: int, train_rows: int,
    parameters: str,
) -> dict[str, Any]:  # fmt: skip
    experiment = f"{place(floors.dataset)}/{system}"
    row: dict[str, Any] = {"data_set": spec.titles[floors.dataset], **told_of}
    for metric, column in COLUMNS.items():
        row |= scores.cells(column, experiment, metric, SPLIT, 4)
    return {
        **row, "seeds": seeds, "trained_parameters": parameters, "train_rows": train_rows,
        "test_rows": rows_of(scores, experiment),
    }  # fmt: skip


def pairs_table(spec: TableSpec, scores: Summaries) -> pd.DataFrame:
    """A pair of systems a row: how much the first is better on the same test rows, with paired 95 % intervals."""
    rows = []
    for probe in spec.order:
        floors = spec.floors[probe]
        declarations = spec.declarations(floors.dataset)
        labels = {declaration: label(next(iter(members.values()))) for declaration, members in declarations.items()}
        for system, other, question in pairs(floors.features, list(declarations)):
            row = {"data_set": spec.titles[floors.dataset], "question": question}
            row |= {"system": labels[system], "other": labels.get(other) or _frozen(other)}
            experiment = f"{place(floors.dataset)}/{system} − {other}"
            for metric, column in COLUMNS.items():
                row |= scores.cells(column, experiment, metric, SPLIT, 4)
            rows.append({**row, "test_rows": rows_of(scores, experiment)})
    return pd.DataFrame(rows)


def _frozen(system: str) -> str:
    if system == MAJORITY:
        return system
    encoder, _, rest = system.partition(" ")
    pooling, _, classifier = rest.partition(" ")
    return f"{told(f'{encoder} {pooling}')} {classifier}"


def curves_table(spec: TableSpec, histories: Files) -> pd.DataFrame:
    """An evaluation of a fine-tuned network a row; the training figures are means since the one before, with dropout on."""
    frames = []
    for one in spec.shown:
        settings, history = spec.classifiers[one], histories[one]
        told_of = {"data_set": spec.titles[settings.dataset], "network": label(settings), "seed": settings.seed}
        epochs = history["epoch"].map(lambda value: fixed(value, 3))
        frame = pd.DataFrame({**told_of, "step": history["step"], "epoch": epochs})
        for column in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
            frame[column] = [fixed(value, 4) for value in history[column]]
        best = history["validation_loss"] == history["validation_loss"].min()
        frame["kept"] = ["yes" if number == best.idxmax() else "" for number in history.index]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def words_table(spec: TableSpec, scores: Summaries, texts: Files) -> pd.DataFrame:
    """A data set and tokenizer a row: which share of the words of the training rows it splits."""
    rows = []
    for probe in spec.order:
        dataset = spec.floors[probe].dataset
        seen = set()
        for declaration, members in spec.declarations(dataset).items():
            first, one = next(iter(members.items()))
            if one.model in seen:
                continue
            seen.add(one.model)
            read, experiment = texts[first].iloc[0], f"{place(dataset)}/{declaration}"
            rows.append(
                {
                    "data_set": spec.titles[dataset],
                    "tokenizer": one.model,
                    "vocabulary": int(read["vocabulary"]),
                    "words": int(read["words"]),
                    "words_split": fixed(scores.value(experiment, WORDS_SPLIT, "train"), 4),
                    "distinct": int(read["distinct"]),
                    "distinct_split": fixed(scores.value(experiment, DISTINCT_SPLIT, "train"), 4),
                    "examples": "" if pd.isna(read["examples"]) else read["examples"],
                }
            )
    return pd.DataFrame(rows)
