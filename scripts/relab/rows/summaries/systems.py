"""What is compared: the texts of each way of asking a model, and two baselines of the same articles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relab.errors import UserError
from relab.metrics.sentences import lead
from relab.rows.job import Job
from relab.rows.summaries.names import Spec
from relab.settings.samplings import Method
from relab.statistics import units_digest
from relab.texts.samples import Texts, read_samplings


@dataclass(frozen=True)
class System:
    """Texts about articles, all written in the same way; ``numbers`` are those of their articles."""

    experiment: str
    articles: Sequence[str]
    numbers: Sequence[int]
    texts: Sequence[str]
    sampling: str = ""  #: none for a baseline, which has no method either, and is cut by no limit
    method: Method | None = None
    cut: Sequence[bool] | None = None
    seed: int = 0

    @property
    def name(self) -> str:
        """The way of asking, or what the baseline is."""
        return self.experiment.partition("/")[2]

    @property
    def sources(self) -> list[str]:
        """The article of each text."""
        return [self.articles[number] for number in self.numbers]

    @property
    def data(self) -> str:
        """A digest of the articles: scores of others do not compare."""
        return units_digest(*self.articles)


def systems(job: Job, spec: Spec) -> list[System]:
    """The ways of asking in declared order, then the baselines.

    Raises:
        UserError: samplings of different articles.
    """
    samplings = read_samplings(job.files("samples"), spec.samplings)
    articles = samplings[0].prompts
    for sampled in samplings:
        if sampled.prompts != articles:
            raise UserError(f"--input samples: expected the same prompts in {samplings[0].sampling} and {sampled.sampling}")
    return [*(system for sampled in samplings for system in asked(sampled)), *baselines(spec, articles)]


def asked(sampled: Texts) -> Iterator[System]:
    """The texts of a sampling by method."""
    positions = {index: number for number, index in enumerate(dict.fromkeys(text.prompt_index for text in sampled.texts))}
    for method, texts in sampled.methods.items():
        yield System(
            f"{sampled.sampling}/{method}",
            sampled.prompts,
            [positions[text.prompt_index] for text in texts],
            [text.text for text in texts],
            sampled.sampling,
            texts[0].settings,
            [not text.ended for text in texts],
            sampled.seed,
        )


def baselines(spec: Spec, articles: Sequence[str]) -> Iterator[System]:
    """The first sentences of each article, and all of it."""
    beginnings = [lead(article, spec.lead) for article in articles]
    for name, texts in ((f"lead-{spec.lead}", beginnings), ("article", articles)):
        yield System(f"{spec.name}/{name}", articles, range(len(articles)), texts)
