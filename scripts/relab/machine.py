"""GPUs and memory of this machine, found without loading a deep-learning library."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess


def gpu_count() -> int:
    """Number of GPUs that a network can run on: CUDA GPUs visible to this process, one for Apple's GPU, else none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return 0
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return 1
    if shutil.which("nvidia-smi") is None:
        return 0
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    listed = sum(line.startswith("GPU ") for line in listing.stdout.splitlines()) if listing.returncode == 0 else 0
    return min(listed, len(visible.split(","))) if visible else listed


def memory_mb() -> int:
    """Memory of this machine in MB, or of the control group or the job of Slurm that holds this process where that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        with open("/sys/fs/cgroup/memory.max") as handle:
            total = min(total, int(handle.read()))
    except (OSError, ValueError):
        pass  # no control group, or "max"
    of_job = int(os.environ.get("SLURM_MEM_PER_NODE") or 0) * 2**20  # 0 for all that the node has
    return min(total, of_job or total) // 10**6
