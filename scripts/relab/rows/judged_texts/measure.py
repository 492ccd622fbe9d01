"""The judge's job: all samplings and the held-out documents, in one stream of batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from relab import precision
from relab.checkpoints import load_model, load_tokenizer
from relab.device import device_name, peak_gpu_memory, pick_device, prepare_device
from relab.judging.human import human_texts
from relab.judging.job import judgements
from relab.judging.names import HUMAN
from relab.judging.storage import write_judgements
from relab.rows.job import Job
from relab.texts.samples import Texts, read_samplings


def judge(job: Job) -> None:
    """The step ``measure``: a line a text with the judge's log-probability of each of its tokens (nats).

    The prompt is read but not counted; held-out documents have none.
    """
    samplings, human = read_samplings(job.files("samples"), job.spec["samplings"]), job.spec.get("human")
    lengths = [len(text.text) for sampling in samplings for text in sampling.texts]
    texts = texts_to_judge(samplings, human_texts(job.file("human"), lengths, human) if human else [])
    device = pick_device()
    prepare_device(device, job.spec["threads"])
    directory = job.file("weights").parent
    model, tokenizer = load_model(directory, device, job.spec["precision"]), load_tokenizer(directory)
    with tqdm(total=len(texts), unit="text", disable=None, mininterval=1) as bar:
        results = judgements(model, tokenizer, texts, bar.update)
    write_judgements(job.outputs["judgements"], results)
    job.record |= {"device": device_name(device), "precision": precision.used(model), **peak_gpu_memory(device)}
    print(f"{len(results)} texts, {sum(result.tokens for result in results):,} tokens, on {device}")


def texts_to_judge(samplings: Sequence[Texts], human: Sequence[str]) -> list[dict[str, Any]]:
    """The texts of each sampling by method, in declared order, then those that humans wrote."""
    keys = ("method", "prompt", "prompt_index", "index", "text")
    sampled = [
        {"source": sampling.sampling, **{key: getattr(text, key) for key in keys}}
        for sampling in samplings
        for texts in sampling.methods.values()
        for text in texts
    ]
    document = {"source": HUMAN, "method": HUMAN, "prompt": "", "prompt_index": 0}
    return sampled + [{**document, "index": index, "text": text} for index, text in enumerate(human)]
