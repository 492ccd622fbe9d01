"""Tables of fine-tuned classifiers: beside baselines and frozen features, pairs, curves, words that tokenizers split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from relab.cells import format_fixed
from relab.files import read_csv
from relab.probes.systems import TFIDF, classifier_system
from relab.rows.finetuned_classifiers import names
from relab.rows.finetuned_classifiers.names import Finetuned, Spec, prefix, unweighted
from relab.rows.job import Job
from relab.rows.shared.best import with_best
from relab.rows.shared.system_tables import GOOD, features_label, figures, number_of_rows, system_label
from relab.rows.shared.systems import ClassifierProbe, experiment
from relab.scores import Summaries

#: Tables by the name of a probe or of a classifier.
Frames = Mapping[str, pd.DataFrame]


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec, scores = job.settings(Spec), Summaries.read(job.file("scores"))
    inputs = {"chosen": spec.probes, "histories": spec.classifiers, "texts": spec.classifiers}
    chosen, histories, texts = (
        {key: read_csv(path) for key, path in job.by_name(files, expected).items()} for files, expected in inputs.items()
    )
    return {
        "classifiers": systems_table(spec, scores, chosen, texts),
        "classifier_pairs": pairs_table(spec, scores),
        "classifier_curves": curves_table(spec, histories),
        "split_words": words_table(spec, scores, texts),
    }


def network_label(classifier: Finetuned) -> str:
    """What tables call a fine-tuned network: its model, and where it started from if not from the model's weights."""
    return classifier.model if classifier.pretrained else f"{classifier.model}, random weights"


def trained_part(classifier: Finetuned) -> str:
    """What was trained of it."""
    return "all weights" if classifier.adaptation.kind == "full" else f"LoRA, rank {classifier.adaptation.rank}"


def systems_table(spec: Spec, scores: Summaries, chosen: Frames, texts: Frames) -> pd.DataFrame:
    """A system a row, baselines and frozen features first: figures on the test split with their 95 % intervals."""
    rows = []
    for probe_name, probe in zip(spec.order, spec.shown, strict=True):
        systems = [*_frozen(probe, chosen[probe_name]), *_finetuned(spec, probe.dataset, texts)]
        for system, about, counts in systems:
            key = experiment(prefix(probe.dataset), system)
            title = {"data_set": spec.titles[probe.dataset]}
            row = {**title, **about, **figures(scores, key), **counts, "test_rows": number_of_rows(scores, key)}
            rows.append((key, row))
    return pd.DataFrame(with_best(rows, scores, GOOD))


#: A system: its name in experiments, what it is, and how many seeds, parameters and rows it was trained with.
System = tuple[str, dict[str, str], dict[str, Any]]


def _frozen(probe: ClassifierProbe, chosen: pd.DataFrame) -> Iterator[System]:
    for features, classifier in unweighted(probe.features):
        system = classifier_system(features, classifier)
        fits = chosen[chosen["system"] == system]
        lexical = f"a classifier on {fits['words'].iloc[0]}"
        trained = {"none": "nothing", TFIDF: lexical}.get(features, "a classifier on frozen features")
        network = features_label(features) if features != "none" else ""
        yield (
            system,
            {"network": network, "system": classifier, "trained": trained},
            {"seeds": len(fits), "trained_parameters": "", "train_rows": int(fits["train_rows"].iloc[0])},
        )


def _finetuned(spec: Spec, dataset: str, texts: Frames) -> Iterator[System]:
    for declaration, members in spec.declarations(dataset).items():
        first, classifier = next(iter(members.items()))
        read = texts[first].iloc[0]
        parameters, rows = (int(read[column]) for column in ("trained_parameters", "train_rows"))
        yield (
            declaration,
            {"network": network_label(classifier), "system": "fine-tuned", "trained": trained_part(classifier)},
            {"seeds": len(members), "trained_parameters": str(parameters), "train_rows": rows},
        )


def pairs_table(spec: Spec, scores: Summaries) -> pd.DataFrame:
    """A pair of systems a row: how much the first is better on the same test rows, with paired 95 % intervals."""
    rows = []
    for probe in spec.shown:
        declarations = spec.declarations(probe.dataset)
        labels = {declaration: network_label(next(iter(members.values()))) for declaration, members in declarations.items()}
        for system, reference, question in names.pairs(probe.features, list(declarations)):
            pair = experiment(prefix(probe.dataset), system, reference)
            about = {"data_set": spec.titles[probe.dataset], "question": question}
            sides = {"system": labels[system], "other": labels.get(reference) or system_label(reference)}
            rows.append({**about, **sides, **figures(scores, pair), "test_rows": number_of_rows(scores, pair)})
    return pd.DataFrame(rows)


def curves_table(spec: Spec, histories: Frames) -> pd.DataFrame:
    """An evaluation of a fine-tuned network a row; the training figures are means since the one before, with dropout on."""
    frames = []
    for member in spec.classifier_order:
        classifier, history = spec.classifiers[member], histories[member]
        about = {"data_set": spec.titles[classifier.dataset], "network": network_label(classifier), "seed": classifier.seed}
        epochs = history["epoch"].map(lambda value: format_fixed(value, 3))
        frame = pd.DataFrame({**about, "step": history["step"], "epoch": epochs})
        for column in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
            frame[column] = [format_fixed(value, 4) for value in history[column]]
        best = history["validation_loss"] == history["validation_loss"].min()
        frame["kept"] = ["yes" if number == best.idxmax() else "" for number in history.index]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def words_table(spec: Spec, scores: Summaries, texts: Frames) -> pd.DataFrame:
    """A data set and tokenizer a row: which share of the words of the training rows it splits."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for probe in spec.shown:
        for declaration, members in spec.declarations(probe.dataset).items():
            first, classifier = next(iter(members.items()))
            read, key = texts[first].iloc[0], experiment(prefix(probe.dataset), declaration)
            row = {
                "data_set": spec.titles[probe.dataset],
                "tokenizer": classifier.model,
                "vocabulary": int(read["vocabulary"]),
                "words": int(read["words"]),
                "words_split": format_fixed(scores.value(key, names.WORDS_SPLIT, names.TRAIN), 4),
                "distinct": int(read["distinct"]),
                "distinct_split": format_fixed(scores.value(key, names.DISTINCT_SPLIT, names.TRAIN), 4),
                "examples": "" if pd.isna(read["examples"]) else read["examples"],
            }
            rows.setdefault((probe.dataset, classifier.model), row)
    return pd.DataFrame(rows.values())
