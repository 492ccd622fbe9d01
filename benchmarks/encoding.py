"""Speed and memory of encoding texts of varied length with a frozen encoder, from a part of a data set to a file of features.

Peers, in the same process and in turn with ours, on the same model, texts and limit of tokens: `SentenceTransformer.encode` of
sentence-transformers with mean pooling in its default batches of 32, and the plain loop of batches of 32 texts in their given
order. Ours also reads the texts from disk and writes three poolings; theirs make one, in memory. All texts differ, so that
encoding equal ones once is no part of the figures. Tokens are those of the texts, without padding. Peak memory is that of a
process that runs one program alone, libraries included. Prints one JSON line a figure.
"""

from __future__ import annotations

import functools
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import emit, in_new_process, interleave, parser, rate

RESULTS = Path("results")
MODEL = RESULTS / "models" / "minilm"
PLAYS = RESULTS / "assets" / "shakespeare_plays" / "plays.zip"
BATCH = 32


@dataclass(frozen=True)
class Task:
    """What all programs encode: a part of a data set and its columns, the model directory, tokens of a text and of a batch."""

    part: Path
    columns: tuple[str, ...]
    model: Path
    tokens: int
    batch_tokens: int | None
    threads: int

    def encoder(self):
        """The settings of ours."""
        from relab.settings.encoders import Encoder

        return Encoder(model="frozen", tokens=self.tokens, batch_tokens=self.batch_tokens)

    def texts(self) -> list[str]:
        from relab.datasets.storage import column_texts

        return [text for _, column in column_texts(self.part, self.columns) for text in column]


def ours(task: Task, folder: Path) -> Callable[[], Any]:
    """From part to file of features; returns the counts, the vectors stay in the file."""
    import torch

    from relab.checkpoints import load_encoder, load_tokenizer
    from relab.features.encode import encode_part

    model, tokenizer, encoder = load_encoder(task.model, torch.device("cpu")), load_tokenizer(task.model), task.encoder()
    return lambda: encode_part(task.part, task.columns, folder / "features.safetensors", model, tokenizer, encoder)


