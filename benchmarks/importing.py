"""Time and memory of importing SmolLM2-135M from its GGUF file, and of loading what was imported.

The peer is Transformers' own way, which reads the GGUF file whenever the model is needed: `from_pretrained(gguf_file=…)`, in
float32. Each runs in a process of its own, in turn; seconds do not count the import of libraries, peak memory is the process's,
libraries included. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from common import emit, interleave

ASSET = Path(__file__).resolve().parents[1] / "results" / "assets" / "smollm2" / "model.gguf"


def importing(gguf: Path, directory: Path) -> tuple[float, int]:
    """Import: seconds and peak MiB."""
    from relab.published.model import import_model

    return measured(lambda: import_model([gguf], directory))


def loading(gguf: Path, directory: Path) -> tuple[float, int]:
    """Load what was imported, model and tokenizer."""
    import torch

    from relab.checkpoints import load_model, load_tokenizer

    return measured(lambda: touched(load_model(directory, torch.device("cpu")), load_tokenizer(directory)))


def transformers_way(gguf: Path, directory: Path) -> tuple[float, int]:
    """Load model and tokenizer from the GGUF file."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    names = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    return measured(
        lambda: touched(
            AutoModelForCausalLM.from_pretrained(**names, dtype=torch.float32), AutoTokenizer.from_pretrained(**names)
        )
    )


def touched(model, tokenizer) -> None:
    """Read every weight once: those of a mapped file are in memory only then."""
    assert len(tokenizer)
    for weight in model.parameters():
        weight.sum()


def measured(program) -> tuple[float, int]:
    """Seconds of a program and the peak memory of this process in MiB."""
    from relab.jobs import peak_memory

    start = time.perf_counter()
    program()
    return time.perf_counter() - start, peak_memory()


PROGRAMS = {"import": importing, "load": loading, "peer": transformers_way}


def alone(name: str, *paths: Path) -> tuple[float, int]:
    """Run one program in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(PROGRAMS[name], *paths).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=ASSET, metavar="FILE", help="the GGUF file (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="compute threads (default: 1)")
    parser.add_argument("--repeats", type=int, default=3, help="timed rounds (default: 3)")
    args = parser.parse_args()
    if not args.file.is_file():
        print(f"nothing measured: {args.file} is absent; fetch it with: snakemake --cores 1 results/assets/smollm2/model.gguf",
              file=sys.stderr)  # fmt: skip
        return
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        figures = interleave({name: lambda name=name: alone(name, args.file, Path(folder)) for name in PROGRAMS}, args.repeats)
    report(figures, args.repeats)


def report(figures: dict[str, list[tuple[float, int]]], repeats: int) -> None:
    """Emit seconds and peak memory of the import and of loading, each beside the peer's."""
    import torch
    import transformers

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    median = {name: [statistics.median(kind) for kind in zip(*found, strict=True)] for name, found in figures.items()}
    peer = f"from_pretrained(gguf_file=…) of transformers {transformers.__version__}"
    for index, (what, unit) in enumerate([("time", "s"), ("peak memory", "MiB")]):
        for name in ("import", "load"):
            value, other = median[name][index], median["peer"][index]
            more = {"peer": peer, "peer_value": float(other), "ratio_to": value / other, "repeats": repeats}
            emit("importing", f"{name} smollm2, {what}", value, unit, settings={"model": "SmolLM2-135M, Q4_1"}, **more)


if __name__ == "__main__":
    main()
