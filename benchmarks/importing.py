"""Time and memory of importing SmolLM2-135M from its GGUF file, and of loading what was imported.

The peer is Transformers' own way, which reads the GGUF file whenever the model is needed: `from_pretrained(gguf_file=…)`, in
float32. Each runs in a process of its own, in turn; seconds do not count the import of libraries, peak memory is the process's,
libraries included. Prints one JSON line a figure.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from common import emit, in_new_process, interleave, parser

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


def main() -> None:
    cli = parser(__doc__, repeats=3)
    cli.add_argument("--file", type=Path, default=ASSET, metavar="FILE", help="the GGUF file (default: %(default)s)")
    args = cli.parse_args()
    if not args.file.is_file():
        print(f"nothing measured: {args.file} is absent; fetch it with: snakemake --cores 1 results/assets/smollm2/model.gguf",
              file=sys.stderr)  # fmt: skip
        return
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        programs = {name: partial(in_new_process, program, args.file, Path(folder)) for name, program in PROGRAMS.items()}
        figures = interleave(programs, args.repeats)
    report(figures, args.repeats)


def report(figures: dict[str, list[tuple[float, int]]], repeats: int) -> None:
    """Emit seconds and peak memory of the import and of loading, each beside the peer's."""
    import torch
    import transformers

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    median = {name: [statistics.median(kind) for kind in zip(*pairs, strict=True)] for name, pairs in figures.items()}
    peer = f"from_pretrained(gguf_file=…) of transformers {transformers.__version__}"
    for index, (figure, unit) in enumerate([("time", "s"), ("peak memory", "MiB")]):
        for name in ("import", "load"):
            more = {"peer": peer, "peer_value": float(median["peer"][index]), "settings": {"model": "SmolLM2-135M, Q4_1"}}
            emit("importing", f"{name} smollm2, {figure}", median[name][index], unit, repeats=repeats, **more)


if __name__ == "__main__":
    main()
