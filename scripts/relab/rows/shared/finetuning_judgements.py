"""Log-probabilities of given texts, token by token, under finetuned models and their base."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tqdm import tqdm

from relab import precision
from relab.checkpoints import load_model, load_tokenizer
from relab.device import device_name, peak_gpu_memory, pick_device, prepare_device
from relab.judging.job import judgements
from relab.judging.storage import Judgement, write_judgements
from relab.rows.job import Job
from relab.rows.shared.finetuning_names import MeasureSpec


def numbered(texts: Iterable[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Texts as judgements have them, from triples of split, prompt and text; those of a split are numbered 0, 1, …."""
    numbers: dict[str, int] = {}
    rows = []
    for split, prompt, text in texts:
        index = numbers[split] = numbers.get(split, -1) + 1
        rows.append({"method": split, "prompt": prompt, "prompt_index": 0, "index": index, "text": text})
    return rows


def measure_texts(job: Job, spec: MeasureSpec, texts: Sequence[dict[str, Any]]) -> None:
    """Write the output ``judgements``: a JSON line for each model and text, with the natural logarithm of the probability that
    the model gives to each of the text's tokens. A prompt is read before the text and not counted.
    """
    weights = job.by_name("weights", spec.models)
    device = pick_device()
    prepare_device(device, spec.threads)
    judged: list[Judgement] = []
    precisions: list[str] = []
    with tqdm(total=len(texts) * len(spec.models), unit="text", disable=None, mininterval=1) as bar:
        for name in spec.models:
            folder = weights[name].parent
            model, tokenizer = load_model(folder, device, spec.precision), load_tokenizer(folder)
            precisions.append(precision.used(model))
            judged += judgements(model, tokenizer, [{"source": name, **text} for text in texts], bar.update)
            del model
    write_judgements(job.outputs["judgements"], judged)
    job.record |= {"device": device_name(device), "precision": precision.joined(precisions), **peak_gpu_memory(device)}
    print(f"{len(judged)} texts, {sum(text.tokens for text in judged):,} tokens, on {device}")
