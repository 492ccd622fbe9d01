"""Targets that systems write for the sources of a data set: summaries, translations, pronunciations, beside baselines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from relab.artefacts import datasets, models, samplings
from relab.artefacts.kind import Artefacts, Files, Member
from relab.errors import UserError
from relab.rows.contract import MAIN, RowPaths, RowSettings, Step
from relab.rows.shared import text_metrics
from relab.rows.shared.trained import check_seeds
from relab.rows.targets import names
from relab.settings.base import Int, Settings
from relab.settings.references import PAIRS, Family, Ref, of_kind
from relab.settings.samplings import DatasetPrompts

SCORE = Step(
    "score", "Score targets that systems and baselines write for the sources of a data set, and pairs of systems.",
    "scores.score_targets", scores=True, memory=2000, minutes=60,
)  # fmt: skip
TABULATE = Step(
    "tabulate",
    "Write the tables of targets: systems and their metrics, differences, outputs side by side, outputs that metrics dispute.",
    "tables.tabulate", tables=(MAIN, "differences", "outputs", "telling", "disagreements", "metrics"), memory=2000,
)  # fmt: skip
COST = Step(
    "cost", "Write what the training of the models took: parameters, size, time and memory; and their losses on the way.",
    "costs.tabulate", tables=("cost", "curves"), files={"cost_scores": "results/scores/{chapter}/{name}_cost.parquet"},
)  # fmt: skip
DRAW = Step("draw", "Draw the metrics of targets by system.", "figures.draw", figures=("metrics", "differences"))

TRAINED_HERE = of_kind("models", "trained", "finetuned", "trained_on_pairs", "finetuned_on_pairs")


class System(Settings):
    """A system: the texts that a model wrote by one method."""

    sampling: Ref["samplings"] = Field(description="The sampling: of the data set's sources, one text each.")
    method: str = Field(description="One of its methods.")


class Row(RowSettings):
    """Systems that write a target for each source of a data set of pairs: their metrics beside baselines, and their outputs."""

    TITLED: ClassVar[tuple[str, ...]] = ()  # the row itself says what its tables call systems

    kind: Literal["targets"]
    dataset: Ref["datasets", PAIRS] = Field(description="The data set of pairs.")
    systems: dict[str, System] = Field(
        description="The systems by what tables call them, in order; all wrote for the same sources.", min_length=1
    )
    baselines: list[Literal[names.BASELINES]] = Field(
        list(names.BASELINES), description="What stands beside them: the source itself (copy), its first sentences (lead)."
    )
    lead: Int = Field(1, description="Sentences of the baseline lead.", ge=1)
    metrics: list[str] = Field(
        list(names.DEFAULT_METRICS),
        description=f"The metrics in the order of tables; the first {names.DRAWN} are drawn. There are: "
        f"{', '.join(text_metrics.ABOUT)}.",
        min_length=1,
    )
    compared_with: str | None = Field(
        None,
        description="The system or baseline that all others are compared with, pair by pair. None: there are no differences.",
    )
    language: str | None = Field(
        None,
        description="Language that the outputs should be in, as an ISO 639-1 code such as en: of the metric "
        f"{text_metrics.LANGUAGE}.",
    )
    examples: Int = Field(4, description="Pairs whose outputs are shown, evenly spread over those that were scored.", ge=1)
    models: dict[str, Family["models", TRAINED_HERE]] = Field(
        {},
        description="Trained models by what tables call them, whose losses and cost are shown; each is a declaration whose "
        "members differ in their seed alone.",
    )

    @field_validator("metrics")
    @classmethod
    def _metrics_are_known(cls, metrics: list[str]) -> list[str]:
        for metric in metrics:
            _check_known(metric, text_metrics.ABOUT, "metrics")
        if len(set(metrics)) < len(metrics):
            raise ValueError(f"expected each metric once, found {', '.join(metrics)}")
        return metrics

    @model_validator(mode="after")
    def _goes_together(self):
        for name in names.BASELINES:
            if name in self.systems:
                raise ValueError(f"systems.{name}: expected another name, since a baseline has it")
        if self.compared_with is not None:
            _check_known(self.compared_with, [*self.systems, *self.baselines], "systems and baselines", "compared_with: ")
        if text_metrics.LANGUAGE in self.metrics and self.language is None:
            raise ValueError(f"language: required by the metric {text_metrics.LANGUAGE}")
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        absent = {"differences"} if self.compared_with is None else set()
        tabulate = replace(TABULATE, tables=tuple(table for table in TABULATE.tables if table not in absent))
        figures = tuple(figure for figure in DRAW.figures if figure not in absent)
        steps = (SCORE, tabulate, *((COST,) if self.models else ()))
        return *steps, replace(DRAW, figures=(*figures, *(("curves",) if self.models else ())))

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            shown = {"differences": self.compared_with is not None, "curves": bool(self.models)}
            return {"systems": paths.table(), **{table: paths.table(table) for table, there in shown.items() if there}}
        if step == "cost":
            return self._training_files(artefacts)
        sampled = dict.fromkeys(system.sampling for system in self.systems.values())
        texts = {"samples": [samplings.file(sampling) for sampling in sampled]}
        pairs = {"pairs": datasets.file(self.dataset, self._prompts(artefacts).split)}
        return {**texts, **pairs, **({"scores": paths.scores} if step == "tabulate" else {})}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            baselines = [names.baseline_label(baseline, self.lead) for baseline in self.baselines]
            return {"metrics": self.metrics[: names.DRAWN], "baselines": baselines}
        if step == "cost":
            return {"name": paths.name, **self._training_settings(artefacts)}
        of_row = self.model_dump(include={"dataset", "systems", "baselines", "lead", "metrics", "compared_with", "language"})
        settings = {"name": paths.name, "split": self._prompts(artefacts).split, "order": list(self.systems), **of_row}
        return {**settings, **({"examples": self.examples} if step == "tabulate" else {})}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        """Refuse systems that wrote for other sources than the data set's, or for others than the first system did."""
        first = next(iter(self.systems))
        for name, system in self.systems.items():
            key, sampling = f"{paths.key}.systems.{name}", artefacts.samplings[system.sampling].settings
            if system.method not in sampling.methods:
                known = ", ".join(sampling.methods)
                raise UserError(f"{key}.method: expected a method of {system.sampling} ({known}), found {system.method!r}")
            prompts = sampling.prompts
            if not isinstance(prompts, DatasetPrompts) or prompts.dataset != self.dataset:
                raise UserError(
                    f"{key}.sampling: expected a sampling of the sources of {self.dataset}, found {system.sampling}"
                )
            if prompts != self._prompts(artefacts):
                raise UserError(
                    f"{key}.sampling: expected the same sources as those of {first}, {_sources(self._prompts(artefacts))}, "
                    f"found {_sources(prompts)}"
                )
            if sampling.methods[system.method].do_sample and sampling.number > 1:
                raise UserError(f"{key}.sampling: expected one text for each source, found {sampling.number}")
        for declaration in self.models.values():
            check_seeds(declaration, paths, artefacts)

    def _prompts(self, artefacts: Artefacts) -> DatasetPrompts:
        """The sources that all systems wrote for: those of the first."""
        return artefacts.samplings[next(iter(self.systems.values())).sampling].settings.prompts

    def _members(self, artefacts: Artefacts) -> dict[str, tuple[str, Member]]:
        """The trained models by name, each with what tables call it."""
        return {
            name: (label, member)
            for label, declaration in self.models.items()
            for name, member in artefacts.family("models", declaration).items()
        }

    def _training_files(self, artefacts: Artefacts) -> Files:
        members = self._members(artefacts)
        weights = models.weights(artefacts, members)
        bases = [settings.base for _, member in members.values() if models.is_adapter(settings := member.settings)]
        return {
            "weights": [*weights, *(path for path in models.weights(artefacts, dict.fromkeys(bases)) if path not in weights)],
            "histories": models.made(members, "history.csv"),
            "speeds": models.made(members, "speed.csv"),
            "records": [f"{path}.provenance.json" for path in weights],
        }

    def _training_settings(self, artefacts: Artefacts) -> dict[str, Any]:
        shown = {}
        for name, (label, member) in self._members(artefacts).items():
            settings = member.settings
            adapter = models.is_adapter(settings)
            shown[name] = {"label": label, "seed": settings.seed, "trained": _trained(settings)}
            shown[name] |= {"base": settings.base} if adapter else {}
        return {"models": shown, "order": list(shown)}


def _trained(settings: Any) -> str:
    """What of a model was trained, in words."""
    adaptation = getattr(settings, "adaptation", None)
    if adaptation is None:
        return "all weights, from random ones"
    return {"full": "all weights", "prefix": "a prefix"}.get(adaptation.kind) or f"LoRA, rank {adaptation.rank}"


def _sources(prompts: DatasetPrompts) -> str:
    return f"{'all' if prompts.number is None else prompts.number} of {prompts.split}"


def _check_known(name: str, known: Iterable[str], noun: str, key: str = "") -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"
        raise ValueError(f"{key}{name!r} is not among the {noun}; {hint}")
