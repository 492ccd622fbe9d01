"""Rows of models that were trained on from one base: their settings, the files and settings of their jobs, their checks."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from relab.artefacts import corpora, models
from relab.artefacts.kind import Artefacts, Files, Member
from relab.errors import UserError
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.rows.shared.trained import check_seeds
from relab.settings.base import WeightPrecision, spec
from relab.settings.references import FINETUNED, Family

#: Log-probabilities of the tokens of given texts under the models of a row: the output ``judgements``.
JUDGEMENTS = "results/judgements/{chapter}/{name}.jsonl"

MEASURE = Step(
    "measure", "Have finetuned models and their base give the log-probability of each token of given texts.",
    "measure.measure", files={"judgements": JUDGEMENTS}, environment=TRAIN, network=True, memory=3000, memory_with_card=6000,
    minutes=240, seconds=9,
)  # fmt: skip
SCORE = Step(
    "score", "Score finetuned models beside their base: losses, given texts, what is stored.", "scores.score_models",
    scores=True, memory=2000, minutes=60,
)  # fmt: skip
TABULATE = Step(
    "tabulate",
    "Write the tables of finetuned models beside their base: their measures, their texts, their losses on the way.",
    "tables.tabulate", tables=(MAIN, "texts", "curve"),
)  # fmt: skip
DRAW = Step("draw", "Draw the losses of finetuned models against the tokens that they read.", "figures.draw", figures=("loss",))


class FinetunedRow(RowSettings):
    """Models that were trained on from one base on one corpus, beside that base."""

    models: list[Family["models", FINETUNED]] = Field(  # noqa: UP037 - the name of a kind of artefacts, no type
        description="The models, each a declaration whose members differ in their seed alone; all of one base and one corpus.",
        min_length=1,
    )
    precision: WeightPrecision = "auto"

    def members(self, artefacts: Artefacts) -> dict[str, Member]:
        """The models by name, in declared order."""
        families = [artefacts.family("models", declaration) for declaration in self.models]
        return {name: member for family in families for name, member in family.items()}

    def base(self, artefacts: Artefacts) -> str:
        """The model that they start from."""
        return next(iter(self.members(artefacts).values())).settings.base

    def corpus(self, artefacts: Artefacts) -> str:
        """The corpus that they are trained on."""
        return next(iter(self.members(artefacts).values())).settings.corpus

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        names, texts = list(self.members(artefacts)), corpora.files(self.corpus(artefacts))
        with_base = [self.base(artefacts), *names]
        weights = models.weights(artefacts, with_base)
        if step == "measure":
            opened = [path for name in with_base for path in models.files(artefacts, name).values()]
            return {"weights": weights, "model_files": [path for path in dict.fromkeys(opened) if path not in weights], **texts}
        judgements = {"judgements": JUDGEMENTS.format(chapter=paths.chapter, name=paths.name)}
        histories = {"histories": models.made(names, "history.csv")}
        if step == "score":
            losses = {"losses": models.made(names, "losses.parquet")}
            return {**histories, **losses, "weights": weights, **judgements, **texts}
        if step == "tabulate":
            return {"scores": paths.scores, **judgements, **histories}
        return {"curve": paths.table("curve")}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        members, base = self.members(artefacts), self.base(artefacts)
        if step == "measure":
            return {"models": [base, *members], "precision": self.precision, "threads": artefacts.threads}
        if step == "draw":
            return {}
        shown = {}
        for name, member in members.items():
            adaptation = spec(member.settings.adaptation)
            shown[name] = {"experiment": member.declaration, "seed": member.settings.seed, "adaptation": adaptation}
        base_kind = artefacts.models[base].settings.kind
        return {"name": paths.name, "base": base, "base_kind": base_kind, "models": shown, "order": list(members)}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        """Refuse models that do not compare: of several bases or corpora, or chosen by the text that they are scored on."""
        for declaration in self.models:
            check_seeds(declaration, paths, artefacts)
        members = self.members(artefacts)
        for key in ("base", "corpus"):
            if len(names := sorted({getattr(member.settings, key) for member in members.values()})) > 1:
                raise UserError(f"{paths.key}.models: expected models of one {key}, found {', '.join(names)}")
        for name, member in members.items():
            if chosen := member.settings.training.chosen_by_validation:
                raise UserError(f"models.{name}.training.{chosen}, since {paths.key} scores the validation split")
