"""The memory that training a model takes, measured beside what is computed for it.

Two steps of AdamW on random tokens; nothing of what they learn is kept. The figure varies a little from run to run.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import psutil
import torch

from relab.architectures import load_configuration
from relab.checkpoints import load_model
from relab.device import device_name, pick_device
from relab.jobs import peak_memory
from relab.rows.job import Job
from relab.rows.model_memory.memory import Batch, Bytes, gigabytes, next_token_loss, training_memory

#: Steps that a measurement trains; the first one makes AdamW's moments.
STEPS = 2


def measure(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``measure``."""
    batch, directory = Batch(job.spec["batch"], job.spec["tokens"]), job.file("config").parent
    device = pick_device()
    if device.type != "cuda":  # no other device tells its peak
        device = torch.device("cpu")
    job.record["device"] = device_name(device)
    memory = training_memory(load_configuration(directory), str(directory), batch)
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        peak = alone.submit(peak_training_memory, directory, device, batch, job.spec["threads"]).result()
    return {"measured_memory": measured_table(directory.name, device_name(device), memory, peak, batch)}


def peak_training_memory(directory: Path, device: torch.device, batch: Batch, threads: int) -> int:
    """Peak memory in bytes of training the model of a folder for two steps of AdamW on random tokens, its loading included.

    On CUDA the memory that torch allocated; elsewhere the peak of the process's resident memory above what it holds now, so
    that what came before must not have been larger: measure in a process of its own.
    """
    torch.set_num_threads(threads)  # and not relab.device.prepare, which keeps freed memory
    before = psutil.Process().memory_info().rss
    model = load_model(directory, device).float()
    model.set_attn_implementation("eager")  # as computed
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    token_ids = torch.randint(model.config.vocab_size, (batch.batch, batch.tokens), generator=generator).to(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(STEPS):
        next_token_loss(model, token_ids).backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory() * 2**20 - before


def measured_table(name: str, device: str, memory: Bytes, peak: int, batch: Batch) -> pd.DataFrame:
    """One row: the columns of the computed memory for the model at hand, then ``measured`` in GB, and the ``device``."""
    return pd.DataFrame([{"name": name, **memory.cells(batch), "measured": gigabytes(peak), "device": device}])
