"""A model opened in several number formats, one after the other: size of its weights, speed, log-probabilities of targets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from pydantic import BaseModel
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from relab import json_lines, precision
from relab.checkpoints import load_model, load_tokenizer
from relab.datasets import storage
from relab.device import device_name, peak_gpu_memory, pick_device, prepare_device
from relab.encoded_sources import is_encoder_decoder, target_opening
from relab.errors import UserError
from relab.rows.job import Job
from relab.rows.quantised.names import Form, MeasureSpec
from relab.rows.quantised.sizes import bytes_in_memory, bytes_on_disk
from relab.sampling.prompts import target_behind
from relab.scoring import logprobs
from relab.settings.samplings import Method

#: Token ids of what a model reads and of the target behind it.
Pair = tuple[Sequence[int], Sequence[int]]


class Asked(BaseModel):
    """What a line of samples says of what the model read."""

    method: str
    prompt: str
    asked: str | None
    row: int
    settings: Method
    prompt_ids: list[int]


def measure(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``measure``."""
    spec = job.settings(MeasureSpec)
    device, directory = pick_device(), job.file("weights").parent
    prepare_device(device, spec.threads)
    prompts = [line for _, line in json_lines.read(job.file("samples"), Asked) if line.method == spec.method]
    if not prompts:
        raise UserError(f"{job.file('samples')}: expected texts by the method {spec.method}, found none")
    targets = storage.read(job.file("pairs"))["target"]
    forms, speeds = [], []
    for sampling in tqdm(spec.order, unit="form", disable=None):
        form, seconds, tokens = _measured(directory, device, sampling, spec.precisions[sampling], prompts, targets)
        forms.append(form)
        speeds.append({"sampling": sampling, "weights": form.weights, "tokens": tokens, "seconds": f"{seconds:.2f}"})
        speeds[-1] |= {"tokens_per_second": f"{tokens / seconds:.1f}", "device": device_name(device)}
    json_lines.write(job.outputs["forms"], forms)
    used = precision.joined(form.weights for form in forms)
    job.record |= {"device": device_name(device), "precision": used, **peak_gpu_memory(device)}
    return {"speed": pd.DataFrame(speeds)}


def _measured(
    directory: Path, device: torch.device, sampling: str, asked: str, prompts: Sequence[Asked], targets: Sequence[str]
) -> tuple[Form, float, int]:
    """A form of the model, the seconds that it took to score all targets, and the tokens that it read and scored."""
    model, tokenizer = load_model(directory, device, asked), load_tokenizer(directory)
    stored = bytes_on_disk(model)
    opening = target_opening(model) if is_encoder_decoder(model) else None
    pairs = [_pair(tokenizer, opening, prompt, targets[prompt.row]) for prompt in prompts]
    logprobs(model, pairs[:1])  # the first multiplication prepares the others
    start = time.perf_counter()
    scored = logprobs(model, pairs)
    seconds = time.perf_counter() - start
    form = Form(
        sampling=sampling,
        weights=precision.used(model),
        bytes_on_disk=stored,
        bytes_in_memory=bytes_in_memory(model),
        logprobs=[[round(value, 6) for value in values] for values in scored],
    )
    return form, seconds, sum(len(source) + len(target) for source, target in pairs)


def _pair(tokenizer: PreTrainedTokenizerBase, opening: list[int] | None, prompt: Asked, target: str) -> Pair:
    """What the model read, and the target without a token at its end.

    An encoder–decoder's target stands alone, without the tokens that every target starts from (``opening``).
    """
    if opening is not None:
        ids = tokenizer(text_target=target, verbose=False)["input_ids"]
        forced = opening[1:]
        ids = ids[len(forced) :] if ids[: len(forced)] == forced else ids
        return prompt.prompt_ids, ids[:-1] if ids[-1:] == [tokenizer.eos_token_id] else ids
    read = prompt.prompt if prompt.asked is None else prompt.asked
    return prompt.prompt_ids, target_behind(tokenizer, read, prompt.settings.chat, target, f"target {prompt.row}")
