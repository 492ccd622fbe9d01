"""The device of a network: a free CUDA card, else Apple's GPU, else the CPU."""

from __future__ import annotations

import ctypes
import fcntl
import os
import tempfile
import warnings
from pathlib import Path

_held = []  # open lock files of the cards that this process has taken; closing them would release the cards


def pick_device():
    """Choose the ``torch.device``: ``cuda``, then ``mps``, then ``cpu``.

    Snakemake's local executor does not say which of several cards a job may use: each process takes the first card whose lock
    file is free, or the least loaded one if all are taken. The processes of one training take the card of their number each.
    """
    import torch

    if torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
        return device
    if torch.cuda.is_available():
        return torch.device("cuda", _take_card(torch.cuda.device_count()))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def prepare_device(device, threads: int) -> None:
    """Set this process's threads, memory allocation and determinism.

    On a CPU the same settings, versions and threads give the same bits. On CUDA deterministic kernels are used where torch has
    them, which covers the current models.
    """
    import torch

    torch.set_num_threads(threads)
    if device.type == "cpu":
        _keep_freed_memory()
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first matrix is multiplied
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False
        warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation")


def device_name(device) -> str:
    """The device's name for records: ``cpu``, ``mps``, or ``cuda:`` and the card's name."""
    import torch

    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


def peak_gpu_memory(device) -> dict[str, int]:
    """The peak memory of a CUDA card in MiB, as an entry of a job's record; empty on other devices."""
    import torch

    return {"peak_gpu_memory_mib": torch.cuda.max_memory_allocated(device) // 2**20} if device.type == "cuda" else {}


def _take_card(count: int) -> int:
    if count == 1:
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(str(card) for card in range(count))).split(",")
    for index in range(count):
        path = Path(tempfile.gettempdir()) / f"relab-{os.getuid()}-card-{visible[index].strip().replace('/', '-')}.lock"
        handle = open(path, "w")  # noqa: SIM115 - held until the process ends
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            continue
        _held.append(handle)
        return index
    import torch

    return max(range(count), key=lambda card: torch.cuda.mem_get_info(card)[0])


def _keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next step.

    Otherwise it returns large blocks to the system and takes them again: some 4,000 page faults a step at width 128. Measured
    at 32 x 64 tokens, 4 layers, one thread: 5 to 9 % more tokens/s at width 128, 12 to 17 % at width 32.
    """
    trim_threshold, mmap_threshold = -1, -3
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(trim_threshold, 2**30)
    if not mallopt(mmap_threshold, 2**30):
        mallopt(mmap_threshold, 2**25)  # the most that an older glibc takes
