"""Speed and memory of the training loop on a CPU, beside the lecture's loop and beside nanoGPT's model and loop.

Networks of the same sizes with the same dropout on random tokens, each loop in a process of its own with the same threads, in
turn; the ratio is the median over the rounds of ours to theirs. For each peer our network is as like its own as settings allow:

- the lecture's: ReLU, an output layer of its own, AdamW at a constant rate, no clipping. Ours has GPT-2's dropout of the
  embeddings and biases of the attention's projections too, which the lecture's lacks, and its output layer has no bias.
- nanoGPT's: GELU, a tied output layer, biases, AdamW with the same betas and weight decay, clipping to 1, warm-up and a cosine.
  The networks are the same, to the number of parameters; what differs is how they are computed.

`card.py` measures the same on a CUDA card. Prints one JSON line a figure.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from common import emit, interleave, loop_processes, median_ratio, parser, write_random_tokens

CORPUS = 1_000_000  # tokens; which ones they are makes no difference to speed


@dataclass(frozen=True)
class Settings:
    """What both loops of a comparison have in common; the sizes are those of the network and of a batch."""

    width: int
    batch: int = 32
    block: int = 64
    layers: int = 4
    heads: int = 4
    dropout: float = 0.2
    vocabulary: int = 80
    device: str = "cpu"
    threads: int = 1

    @property
    def name(self) -> str:
        dropout = f"dropout {self.dropout:g}" if self.dropout else "no dropout"
        return f"{self.batch} x {self.block}, width {self.width}, {dropout}"

    @property
    def sizes(self) -> dict[str, Any]:
        """Those of the network."""
        return {key: getattr(self, key) for key in ("vocabulary", "width", "layers", "heads", "block", "dropout")}


class Loop(NamedTuple):
    """A training loop that is set up.

    Attributes:
        step: takes a step.
        tokens: the number of tokens that are predicted in so many next steps.
    """

    step: Callable[[], object]
    tokens: Callable[[int], int]


def ours(
    settings: Settings, architecture: Mapping[str, Any], training: Mapping[str, Any], lengths: list[int] | None = None
) -> Loop:
    """The project's loop.

    Args:
        settings: what both loops have in common.
        architecture, training: the other settings of the model and of its training.
        lengths: the lengths of the corpus's documents, where whole documents are read.
    """
    import torch

    from relab import gpt
    from relab.device import prepare_device
    from relab.settings.models import Architecture, Training
    from relab.training.batches import Documents, RandomBlocks, RandomExamples
    from relab.training.loop import Trainer
    from relab.training.objectives.next_token import NextToken, TrainingData

    device = torch.device(settings.device)
    prepare_device(device, settings.threads)
    torch.manual_seed(0)
    sizes = {key: value for key, value in settings.sizes.items() if key != "vocabulary"}
    model = gpt.build(Architecture(**sizes, **architecture), settings.vocabulary).to(device)
    options = {"batch": settings.batch, "accumulation": 1, "seed": 0, "device": device}
    tokens = corpus(settings.vocabulary, lengths)
    if lengths is None:
        batches = RandomBlocks(tokens, block=settings.block, **options)
    else:
        batches = RandomExamples(Documents.from_tokens(tokens, settings.block), **options)
    objective = NextToken(TrainingData(batches, []))
    endless = {"steps": 10**9, "evaluation": {"every": 10**9, "blocks": 1}}
    trainer = Trainer(model, objective, Training(batch=settings.batch, **training, **endless), device=device)

    def predicted(steps: int) -> int:
        done = trainer.progress.step
        return sum(sum(objective.items(step)) for step in range(done, done + steps))

    return Loop(trainer.update, predicted)


def corpus(vocabulary: int, lengths: list[int] | None):
    """Documents of random tokens, memory-mapped as in a job."""
    from relab.tokens.store import Tokens

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.arrow"
        write_random_tokens(path, vocabulary, sum(lengths) if lengths else CORPUS, lengths=lengths)
        return Tokens(path)  # the file goes, what was mapped stays


def lecture(settings: Settings) -> Loop:
    """The lecture's loop."""
    import torch
    from lecture import Lecture, Training

    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    tokens = torch.randint(settings.vocabulary, (CORPUS,))
    model = Lecture(**settings.sizes).to(settings.device)
    loop = Training(model, tokens, settings.batch, settings.block, LEARNING_RATE)
    return Loop(loop.step, lambda steps: steps * settings.batch * settings.block)


