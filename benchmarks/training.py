"""Speed and memory of the training loop, beside a plain loop in the lecture's manner.

Same model size, same dropout, same batches; each loop in a process of its own with the same threads, in turn. Our model has
GPT-2's dropout of the embeddings too, which the lecture's lacks. The ratio is the median over the rounds of ours to theirs.
With a CUDA card the full scale's settings are measured as well. Prints one JSON line a figure.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from common import emit, interleave, loop_processes, median_ratio, parser, rate, write_random_tokens


@dataclass(frozen=True)
class Settings:
    width: int
    batch: int = 32
    block: int = 64
    layers: int = 4
    heads: int = 4
    dropout: float = 0.2
    vocabulary: int = 80

    @property
    def name(self) -> str:
        return f"{self.batch} x {self.block}, width {self.width}"


LEARNING_RATE = 5e-4
CORPUS = 1_000_000  # tokens; which ones they are makes no difference to speed


def ours(settings: Settings, threads: int) -> Callable[[], object]:
    """A step of the project's loop."""
    import torch

    from relab import gpt
    from relab.device import pick_device, prepare_device
    from relab.settings.models import Architecture, Training
    from relab.training.batches import RandomBlocks
    from relab.training.loop import Trainer, TrainingData

    device = pick_device()
    prepare_device(device, threads)
    torch.manual_seed(0)
    sizes = {key: getattr(settings, key) for key in ("width", "layers", "heads", "block", "dropout")}
    model = gpt.build(Architecture(**sizes, activation="relu", tied=False), settings.vocabulary).to(device)
    blocks = RandomBlocks(corpus(settings), block=settings.block, batch=settings.batch, accumulation=1, seed=0, device=device)
    evaluation = {"every": 10**9, "blocks": 1}
    training = Training(steps=10**9, batch=settings.batch, learning_rate=LEARNING_RATE, evaluation=evaluation)
    return Trainer(model, TrainingData(blocks, []), training, device=device).update


def corpus(settings: Settings):
    """Documents of a thousand random tokens, memory-mapped as in a job."""
    from relab.tokens.store import Tokens

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.arrow"
        write_random_tokens(path, settings.vocabulary, CORPUS)
        return Tokens(path)  # the file goes, what was mapped stays


def lecture(settings: Settings, threads: int) -> Callable[[], object]:
    """A step of the lecture's loop."""
    import torch
    from lecture import Lecture, Training

    from relab import device

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    sizes = {key: value for key, value in asdict(settings).items() if key != "batch"}
    tokens = torch.randint(settings.vocabulary, (CORPUS,))
    return Training(Lecture(**sizes).to(device.pick_device()), tokens, settings.batch, settings.block, LEARNING_RATE).step


LOOPS = {"ours": ours, "the lecture's loop": lecture}


def serve(name: str, settings: Settings, threads: int, connection) -> None:
    """Answer each number of steps with tokens/s, and 0 with the peak memory in MiB and with what it was before any step.

    Memory is the card's where there is one, else the process's, the libraries that it has loaded included.
    """
    import torch

    from relab.jobs import peak_memory

    cuda = torch.cuda.is_available()
    step = LOOPS[name](settings, threads)
    peak = (lambda: torch.cuda.max_memory_allocated() // 2**20) if cuda else peak_memory
    before = peak()
    while True:
        steps = connection.recv()
        if not steps:
            connection.send((peak(), before))
            return

        def program(steps=steps):
            for _ in range(steps):
                step()
            if cuda:
                torch.cuda.synchronize()

        connection.send(rate(program, steps * settings.batch * settings.block)())


def compare(settings: Settings, steps: int, repeats: int, threads: int) -> None:
    """Emit tokens/s and peak memory of both loops, with the ratio of ours to the lecture's."""
    import torch

    with loop_processes(serve, list(LOOPS), settings, threads) as ask:
        figures = interleave({name: partial(ask, name, steps) for name in LOOPS}, repeats)
        memory = {name: ask(name, 0) for name in LOOPS}
    mine, peer = LOOPS
    rates = {name: statistics.median(values) for name, values in figures.items()}
    ratio = median_ratio(figures[mine], figures[peer])
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    more = {"peer": f"{peer} on torch {torch.__version__}", "settings": asdict(settings), "repeats": repeats, "device": device}
    emit("training", settings.name, rates[mine], "tokens/s", peer_value=rates[peer], ratio_to=ratio, **more)
    for index, name in enumerate(["peak memory", "memory before the first step"]):
        value, peer_value = (memory[loop][index] for loop in LOOPS)
        emit("training", f"{name}, {settings.name}", value, "MiB", peer_value=peer_value, **more)


def main() -> None:
    args = parser(__doc__, repeats=15).parse_args()
    import torch
    import transformers  # noqa: F401 - so that its version stands in the figures

    torch.set_num_threads(args.threads)
    if torch.cuda.is_available():
        compare(Settings(width=256, batch=256, block=128), 20, args.repeats, args.threads)
    else:
        print("no CUDA card here: the full scale's settings (256 x 128, width 256) are not measured", file=sys.stderr)
    compare(Settings(width=128), 4, args.repeats, args.threads)
    compare(Settings(width=32), 16, args.repeats, args.threads)


if __name__ == "__main__":
    main()
