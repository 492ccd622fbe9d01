"""The measured texts of a row, and how they are scored: by system and seed, prompt by prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from relab.errors import UserError
from relab.metrics.ngrams import ngrams
from relab.metrics.words import words
from relab.parquet import read_parquet
from relab.rows.policies.names import JUDGE, PHRASE, PREFERRED, REJECTED, REWARD, Spec
from relab.statistics import Measurement, units_digest

#: A text a row. ``reward`` is the reward model's number, ``judge`` the judge's log-odds, missing where there is no judge;
#: ``log_ratio`` in nats, missing for human texts.
SCHEMA = pa.schema(
    [
        *(("system", pa.string()), ("seed", pa.int64()), ("row", pa.int64()), ("prompt", pa.string()), ("text", pa.string())),
        *(("ended", pa.bool_()), ("log_ratio", pa.float64()), (REWARD, pa.float64()), (JUDGE, pa.float64())),
    ]
)

#: The unit of all scores: texts after the same prompt are alike.
PROMPT = "prompt"


@dataclass(frozen=True)
class SystemTexts:
    """The texts of one system with one seed, in the order of the prompts; rewards and verdicts are standardised.

    ``frame`` has the columns of :data:`SCHEMA`, and ``{scorer}_wins``: 1 where the text gets more than the reference's of the
    same prompt, half where it gets as much.
    """

    frame: pd.DataFrame

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of each text with its prompt."""
        return [words(prompt + text) for prompt, text in zip(self.frame["prompt"], self.frame["text"], strict=True)]

    @cached_property
    def items(self) -> str:
        """A digest of the prompts."""
        return units_digest("prompts", list(self.frame["row"]), list(self.frame["prompt"]))

    def mean(self, values: Sequence[float], scale: str = "mean") -> Measurement:
        """The mean of a value a text, prompt by prompt."""
        return Measurement.of_groups(values, self.frame["prompt"], PROMPT, self.items, scale)

    def phrases(self) -> Counter[tuple[str, ...]]:
        """In how many texts each phrase stands, in the order in which they first stand."""
        return Counter(phrase for text in self.words for phrase in dict.fromkeys(ngrams(text, PHRASE)))

    def with_phrase(self, phrase: tuple[str, ...]) -> Measurement:
        """The share of texts in which a phrase stands."""
        return self.mean([phrase in ngrams(text, PHRASE) for text in self.words], "share")

    def distinct_two(self) -> Measurement:
        """Distinct-2 (Li et al. 2016): different pairs of words divided by all pairs, over all texts together.

        It falls with the number of texts, so that only systems with as many texts compare. The interval is the jackknife's
        over prompts.
        """
        prompts, index = np.unique(self.frame["prompt"], return_inverse=True)
        pairs: dict[tuple[str, ...], int] = {}
        counted = [(prompt, pairs.setdefault(pair, len(pairs))) for prompt, text in zip(index, self.words, strict=True)
                   for pair in ngrams(text, 2)]  # fmt: skip
        table = np.zeros((len(prompts), max(len(pairs), 1)))
        np.add.at(table, tuple(np.array(counted, dtype=int).reshape(-1, 2).T), 1)
        return Measurement.of_totals(table, _distinct, PROMPT, self.items, "share")


def _distinct(totals: np.ndarray) -> float:
    return float((totals > 0).sum() / totals.sum()) if totals.sum() else float("nan")


#: The texts of each system by seed, human answers among them.
Systems = Mapping[str, Mapping[int, SystemTexts]]


def read_systems(path: Path, spec: Spec) -> Systems:
    """The texts of all systems, policies in order and human answers after them.

    Raises:
        UserError: no texts of a system or of one of its seeds.
    """
    frame = read_parquet(path, SCHEMA, "measured texts")
    frame = frame.sort_values(["row"], kind="stable")
    reference = frame[frame["system"] == spec.reference]
    if reference.empty:
        raise UserError(f"{path}: expected texts of {spec.reference}, found none")
    frame = _standardised(frame, reference, spec.scorers)
    seeds = {**{system: list(spec.systems[system].values()) for system in spec.order}, PREFERRED: [0], REJECTED: [0]}
    systems = {system: {seed: _texts(path, frame, system, seed) for seed in seeds[system]} for system in seeds}
    base = next(iter(systems[spec.reference].values()))
    return {
        system: {seed: _with_wins(texts, base, spec.scorers) for seed, texts in of_system.items()}
        for system, of_system in systems.items()
    }


def _standardised(frame: pd.DataFrame, reference: pd.DataFrame, scorers: Sequence[str]) -> pd.DataFrame:
    """Rewards and verdicts in standard deviations of the reference's texts, whose mean is 0; NaN where these are all alike.

    ``judged_preferred`` is whether a judge finds the preferred class likelier than not.
    """
    deviations = reference[list(scorers)].std().replace(0, np.nan)
    scaled = {scorer: (frame[scorer] - reference[scorer].mean()) / deviations[scorer] for scorer in scorers}
    return frame.assign(**scaled, judged_preferred=(frame[JUDGE] > 0).astype(float))


def _texts(path: Path, frame: pd.DataFrame, system: str, seed: int) -> SystemTexts:
    chosen = frame[(frame["system"] == system) & (frame["seed"] == seed)]
    if chosen.empty:
        raise UserError(f"{path}: expected texts of {system} with the seed {seed}, found none")
    return SystemTexts(chosen.reset_index(drop=True))


def _with_wins(texts: SystemTexts, reference: SystemTexts, scorers: Sequence[str]) -> SystemTexts:
    """The texts beside the reference's of the same rows; several texts of a row are paired in their order."""
    frames = [frame.assign(draw=frame.groupby("row").cumcount()) for frame in (texts.frame, reference.frame)]
    beside = frames[0].merge(frames[1], on=["row", "draw"], how="left", suffixes=("", " of the reference"))
    frame = texts.frame
    for scorer in scorers:
        margins = (beside[scorer] - beside[f"{scorer} of the reference"]).to_numpy()
        frame = frame.assign(**{f"{scorer}_wins": (np.sign(margins) + 1) / 2})  # NaN where there is none beside it
    return SystemTexts(frame)
