"""Policies that learnt from preferences: what a reward model and a judge make of their texts, beside their reference's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from relab.artefacts import datasets, models, probes, reward_models, samplings
from relab.artefacts.kind import Artefacts, Files, Member
from relab.errors import UserError
from relab.rows.contract import MAIN, TRAIN, RowPaths, RowSettings, Step
from relab.rows.policies import names
from relab.settings.base import Int, Settings
from relab.settings.references import Family, Ref, of_kind
from relab.settings.samplings import DatasetPrompts, Decoding

MEASURED = "results/judgements/{chapter}/{name}.parquet"

MEASURE = Step(
    "measure",
    "Score the texts of policies and of humans by the reward model and the judge; and their KL divergence from the reference.",
    "measure.measure", files={"measured": MEASURED}, environment=TRAIN, network=True, memory=2500, memory_with_card=6000,
    minutes=120, seconds=10,
)  # fmt: skip
SCORE = Step(
    "score", "Score policies: rewards, verdicts, win rates, KL divergence, diversity, lengths.", "scores.score_policies",
    scores=True, memory=1500,
)  # fmt: skip
TABULATE = Step(
    "tabulate", "Write the tables of policies: their scores, differences, scorers, phrases, texts side by side.",
    "tables.tabulate", tables=(MAIN, "differences", "scorers", "phrases", "texts", "seeds"), memory=1500,
)  # fmt: skip
CURVES = Step(
    "curves", "Tabulate what the training of policies, of their reference and of the reward model measured by step.",
    "curves.tabulate", tables=("learning", "ppo_curves", "dpo_curves"),
)  # fmt: skip
DRAW = Step(
    "draw", "Draw rewards, verdicts and diversity against KL divergence, and the curves of training.", "figures.draw",
    figures=("tradeoff", "differences", "learning", "ppo_curves", "dpo_curves"),
)  # fmt: skip


class Judge(Settings):
    """What judges texts beside the reward model, and learnt from other data: a fitted classifier."""

    probe: Ref["probes", of_kind("a probe", "classifier")] = Field(
        description="The probe whose logistic regression on TF-IDF judges; none of the policies' prompts should be in its data "
        "set."
    )
    preferred: str = Field(description="The class of its data set that counts as preferred.")


class Row(RowSettings):
    """Policies that learnt from rewards (PPO) or from pairs (DPO), beside the model they started from and human answers."""

    TITLED: ClassVar[tuple[str, ...]] = ()  # the row itself says what its tables call systems

    kind: Literal["policies"]
    reference: Ref["samplings"] = Field(
        description="Texts of the model that all policies started from: one method, which draws from the whole distribution, "
        "for the prompts of a data set of preferences."
    )
    reference_name: str = Field("reference", description="What tables call it.", min_length=1)
    ppo: dict[str, Family["samplings"]] = Field(
        {},
        description="Texts of policies that learnt from rewards, by what tables call them; several samplings of a declaration "
        "are of models that differ in their seed alone.",
    )
    dpo: dict[str, Family["samplings"]] = Field({}, description="The same of policies that learnt from pairs of answers.")
    reward_model: Ref["reward_models"] = Field(description="The reward model that scores all texts.")
    judge: Judge | None = Field(None, description="What judges them, too. None: nothing does.")
    examples: Int = Field(8, description="Prompts whose texts are shown, evenly spread.", ge=1)

    @model_validator(mode="after")
    def _names_differ(self):
        labels = [self.reference_name, *names.HUMAN.values(), *self.ppo, *self.dpo]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise ValueError(f"expected a name for each system, found {twice!r} twice")
        if not self.ppo and not self.dpo:
            raise ValueError("expected policies, ppo or dpo, found none")
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        absent = {"ppo_curves" if not self.ppo else "", "dpo_curves" if not self.dpo else ""}
        curves = replace(CURVES, tables=tuple(table for table in CURVES.tables if table not in absent))
        return MEASURE, SCORE, TABULATE, curves, replace(DRAW, figures=tuple(f for f in DRAW.figures if f not in absent))

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            shown = [
                "seeds",
                "differences",
                "learning",
                *(["ppo_curves"] if self.ppo else []),
                *(["dpo_curves"] if self.dpo else []),
            ]
            return {table: paths.table(table) for table in shown}
        if step == "curves":
            return self._histories(artefacts)
        if step == "measure":
            return self._measured(artefacts)
        measured = {"measured": MEASURED.format(chapter=paths.chapter, name=paths.name)}
        return measured if step == "score" else {**measured, "scores": paths.scores}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {"judge": self.judge is not None}
        if step == "curves":
            trained = {name: artefacts.models[name].settings for name in self._policies(artefacts)}
            shown = {
                name: {"label": label, "kind": trained[name].kind, "seed": trained[name].seed}
                for name, label in self._policies(artefacts).items()
            }
            return {"models": shown, "order": list(shown)}
        settings = {
            "name": paths.name,
            "split": self._prompts(artefacts).split,
            "reference": self.reference_name,
            "systems": self._seeds(artefacts),
            "order": list(self._systems(artefacts)),
            "judge": self.judge is not None,
        }
        if step == "measure":
            preferred = {"preferred": self.judge.preferred} if self.judge else {}
            return {**settings, **preferred, "threads": artefacts.threads}
        return {**settings, **({"examples": self.examples} if step == "tabulate" else {})}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        """Refuse samplings that do not compare with the reference's, and a judge without the class that is preferred."""
        prompts = artefacts.samplings[self.reference].settings.prompts
        if not isinstance(prompts, DatasetPrompts) or artefacts.datasets[prompts.dataset].settings.kind != "preferences":
            raise UserError(
                f"{paths.key}.reference: expected a sampling for the prompts of a data set of preferences, found "
                f"{self.reference}"
            )
        for label, members in self._systems(artefacts).items():
            group = next((group for group in ("ppo", "dpo") if label in getattr(self, group)), "")
            key = f"{paths.key}.{group}.{label}" if group else f"{paths.key}.reference"
            self._check_system(key, group, members, artefacts)
        if self.judge:
            labels = artefacts.datasets[artefacts.probes[self.judge.probe].settings.dataset].settings.labels
            if self.judge.preferred not in labels.values():
                raise UserError(
                    f"{paths.key}.judge.preferred: expected a class of {self.judge.probe} ({', '.join(labels.values())}), "
                    f"found {self.judge.preferred!r}"
                )

    def _check_system(self, key: str, kind: str, members: dict[str, Member], artefacts: Artefacts) -> None:
        reference = artefacts.samplings[self.reference].settings
        trained = [artefacts.models[member.settings.model] for member in members.values()]
        for name, member in members.items():
            settings = member.settings
            if [method.decoding for method in settings.methods.values()] != [Decoding(do_sample=True)]:
                raise UserError(f"{key}: expected one method that draws from the whole distribution (do_sample), found {name}")
            if any(getattr(settings, field) != getattr(reference, field) for field in ("prompts", "length", "number", "stop")):
                raise UserError(f"{key}: expected prompts, length, number and stop of {self.reference}, found those of {name}")
            model = artefacts.models[settings.model].settings
            if kind and (model.kind != kind or reference.model not in models.bases(artefacts, settings.model)):
                raise UserError(
                    f"{key}: expected texts of a model of the kind {kind} that starts from {reference.model}, found those of "
                    f"{settings.model}"
                )
        alike = {(model.declaration, str({**model.varied, "seed": None})) for model in trained}
        if len(alike) > 1 or len({getattr(model.settings, "seed", 0) for model in trained}) < len(trained):
            raise UserError(f"{key}: expected texts of models that differ in their seed alone, found {', '.join(members)}")

    def _systems(self, artefacts: Artefacts) -> dict[str, dict[str, Member]]:
        """The samplings of each system by name, the reference first."""
        families = {label: artefacts.family("samplings", name) for label, name in {**self.ppo, **self.dpo}.items()}
        return {self.reference_name: {self.reference: artefacts.samplings[self.reference]}, **families}

    def _policies(self, artefacts: Artefacts) -> dict[str, str]:
        """The trained policies, each with what tables call its system."""
        systems = self._systems(artefacts)
        del systems[self.reference_name]
        return {member.settings.model: label for label, members in systems.items() for member in members.values()}

    def _seeds(self, artefacts: Artefacts) -> dict[str, dict[str, int]]:
        """The samplings of each system, each with the seed of its model."""

        def seed(sampling: Member) -> int:
            return getattr(artefacts.models[sampling.settings.model].settings, "seed", 0)

        systems = self._systems(artefacts)
        return {label: {name: seed(member) for name, member in members.items()} for label, members in systems.items()}

    def _prompts(self, artefacts: Artefacts) -> DatasetPrompts:
        return artefacts.samplings[self.reference].settings.prompts

    def _base(self, artefacts: Artefacts) -> str:
        """The model that all policies started from."""
        return artefacts.samplings[self.reference].settings.model

    def _measured(self, artefacts: Artefacts) -> Files:
        sampled = [name for members in self._systems(artefacts).values() for name in members]
        prompts, reward = self._prompts(artefacts), reward_models.files(self.reward_model)
        judge = {"judge": probes.file(self.judge.probe, "probes.skops")} if self.judge else {}
        return {
            "samples": [samplings.file(name) for name in sampled],
            "pairs": datasets.file(prompts.dataset, prompts.split),
            **models.files(artefacts, self._base(artefacts)),
            **{f"reward_{key}": path for key, path in reward.items()},
            **judge,
        }

    def _histories(self, artefacts: Artefacts) -> Files:
        """The histories of the policies; and of the reference and the reward model, where they were trained here."""
        base = self._base(artefacts)
        files: Files = {"histories": models.made(self._policies(artefacts), "history.csv")}
        if hasattr(artefacts.models[base].settings, "training"):
            files["reference"] = models.made([base], "history.csv")
        if hasattr(artefacts.reward_models[self.reward_model].settings, "training"):
            files["reward"] = reward_models.file(self.reward_model, "history.csv")
        return files
