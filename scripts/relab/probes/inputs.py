"""Inputs of classifiers: the features and texts of each split, and its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from relab.datasets import storage
from relab.errors import UserError
from relab.features.store import Features
from relab.inputs import by_part
from relab.probes.classifiers import Inputs, Labels
from relab.probes.systems import TFIDF
from relab.settings.probes import Probe
from relab.words import divided


def classification_inputs(splits: Mapping[str, Path], features: Iterable[Path], settings: Probe) -> tuple[Inputs, Labels]:
    """The vectors of each split by feature, its divided texts under TF-IDF, and its labels.

    Raises:
        UserError: features of another number of rows than the split's, a training split of one class.
    """
    files = by_part(features, settings.encoders, settings.dataset, list(splits))
    inputs: dict[str, dict] = {split: {} for split in splits}
    labels: dict[str, np.ndarray] = {}
    for split, path in splits.items():
        rows = storage.read(path)
        labels[split] = np.array(rows["label"])
        inputs[split][TFIDF] = [divided(text) for text in rows["text"]]
        for encoder in settings.encoders:
            opened = Features(files[encoder, split])
            for pooling in settings.pooling:
                vectors = opened.vectors("text", pooling)
                if len(vectors) != len(labels[split]):
                    raise UserError(f"{opened.path}: expected {len(labels[split])} rows as in {path}, found {len(vectors)}")
                inputs[split][f"{encoder} {pooling}"] = vectors
    if len(set(labels["train"])) < 2:
        raise UserError(f"{splits['train']}: expected rows of at least two classes, found {', '.join(set(labels['train']))}")
    return inputs, labels
