"""The measuring of texts: rewards, a judge's verdicts, and how far a policy is from the reference model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from relab.checkpoints import load_model, load_tokenizer
from relab.datasets import storage
from relab.device import device_name, peak_gpu_memory, pick_device, prepare_device
from relab.errors import UserError
from relab.parquet import write_parquet
from relab.precision import FLOAT32
from relab.probes.classifiers import open_model
from relab.probes.systems import LOGISTIC, TFIDF, classifier_system
from relab.rewards import RewardModel
from relab.rows.job import Job
from relab.rows.policies.names import HUMAN, JUDGE, REWARD, MeasureSpec
from relab.rows.policies.texts import SCHEMA
from relab.sampling.prompts import LanguageModel
from relab.scoring import logprobs
from relab.texts.samples import Text, Texts, read_samplings


class Scorers(NamedTuple):
    """What scores texts: the reference model with its tokenizer, the reward model, the judge's class with its pipeline."""

    reference: LanguageModel
    reward_model: RewardModel
    judge: Any | None
    preferred: str


def measure(job: Job) -> None:
    """The step ``measure``: a row for each text of each policy, and for each human answer to the same prompts.

    Raises:
        UserError: a judge without the class that is preferred, samples that are not of the prompts of the data set.
    """
    spec = job.settings(MeasureSpec)
    device = pick_device()
    prepare_device(device, spec.threads)
    scorers = open_scorers(job, spec, device)
    samplings = {texts.sampling: texts for texts in read_samplings(job.files("samples"), sampling_names(spec))}
    pairs = storage.read(job.file("pairs"))
    frames = [
        sampled_rows(system, seed, samplings[sampling], pairs, scorers, job.file("pairs"))
        for system in tqdm(spec.order, unit="system", disable=None)
        for sampling, seed in spec.systems[system].items()
    ]
    rows = list(dict.fromkeys(row for frame in frames for row in frame["row"]))
    frames += [human_rows(side, rows, pairs, scorers) for side in HUMAN]
    write_parquet(job.outputs["measured"], pd.concat(frames, ignore_index=True), SCHEMA)
    job.record |= {"device": device_name(device), **peak_gpu_memory(device)}
    print(f"{sum(map(len, frames)):,} texts, on {device}")


def sampling_names(spec: MeasureSpec) -> list[str]:
    """The samplings of all systems, in order."""
    return [sampling for system in spec.order for sampling in spec.systems[system]]


def open_scorers(job: Job, spec: MeasureSpec, device: torch.device) -> Scorers:
    """The models of the job's inputs, in float32.

    Raises:
        UserError: a file that is not what it should be, a judge without the preferred class.
    """
    directory = job.file("weights").parent
    reference = LanguageModel(load_model(directory, device, FLOAT32), load_tokenizer(directory))
    judge = open_model(job.file("judge"), classifier_system(TFIDF, LOGISTIC), 0) if spec.judge else None
    if judge is not None and spec.preferred not in judge.classes_:
        known = ", ".join(map(str, judge.classes_))
        raise UserError(f"{job.file('judge')}: expected a classifier with the class {spec.preferred!r}, found {known}")
    return Scorers(reference, RewardModel.load(job.file("reward_weights").parent, device), judge, spec.preferred)


def sampled_rows(
    system: str, seed: int, texts: Texts, pairs: Mapping[str, Sequence[str]], scorers: Scorers, path: Path
) -> pd.DataFrame:
    """The texts of one sampling: a row each.

    Raises:
        UserError: a text of another prompt than the data set has in its row.
    """
    sampled = texts.texts
    for text in sampled:
        if text.row is None or text.row >= len(pairs["prompt"]) or pairs["prompt"][text.row] != text.prompt:
            raise UserError(f"{path}: expected the prompt {text.prompt!r} of {texts.sampling} in row {text.row}")
    whole = [text.prompt + text.text for text in sampled]
    return pd.DataFrame(
        {
            "system": system,
            "seed": seed,
            "row": [text.row for text in sampled],
            "prompt": [text.prompt for text in sampled],
            "text": [text.text for text in sampled],
            "ended": [text.ended for text in sampled],
            "log_ratio": list(log_ratios(sampled, scorers.reference)),
            **scores(whole, scorers),
        }
    )


def log_ratios(texts: Sequence[Text], reference: LanguageModel) -> Iterator[float]:
    """How much more probable each text is under the policy that drew it than under the reference, in nats.

    Over texts drawn from the whole distribution their mean is the KL divergence of the policy from the reference.
    """
    asked = [reference.ask(text.prompt, text.settings.asking, f"row {text.row}", "methods").token_ids for text in texts]
    scored = logprobs(reference.model, [(prompt, text.token_ids) for prompt, text in zip(asked, texts, strict=True)])
    for text, reference_logprobs in zip(texts, scored, strict=True):
        yield sum(text.token_logprobs) - sum(reference_logprobs)


def human_rows(side: str, rows: Sequence[int], pairs: Mapping[str, Sequence[str]], scorers: Scorers) -> pd.DataFrame:
    """The answers of one side of the pairs, ``chosen`` or ``rejected``: a row each."""
    prompts, answers = ([pairs[column][row] for row in rows] for column in ("prompt", side))
    whole = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    about = {"system": HUMAN[side], "seed": 0, "row": rows, "prompt": prompts, "text": answers}
    return pd.DataFrame({**about, "ended": True, "log_ratio": np.nan, **scores(whole, scorers)})


def scores(texts: Sequence[str], scorers: Scorers) -> dict[str, np.ndarray]:
    """The reward of each text, and the judge's log-odds that it is of the preferred class, NaN where there is no judge."""
    return {REWARD: scorers.reward_model.score(texts).double().numpy(), JUDGE: _log_odds(texts, scorers)}


def _log_odds(texts: Sequence[str], scorers: Scorers) -> np.ndarray:
    if scorers.judge is None:
        return np.full(len(texts), np.nan)
    column = list(scorers.judge.classes_).index(scorers.preferred)
    log_probabilities = scorers.judge.predict_log_proba(list(texts))
    return log_probabilities[:, column] - np.logaddexp.reduce(np.delete(log_probabilities, column, axis=1), axis=1)
