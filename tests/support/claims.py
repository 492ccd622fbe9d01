"""The claims, made scores for them, and the verdict on these."""

from pathlib import Path

import numpy as np
import pandas as pd

from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.scores import SCHEMA, score, with_summary
from relab.settings import claims as settings
from relab.settings.claims import Claim, Measure, claims_of
from relab.settings.writeups import load
from relab.statistics import Measurement

ROOT = Path(__file__).resolve().parents[2]
WRITEUPS = ROOT / "config" / "writeups"
CLAIMS = claims_of(WRITEUPS, load(WRITEUPS), {}, [chapter.key for chapter in load(WRITEUPS).chapters])


def metric(measure: Measure) -> str:
    step = {"first": 1, "last": 3}.get(measure.step, measure.step)
    return measure.metric if step is None else f"{measure.metric} at step {step}"


#: Units of every made score.
ITEMS = 16


def rows(
    measure: Measure, mean: float, noise: float = 0.0, rest: str = "", spread: float = 0.0, seeds: int = 2, random=None
) -> list[dict]:
    """Scores of two seeds with this mean, from which seeds lie ``spread`` apart and units ``noise``, whatever is drawn."""
    experiment = measure.experiment + rest
    random = random or np.random.default_rng([len(experiment), *experiment.encode()])
    seed_values, units = (_scattered(random, number) for number in (seeds, ITEMS))
    return [
        score(
            experiment, seed, measure.split, metric(measure),
            Measurement.of(mean + spread * seed_values[seed] + noise * units, "prompt", f"of {experiment}"),
        )
        for seed in range(seeds)
    ]  # fmt: skip


def _scattered(random, number: int) -> np.ndarray:
    """Drawn numbers of the mean 0 and the standard deviation 1; of one number, 0."""
    values = random.normal(size=number)
    return (values - values.mean()) / (values.std(ddof=1) if number > 1 else 1.0)


def series(measure: Measure, values: dict[int, float]) -> list[dict]:
    return [row for step, value in values.items() for row in rows(measure.model_copy(update={"step": step}), value)]


def fitting(claim: Claim) -> dict[str, list]:
    """Settings with which a claim is comparable."""
    values: dict[str, list] = {}
    for condition in sorted(claim.comparable, key=lambda one: one.includes is not None):  # what is included decides last
        values[condition.setting] = (
            condition.includes
            or condition.exactly
            or (condition.one_of and condition.one_of[:1])
            or (condition.several and list(range(condition.several)))
            or [condition.at_least]
        )
    return values


def breaking(condition: settings.Predicate) -> list:
    if condition.several:
        return [1] * condition.several
    return [condition.at_least - 1] if condition.at_least is not None else ["something else"]


def verdict(claim: Claim, given: list[dict], values: dict[str, list] | None = None, name: str = "it") -> dict[str, str]:
    frame = pd.DataFrame(with_summary(given), columns=SCHEMA.names)
    scores = {claim.writeup: Scores(frame)}
    return ledger({name: claim}, fitting(claim) if values is None else values, scores).iloc[0].to_dict()


LESS = Claim.model_validate(
    {
        "row": "A1", "writeup": "char_gpt", "says": "less", "source": "here",
        "comparison": {
            "kind": "less", "margin": 0.1,
            "lower": {"experiment": "c/width 128", "metric": "loss"}, "higher": {"experiment": "c/width 32", "metric": "loss"},
        },
    }
)  # fmt: skip
