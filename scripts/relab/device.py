"""Where a network runs: a free CUDA card, else Apple's GPU, else the CPU."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

_held = []  # open lock files of the cards this process has taken; closing them would give the cards back


def pick():
    """Return the ``torch.device`` to use: ``cuda``, then ``mps``, then ``cpu``.

    On a machine with several cards that Snakemake's local executor shares out without saying which, each process takes
    the first card whose lock file is free, and the least loaded one where all are taken.
    """
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda", _free_card(torch.cuda.device_count()))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def describe(device) -> str:
    """The device as people call it, for the record."""
    import torch

    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


def _free_card(count: int) -> int:
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
