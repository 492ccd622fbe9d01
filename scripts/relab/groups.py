"""Which jobs a cluster gets as one: each start of one takes seconds, of Slurm, of Snakemake and of the libraries."""

from __future__ import annotations

from collections import defaultdict

from relab.artefacts import samplings
from relab.settings.config import Resolved


def corpus_group(resolved: Resolved, corpus: str | None = None, tokenizer: str | None = None) -> str | None:
    """The group of the jobs from a corpus to its token ids; None for a tokenizer that is not trained on it, or on no corpus."""
    declared = resolved.artefacts.tokenizers.get(tokenizer)
    trained_on = getattr(declared.settings, "corpus", None) if declared else corpus
    return f"corpus_{trained_on}" if trained_on and corpus in (None, trained_on) else None


def row_group(row: str) -> str:
    """The group of the steps of a row."""
    return f"row_{row}"


def sampling_group(resolved: Resolved, sampling: str) -> str | None:
    """The group of the row that alone reads a sampling, and no other one; else None: of several, each would wait for all."""
    read: dict[str, set[str]] = defaultdict(set)
    sampled = {samplings.file(name) for name in resolved.artefacts.samplings}
    for row, step in resolved.steps:
        for paths in row.settings.inputs(step.name, row.paths, resolved.artefacts).values():
            read[row.paths.name] |= sampled.intersection([paths] if isinstance(paths, str) else paths)
    file = samplings.file(sampling)
    readers = [row for row, files in read.items() if file in files]
    return row_group(readers[0]) if len(readers) == 1 and read[readers[0]] == {file} else None


def keep_finished_jobs() -> None:
    """Let what a job has finished stay when another one of its group fails: Snakemake removes what all of them have made.

    The Snakemake that runs a group takes the marks of being incomplete from the files of each job that ends; without a shared
    disk, where nobody sees that, all are removed as before.
    """
    from snakemake.jobs import Job

    postprocess = Job.postprocess

    async def stay(skip_outputs: object) -> None:
        pass

    async def keep_if_finished(job: Job, *words: object, error: bool = False, **options: object) -> None:
        job.__dict__.pop("cleanup", None)  # of an earlier attempt
        if error and not await job.dag.workflow.persistence.incomplete(job):
            job.cleanup = stay
        await postprocess(job, *words, error=error, **options)

    Job.postprocess = keep_if_finished
