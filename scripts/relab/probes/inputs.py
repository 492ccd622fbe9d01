"""What classifiers are fitted on: the features and texts of each split, and its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from relab.datasets import storage
from relab.errors import UserError
from relab.features.store import Features
from relab.probes.classifiers import Inputs, Labels
from relab.probes.names import TFIDF
from relab.settings.probes import Probe


def features_by_encoder(
    paths: Iterable[str | Path], encoders: Sequence[str], parts: Sequence[str]
) -> dict[tuple[str, str], Path]:
    """Files of features by encoder and part, told by their place: ``{encoder}/{dataset}/{part}.safetensors``.

    Raises:
        UserError: where one is missing or not asked for.
    """
    found = {(Path(path).parent.parent.name, Path(path).stem): Path(path) for path in paths}
    expected = {(encoder, part) for encoder in encoders for part in parts}
    for encoder, part in sorted(set(found) ^ expected):
        told = "no features of" if (encoder, part) in expected else "not expected: features of"
        raise UserError(f"--features: {told} {encoder}, {part}")
    return found


def classification_inputs(splits: Mapping[str, Path], features: Iterable[Path], settings: Probe) -> tuple[Inputs, Labels]:
    """Vectors of each split by feature, its texts as TF-IDF's, and its labels.

    Raises:
        UserError: features of another number of rows than the split's, a training split of one class.
    """
    files = features_by_encoder(features, settings.encoders, list(splits))
    inputs: dict[str, dict] = {split: {} for split in splits}
    labels: dict[str, np.ndarray] = {}
    for split, path in splits.items():
        rows = storage.read(path)
        labels[split] = np.array(rows["label"])
        inputs[split][TFIDF] = rows["text"]
        for encoder in settings.encoders:
            opened = Features(files[encoder, split])
            for pooling in settings.pooling:
                vectors = opened.of("text", pooling)
                if len(vectors) != len(labels[split]):
                    raise UserError(f"{opened.path}: expected {len(labels[split])} rows as in {path}, found {len(vectors)}")
                inputs[split][f"{encoder} {pooling}"] = vectors
    if len(set(labels["train"])) < 2:
        raise UserError(f"{splits['train']}: expected rows of at least two classes, found {', '.join(set(labels['train']))}")
    return inputs, labels
