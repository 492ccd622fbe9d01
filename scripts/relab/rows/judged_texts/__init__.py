"""Texts that a language model judges: perplexities beside those of human texts, diversity, what a temperature does to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from relab.artefacts import corpora, models, samplings
from relab.artefacts.kind import Artefacts, Files
from relab.errors import UserError
from relab.judging.names import HUMAN
from relab.rows.contract import TRAIN, RowPaths, RowSettings, Step
from relab.rows.judged_texts.accounts import compared_settings
from relab.rows.judged_texts.names import ComparedSetting
from relab.settings import base
from relab.settings.base import Float, Int, Name, Settings, WeightPrecision
from relab.settings.references import LANGUAGE_MODEL, Ref
from relab.settings.samplings import Sampling


def _distinct_sources(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError(f"expected each once, found {', '.join(names)}")
    if HUMAN in names:
        raise ValueError(f"{HUMAN!r} is the name of the held-out documents, expected a sampling of another one")
    return names


Samplings = Annotated[list[Ref["samplings"]], AfterValidator(_distinct_sources)]


class Judge(Settings):
    """The model that judges texts, and what it judges beside them."""

    model: Ref["models", LANGUAGE_MODEL] = Field(description="The model that judges.")
    human: Int | None = Field(
        None, description="Held-out documents that are judged beside the texts, cut to their lengths. None: none.", ge=1
    )
    equal_tokens: Int = Field(description="Tokens of each text that perplexities at equal length are of.", ge=1)


class Temperature(Settings):
    """Three accounts of what a temperature does, compared at some settings: on distributions, and on judged texts."""

    samplings: Samplings = Field(
        description="The samplings, all of one model, among whose methods are the settings under each account.", min_length=1
    )
    methods: list[str] = Field(
        description="The settings: names of methods of those samplings, whose temperature and top_k are taken.", min_length=2
    )
    documents: Int = Field(description="Held-out documents whose beginnings are the contexts of distributions.", ge=1)
    characters: Int = Field(description="Characters of each that are read at most.", ge=1)


class ReportedPerplexity(Settings):
    """A perplexity that the write-up reports (its reported figures ``perplexities``)."""

    experiment: str = Field(description="Sampling and method: `sampling/method`.")
    value: Float = Field(description="The perplexity.", gt=0)
    model: Name | None = Field(None, description="The model that the sampling must be of for it to be shown. None: any.")


#: Where the judgements and the scores of distributions lie.
JUDGEMENTS = "results/judgements/{chapter}/{name}.jsonl"
DISTRIBUTIONS = "results/scores/{chapter}/{name}_distributions.parquet"


class Row(RowSettings):
    """Sampled texts judged by a language model, a method a row, beside held-out documents; how varied they are; examples."""

    kind: Literal["judged_texts"]
    samplings: Samplings = Field(description="The samplings whose methods are shown, judged and measured.", min_length=1)
    examples: list[Int] = Field([0, 1], description="Numbers of the texts of each method that are shown, from 0.", min_length=1)
    judge: Judge = Field(description="The judge.")
    corpus: Ref["corpora"] | None = Field(
        None,
        description="The corpus whose held-out documents are judged beside the texts, and whose training text these may be "
        "copied from. None: that of the first model among the samplings' that was trained here.",
    )
    temperature: Temperature | None = Field(None, description="A comparison of accounts of the temperature. None: none.")
    precision: WeightPrecision = "auto"

    @property
    def steps(self) -> tuple[Step, ...]:
        shown = ("grid", "diversity", "examples", *(("temperature", "accounts") if self.temperature else ()))
        tabulate = Step(
            "tabulate", "Write the tables of judged texts, and of accounts of the temperature.", "tables.tabulate", tables=shown
        )
        draw = Step(
            "draw",
            "Draw the perplexities of judged texts and how varied they are, and what a temperature changes.",
            "figures.draw",
            figures=("perplexities", *(("accounts",) if self.temperature else ())),
        )
        return (MEASURE, *([TRACE] if self.temperature else []), SCORE, tabulate, draw)

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        if step == "draw":
            drawn = ("grid", "diversity", *(("accounts",) if self.temperature else ()))
            return {table: paths.table(table) for table in drawn}
        corpus = corpora.files(self._corpus(artefacts))
        if step == "trace":
            sampled = artefacts.samplings[self.temperature.samplings[0]].settings.model
            return {**models.files(artefacts, sampled), "validation": corpus["validation"]}
        samples = {"samples": [samplings.file(name) for name in self._judged]}
        if step == "measure":
            human = {"human": corpus["validation"]} if self.judge.human else {}
            return {**models.files(artefacts, self.judge.model), **samples, **human}
        made = {"judgements": JUDGEMENTS, **({"distributions": DISTRIBUTIONS} if self.temperature else {})}
        read = {name: path.format(chapter=paths.chapter, name=paths.name) for name, path in made.items()}
        return {**samples, **read, **({"train": corpus["train"]} if step == "score" else {"scores": paths.scores})}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        if step == "draw":
            return {"human": self._shown(paths, artefacts)["titles"].get(HUMAN, "")}
        compared = self._settings(paths, artefacts)
        network = {"precision": self.precision, "threads": artefacts.threads}
        if step == "trace":
            read = {"documents": self.temperature.documents, "characters": self.temperature.characters}
            settings = [setting.model_dump(include={"temperature", "top_k"}, exclude_none=True) for setting in compared]
            return {**read, "settings": settings, **network}
        if step == "measure":
            human = {"human": self.judge.human} if self.judge.human else {}
            return {"samplings": self._judged, **human, **network}
        judge = {"judge": self.judge.model, "equal_tokens": self.judge.equal_tokens, "human": bool(self.judge.human)}
        settings = [setting.model_dump(exclude_none=True) for setting in compared]
        scored = {"samplings": self._judged, **judge, "settings": settings}
        return scored if step == "score" else {**scored, **self._shown(paths, artefacts)}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        if self._corpus(artefacts) is None:
            raise UserError(f"{paths.key}.corpus: this key is required, since none of its samplings is of a model trained here")
        compared = self.temperature.samplings if self.temperature else []
        sampled = sorted({artefacts.samplings[name].settings.model for name in compared})
        if len(sampled) > 1:
            names = ", ".join(sampled)
            raise UserError(f"{paths.key}.temperature.samplings: expected samplings of one model, found those of {names}")
        self._settings(paths, artefacts)
        texts = {name: _fewest_texts(artefacts.samplings[name].settings) for name in self.samplings}
        for source, number in {**texts, **({HUMAN: self.judge.human} if self.judge.human else {})}.items():
            if (highest := max(self.examples)) >= number:
                raise UserError(
                    f"{paths.key}.examples: expected numbers below {number}, of which {source} has texts, found {highest}"
                )

    @property
    def _judged(self) -> list[str]:
        """The samplings that are shown, and those of the comparison of accounts."""
        return list(dict.fromkeys([*self.samplings, *(self.temperature.samplings if self.temperature else [])]))

    def _corpus(self, artefacts: Artefacts) -> str | None:
        sampled = [artefacts.models[model].settings for model in self._models(artefacts).values()]
        return self.corpus or next((model.corpus for model in sampled if hasattr(model, "corpus")), None)

    def _models(self, artefacts: Artefacts) -> dict[str, str]:
        return {name: artefacts.samplings[name].settings.model for name in self._judged}

    def _settings(self, paths: RowPaths, artefacts: Artefacts) -> list[ComparedSetting]:
        if self.temperature is None:
            return []
        methods = {name: artefacts.samplings[name].settings.methods for name in self.temperature.samplings}
        reported = self._reported(paths, artefacts)
        return compared_settings(self.temperature.methods, methods, reported, f"{paths.key}.temperature")

    def _reported(self, paths: RowPaths, artefacts: Artefacts) -> dict[str, float]:
        """The perplexities that the write-up reports, by ``sampling/method``; none of another model than is sampled here."""
        sampled, values = self._models(artefacts), {}
        for name, raw in paths.reported.get("perplexities", {}).items():
            figure = base.check(ReportedPerplexity, raw, f"reported_figures.perplexities.{name}")
            if figure.model in (None, sampled.get(figure.experiment.partition("/")[0])):
                values[figure.experiment] = figure.value
        return values

    def _shown(self, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        sampled = self._models(artefacts)
        shown = [sampled[name] for name in self.samplings]
        titles = {name: sampled[name] if shown.count(sampled[name]) == 1 else name for name in self.samplings}
        return {
            "shown": self.samplings,
            "titles": {**titles, **({HUMAN: "people"} if self.judge.human else {})},
            "models": sampled,
            "reported": self._reported(paths, artefacts),
            "examples": self.examples,
        }


def _fewest_texts(settings: Sampling) -> int:
    """Texts of a prompt by the method of a sampling that has the fewest."""
    human = [1] if getattr(settings.prompts, "human", None) else []
    return min([settings.number if method.do_sample else 1 for method in settings.methods.values()] + human)


MEASURE = Step(
    "measure",
    "Have a language model judge sampled texts, and held-out documents of the same lengths.",
    "measure.judge",
    files={"judgements": JUDGEMENTS},
    environment=TRAIN,
    network=True,
    memory=2500,
    memory_with_card=6000,
    minutes=240,
    seconds=46,
)
TRACE = Step(
    "trace",
    "Look at the distributions that tokens are drawn by, under each account of the temperature.",
    "distributions.trace",
    files={"distributions": DISTRIBUTIONS},
    environment=TRAIN,
    network=True,
    memory=2000,
    memory_with_card=6000,
    minutes=60,
)
SCORE = Step(
    "score",
    "Score judged texts: perplexities, diversity, what is copied, accounts of the temperature.",
    "scores.score_texts",
    scores=True,
    memory=2000,
    minutes=120,
)