def sentence_transformers(task: Task, folder: Path) -> Callable[[], Any]:
    """The library's own way, which sorts texts by their characters; returns the mean vectors."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    body = Transformer(str(task.model), max_seq_length=task.tokens)
    whole = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), "mean")], device="cpu")
    texts = task.texts()
    return lambda: whole.encode(texts, batch_size=BATCH, show_progress_bar=False)


def naive(task: Task, folder: Path) -> Callable[[], Any]:
    """Batches in the given order, padded to their longest text; returns the mean vectors."""
    import torch

    from relab.checkpoints import load_encoder, load_tokenizer

    model, tokenizer, texts = load_encoder(task.model, torch.device("cpu")), load_tokenizer(task.model), task.texts()

    def program():
        means = []
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                batch = texts[start : start + BATCH]
                tokens = tokenizer(batch, padding=True, truncation=True, max_length=task.tokens, return_tensors="pt")
                weights = tokens["attention_mask"][:, :, None].float()
                means.append((model(**tokens).last_hidden_state * weights).sum(1) / weights.sum(1))
        return torch.cat(means).numpy()

    return program


PROGRAMS = {"ours": ours, "sentence-transformers": sentence_transformers, "naive": naive}


def peak(name: str, task: Task, folder: Path) -> int:
    """Peak MiB of this process after one run of a program."""
    import torch

    from relab.device import prepare_device
    from relab.jobs import peak_memory

    torch.set_num_threads(task.threads)
    if name == "ours":
        prepare_device(torch.device("cpu"), task.threads)  # as the job does: it keeps freed memory
    PROGRAMS[name](task, folder)()
    return peak_memory()


def speeches(path: Path, number: int, target: Path) -> None:
    """Write a part of different speeches of plays, spread evenly over them, in the order of the plays."""
    from relab.datasets.speeches import read_plays
    from relab.datasets.storage import CLASSIFICATION, write

    texts = list(dict.fromkeys(text for play in read_plays([path]).values() for scene in play for text in scene))
    chosen = [texts[index * len(texts) // number] for index in range(min(number, len(texts)))]
    write(target, [{"text": text, "label": ""} for text in chosen], CLASSIFICATION)


def main() -> None:
    cli = parser(__doc__, repeats=5)
    cli.add_argument("--model", type=Path, default=MODEL, metavar="FOLDER", help="model directory (default: %(default)s)")
    cli.add_argument(
        "--part", type=Path, metavar="FILE", help="a part of a data set (default: speeches of Shakespeare's plays)"
    )
    cli.add_argument("--columns", nargs="+", default=["text"], help="its columns of texts (default: text)")
    cli.add_argument("--texts", type=int, default=1000, help="speeches, without --part (default: 1000)")
    cli.add_argument("--tokens", type=int, default=128, help="tokens of a text at most (default: 128)")
    cli.add_argument("--batch-tokens", type=int, help="tokens of a batch of ours at most (default: the setting's)")
    args = cli.parse_args()
    needed = [args.model / "model.safetensors", args.part or PLAYS]
    if missing := [str(path) for path in needed if not path.is_file()]:
        print(f"nothing measured: {' and '.join(missing)} not found; make them with: snakemake --cores 1 {' '.join(missing)}",
              file=sys.stderr)  # fmt: skip
        return
    os.environ |= {"OMP_NUM_THREADS": str(args.threads), "TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part = args.part or folder / "speeches.parquet"
        if not args.part:
            speeches(PLAYS, args.texts, part)
        measure(Task(part, tuple(args.columns), args.model, args.tokens, args.batch_tokens, args.threads), folder, args.repeats)


def measure(task: Task, folder: Path, repeats: int) -> None:
    """Run the programs in turn, compare their vectors, and emit speed and memory beside each peer's."""
    import torch

    from relab.device import prepare_device

    memory = {name: in_new_process(peak, name, task, folder) for name in PROGRAMS}
    prepare_device(torch.device("cpu"), task.threads)
    results: dict[str, Any] = {}

    def kept(name: str, program: Callable[[], Any]) -> Callable[[], None]:
        return lambda: results.update({name: program()})

    speed = interleave({name: rate(kept(name, made(task, folder)), 1) for name, made in PROGRAMS.items()}, repeats)
    tokens = results["ours"]["tokens"]
    median = {name: tokens * statistics.median(figures) for name, figures in speed.items()}
    report = functools.partial(emit_beside, settings=settings(task, results["ours"]))
    for peer in list(PROGRAMS)[1:]:
        close = agreement(folder, task, results[peer])
        report(peer, "speed", median["ours"], median[peer], "tokens/s", repeats=repeats, agreement=close)
        report(peer, "peak memory", memory["ours"], memory[peer], "MiB")


def agreement(folder: Path, task: Task, theirs) -> dict[str, float]:
    """The largest difference of a number of two mean vectors, and the least cosine of two."""
    import numpy as np

    from relab.features.store import Features

    features = Features(folder / "features.safetensors")
    mine = np.concatenate([features.vectors(column, "mean") for column in task.columns])
    cosine = (mine * theirs).sum(1) / np.linalg.norm(mine, axis=1) / np.linalg.norm(theirs, axis=1)
    return {"largest difference": float(f"{np.abs(mine - theirs).max():.2g}"), "least cosine": round(float(cosine.min()), 6)}


def settings(task: Task, counts: dict[str, int]) -> dict[str, Any]:
    """What was encoded, for the record."""
    import torch

    from relab.features.encode import token_budget

    return {
        "model": task.model.name,
        "part": task.part.name,
        **counts,
        "tokens of a text at most": task.tokens,
        "batch_tokens": token_budget(task.encoder(), torch.device("cpu")),
        "batch of the peers": BATCH,
    }


def emit_beside(peer: str, figure: str, value: float, peer_value: float, unit: str, **more: Any) -> None:
    """Emit a figure beside a peer's."""
    import sentence_transformers
    import transformers

    names = {
        "sentence-transformers": f"SentenceTransformer.encode of sentence-transformers {sentence_transformers.__version__}",
        "naive": f"batches of {BATCH} in given order on transformers {transformers.__version__}",
    }
    figure = f"{more['settings']['texts']:,} texts, {figure}"
    emit("encoding", figure, float(value), unit, peer=names[peer], peer_value=float(peer_value), **more)


if __name__ == "__main__":
    main()
