"""What each system and baseline wrote for the same pairs of a data set, read from samples and from the data set itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relab.datasets import storage
from relab.errors import UserError
from relab.metrics.generation import Measured, Outputs, measure
from relab.metrics.sentences import lead
from relab.rows.job import Job
from relab.rows.targets.names import COPY, Spec
from relab.statistics import units_digest
from relab.texts.samples import Text, Texts, read_samplings


@dataclass(frozen=True)
class Pairs:
    """The pairs that were scored, by their rows in the data set: a source and its references each."""

    rows: Sequence[int]
    sources: Sequence[str]
    references: Sequence[Sequence[str]]
    items: str  #: a digest that identifies them

    def outputs(self, texts: Sequence[str], cut: Sequence[bool] | None = None, language: str | None = None) -> Outputs:
        """Texts that were written for them."""
        cut = [False] * len(texts) if cut is None else cut
        return Outputs(texts, self.references, self.sources, cut, self.items, language)


@dataclass(frozen=True)
class Written:
    """What one system wrote."""

    outputs: Outputs
    seed: int = 0
    asked: str = ""  #: how the source was put to the model, where that is more than the source


def read_outputs(job: Job, spec: Spec) -> tuple[Pairs, dict[str, Written]]:
    """The pairs, and what each system and then each baseline wrote for them.

    Raises:
        UserError: samples of other sources than the data set's, or of others than the first system has.
    """
    files = {path.stem: path for path in job.files("samples")}
    samplings = {texts.sampling: texts for texts in read_samplings(job.files("samples"), spec.samplings)}
    dataset, pairs, written = storage.read(job.file("pairs")), None, {}
    for name in spec.order:
        system = spec.systems[name]
        path, texts = files[system.sampling], _texts(samplings[system.sampling], system.method)
        pairs_of_system = _pairs(spec.dataset, dataset, texts, path)
        pairs = pairs or pairs_of_system
        if pairs_of_system.rows != pairs.rows:
            raise UserError(f"{path}: expected texts for the same {len(pairs.rows)} rows as {spec.order[0]}, found other rows")
        outputs = pairs.outputs([text.text for text in texts], [not text.ended for text in texts], spec.language)
        written[name] = Written(outputs, texts[0].seed, _asked(texts[0]))
    for name in spec.baselines:
        texts = pairs.sources if name == COPY else [lead(source, spec.lead) for source in pairs.sources]
        written[name] = Written(pairs.outputs(texts, language=spec.language))
    return pairs, written


def measure_systems(spec: Spec, written: Mapping[str, Written]) -> dict[str, Measured]:
    """The metrics of each system and baseline.

    Raises:
        UserError: a language that the identifier does not know.
    """
    try:
        return {name: measure(system.outputs, spec.metrics) for name, system in written.items()}
    except ValueError as error:
        raise UserError(f"--spec: {error}") from None


def _texts(sampling: Texts, method: str) -> list[Text]:
    """The first text of a method for each source."""
    if method not in sampling.methods:
        known = ", ".join(sampling.methods)
        raise UserError(f"--input samples: {sampling.sampling}: expected the method {method!r}, found {known}")
    return [text for text in sampling.methods[method] if text.index == 0]


def _pairs(name: str, dataset: dict[str, list[Any]], texts: Sequence[Text], path: Path) -> Pairs:
    rows = []
    for text in texts:
        if text.row is None or text.row >= len(dataset["source"]) or dataset["source"][text.row] != text.prompt:
            raise UserError(f"{path}: expected the sources of {name} as prompts, found {text.prompt[:60]!r} as row {text.row}")
        rows.append(text.row)
    sources = [dataset["source"][row] for row in rows]
    references = [[dataset["target"][row], *dataset["references"][row]] for row in rows]
    return Pairs(rows, sources, references, units_digest(name, rows, sources, references))


def _asked(text: Text) -> str:
    """How a source was put to the model; nothing where the model read the source alone."""
    if text.settings is None or text.asked is None:
        return ""
    settings = text.settings
    return "\n".join(
        [
            *([settings.system] if settings.system else []),
            f"{settings.template} (by the chat template)" if settings.chat else settings.template,
        ]
    )
