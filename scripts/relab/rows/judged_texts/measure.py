"""The judge's job: all samplings and the held-out documents, in one stream of batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from tqdm import tqdm

from relab.checkpoints import load_model, load_tokenizer
from relab.device import describe, pick, prepare
from relab.judging.human import human_texts
from relab.judging.job import judgements
from relab.judging.names import HUMAN
from relab.judging.storage import write_judgements
from relab.rows.job import Job
from relab.sampling.texts import device_memory
from relab.settings.base import Int, Name, Settings
from relab.texts.samples import Texts, read_samplings


class Spec(Settings):
    """Settings of the job that has texts judged."""

    samplings: list[Name] = Field(description="The samplings whose texts are judged, in the order of tables.", min_length=1)
    human: Int | None = Field(
        None, description="Held-out documents that are judged beside them, cut to their lengths. Left out: none.", ge=1
    )
    threads: Int = Field(1, description="Compute threads.", ge=1)


def judge(job: Job) -> None:
    """The step ``measure``: a line a text with the judge's log-probability of each of its tokens (nats).

    The prompt is read but not counted; held-out documents have none.
    """
    spec = job.settings(Spec)
    samplings = read_samplings(job.files("samples"), spec.samplings)
    lengths = [len(text.text) for sampling in samplings for text in sampling.texts]
    texts = texts_to_judge(samplings, human_texts(job.file("human"), lengths, spec.human) if spec.human else [])
    device = pick()
    prepare(device, spec.threads)
    directory = job.file("weights").parent
    model, tokenizer = load_model(directory, device), load_tokenizer(directory)
    with tqdm(total=len(texts), unit="text", disable=None, mininterval=1) as bar:
        results = judgements(model, tokenizer, texts, bar.update)
    write_judgements(job.outputs["judgements"], results)
    job.record |= {"device": describe(device), **device_memory(device)}
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