def nanogpt(settings: Settings, compiled: bool = False) -> Loop:
    """nanoGPT's model and loop."""
    import numpy as np
    import torch
    from nanogpt import NanoGPT, Training

    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    folder = tempfile.TemporaryDirectory()  # every batch opens the file anew: it goes with the loop
    path = Path(folder.name) / "train.bin"
    np.random.default_rng(0).integers(settings.vocabulary, size=CORPUS, dtype=np.uint16).tofile(path)
    model = NanoGPT(**settings.sizes).to(settings.device)
    loop = Training(model, path, settings.batch, settings.block, compiled)
    loop.folder = folder
    return Loop(loop.step, lambda steps: steps * settings.batch * settings.block)


LEARNING_RATE = 5e-4
LECTURE, NANOGPT = "the lecture's loop", "nanoGPT's model and loop"
#: What of our settings makes our network and optimizer like each peer's.
ALIKE = {
    LECTURE: ({"activation": "relu", "tied": False}, {"learning_rate": LEARNING_RATE}),
    NANOGPT: (
        {"activation": "gelu", "tied": True},
        {
            "learning_rate": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.1, "clip": 1.0,
            "schedule": {"kind": "cosine", "warmup": 100, "minimum": 0.1},
        },
    ),
}  # fmt: skip
PEERS = {LECTURE: lecture, NANOGPT: nanogpt}


class Round(NamedTuple):
    """What a process answers for a number of steps."""

    tokens: int
    seconds: float


class Memory(NamedTuple):
    """What a process answers in the end, in MiB: its peak, and what that was before any step."""

    peak: int
    before: int


def serve(name: str, loops: Mapping[str, Callable[[], Loop]], connection) -> None:
    """Answer each number of steps with a :class:`Round`, and 0 with :class:`Memory`.

    Memory is that of the card, where a loop uses one, else the process's, the libraries that it has loaded included.
    """
    import time

    import torch

    from relab.jobs import peak_memory

    loop = loops[name]()
    cuda = torch.cuda.is_initialized()
    peak = (lambda: torch.cuda.max_memory_allocated() // 2**20) if cuda else peak_memory
    before = peak()
    while steps := connection.recv():
        tokens = loop.tokens(steps)
        if cuda:
            torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            loop.step()
        if cuda:
            torch.cuda.synchronize()
        connection.send(Round(tokens, time.perf_counter() - start))
    connection.send(Memory(peak(), before))


def measure(
    loops: Mapping[str, Callable[[], Loop]], repeats: int, steps: int | None = None, seconds: float = 1.0
) -> tuple[dict[str, list[float]], dict[str, Memory]]:
    """The tokens/s of loops in ``repeats`` rounds, in turn, and the memory that each takes.

    A round takes ``steps`` steps, by default as many as a loop takes in about so many ``seconds``.
    """
    with loop_processes(serve, list(loops), loops) as ask:

        def speed(name: str, number: int) -> float:
            tokens, taken = ask(name, number)
            return tokens / taken

        numbers = dict.fromkeys(loops, steps)
        for name in loops if steps is None else ():
            ask(name, 3)
            numbers[name] = max(1, int(3 * seconds / ask(name, 3).seconds))
        figures = interleave({name: partial(speed, name, numbers[name]) for name in loops}, repeats)
        return figures, {name: ask(name, 0) for name in loops}


def compare(settings: Settings, steps: int, repeats: int) -> None:
    """Emit tokens/s and memory of our loop beside each peer's, all loops in turn."""
    import torch

    loops: dict[str, Callable[[], Loop]] = {}
    for peer, program in PEERS.items():
        loops |= {f"ours for {peer}": partial(ours, settings, *ALIKE[peer]), peer: partial(program, settings)}
    figures, memory = measure(loops, repeats, steps)
    shared = {key: value for key, value in asdict(settings).items() if key not in ("device", "threads")}
    for peer in PEERS:
        mine = f"ours for {peer}"
        more = {"peer": f"{peer} on torch {torch.__version__}", "repeats": repeats}
        more["settings"] = {**shared, **ALIKE[peer][0], **ALIKE[peer][1]}
        value, peer_value = (statistics.median(figures[name]) for name in (mine, peer))
        ratio = median_ratio(figures[mine], figures[peer])
        emit("training", settings.name, value, "tokens/s", peer_value=peer_value, ratio_to=ratio, **more)
        for index, figure in enumerate(("peak memory", "memory before the first step")):
            value, peer_value = memory[mine][index], memory[peer][index]
            emit("training", f"{figure}, {settings.name}", value, "MiB", peer_value=peer_value, **more)


def main() -> None:
    args = parser(__doc__, repeats=15).parse_args()
    import torch
    import transformers  # noqa: F401 - so that its version stands in the figures

    torch.set_num_threads(args.threads)
    compare(Settings(width=128, threads=args.threads), 4, args.repeats)
    compare(Settings(width=128, dropout=0.0, threads=args.threads), 4, args.repeats)
    compare(Settings(width=32, threads=args.threads), 16, args.repeats)


if __name__ == "__main__":
    main()
