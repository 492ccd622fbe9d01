"""Speed of finetuning beside Transformers' `Trainer`, and the memory that LoRA takes of what training all weights takes.

Both loops train all weights of the same model on blocks of the same random tokens, with the same optimizer, clipping and
threads, each in a process of its own, in turn; the ratio is the median over the rounds of ours to theirs. The model is as large
as SmolLM2-135M and has random weights: speed does not depend on them. Memory is the peak of a whole job, of LoRA and of all
weights, by the programs that the pipeline runs: loading, steps, evaluations, the checkpoint, what is written. Prints one JSON
line a figure.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import emit, interleave

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
VOCABULARY, CORPUS = 49152, 50_000
#: SmolLM2-135M (Allal et al. 2025), and a stand-in for trying this program out.
SIZES = {
    "smollm2": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
                "num_key_value_heads": 3},
    "small": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
              "num_key_value_heads": 1},
}  # fmt: skip
LEARNING_RATE, WEIGHT_DECAY, CLIP = 1e-4, 0.01, 1.0
LORA = {"kind": "lora", "rank": 16, "alpha": 32, "targets": ["q_proj", "v_proj"]}


def make(folder: Path, size: str) -> None:
    """Write a model directory ``base`` and the splits of a corpus as token ids."""
    import numpy as np
    import pyarrow as pa
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from relab import characters
    from relab.checkpoints import without_bar
    from relab.tokens import store

    torch.manual_seed(0)
    with without_bar():
        LlamaForCausalLM(LlamaConfig(**SIZES[size], vocab_size=VOCABULARY, tie_word_embeddings=True)).save_pretrained(
            folder / "base"
        )
    characters.save(characters.build("ab"), folder / "base")  # nothing reads a text here
    for seed, split in enumerate(("train", "validation")):
        ids = np.random.default_rng(seed).integers(VOCABULARY, size=CORPUS, dtype=np.uint16)
        rows = pa.ListArray.from_arrays(np.arange(0, CORPUS + 1, 1000, dtype=np.int32), ids)
        counts = store.Counts(CORPUS // 1000, CORPUS, CORPUS, CORPUS, separator=0, separator_bytes=0)
        store.write(folder / f"{split}.arrow", [rows], counts, np.uint16)


def settings(args: argparse.Namespace, steps: int, adaptation: dict[str, Any] | None = None) -> dict[str, Any]:
    """The settings of a finetuning job."""
    training = {
        "steps": steps,
        "batch": args.batch,
        "learning_rate": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
        "clip": CLIP,
        "evaluation": {"every": steps, "blocks": args.batch},
    }
    told = {"base": "base", "corpus": "random", "block": args.block, "training": training, "threads": args.threads}
    return {"kind": "finetuned", **told, **({"adaptation": adaptation} if adaptation else {})}


# --- speed ------------------------------------------------------------------------------------------------------------


def ours(folder: Path, args: argparse.Namespace, ask: Callable[[], None]) -> None:
    """The project's loop; ``ask`` is called before the first step and after every one."""
    from relab import device
    from relab.tokens.store import Tokens
    from relab.training.batches import RandomBlocks
    from relab.training.finetuning import Job, from_pretrained
    from relab.training.loop import Trainer, TrainingData

    place, job = device.pick(), Job(**settings(args, 10**9))
    device.prepare(place, args.threads)
    tokens = Tokens(folder / "train.arrow")
    blocks = RandomBlocks(tokens, block=args.block, batch=args.batch, accumulation=1, seed=0, device=place)
    trainer = Trainer(from_pretrained(job, folder / "base", place).model, TrainingData(blocks, []), job.training, device=place)
    while True:
        ask()
        trainer.update()


def theirs(folder: Path, args: argparse.Namespace, ask: Callable[[], None]) -> None:
    """Transformers' ``Trainer``, told nothing to log, to save or to evaluate."""
    import torch
    from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

    from relab.checkpoints import without_bar
    from relab.tokens.store import Tokens

    class Asking(TrainerCallback):
        def on_train_begin(self, *_, **__):
            ask()

        def on_step_end(self, *_, **__):
            ask()

    class Blocks(torch.utils.data.Dataset):
        tokens = Tokens(folder / "train.arrow")

        def __len__(self) -> int:
            return 10**7

        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            start = index * 7919 % (self.tokens.size - args.block)
            ids = torch.from_numpy(self.tokens.slice(start, start + args.block).astype("int64"))
            return {"input_ids": ids, "labels": ids}

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    with without_bar():
        model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype="float32")
    told = TrainingArguments(
        output_dir=str(folder / "trainer"),
        max_steps=10**6,
        per_device_train_batch_size=args.batch,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=CLIP,
        lr_scheduler_type="constant",
        optim="adamw_torch_fused",
        bf16=torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    Trainer(model=model, args=told, train_dataset=Blocks(), callbacks=[Asking()]).train()


LOOPS = {"ours": ours, "Transformers' Trainer": theirs}


class Answers:
    """Called between two steps: answers each number of steps that it is asked for with tokens/s, and 0 by ending.

    Args:
        connection: the end of the line to whom asks.
        tokens: tokens of a step.
    """

    def __init__(self, connection, tokens: int):
        self._connection, self._tokens = connection, tokens
        self._asked = self._left = 0
        self._begun = 0.0

    def __call__(self) -> None:
        import torch

        self._left -= 1
        if self._left > 0:
            return
        if self._asked:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self._connection.send(self._asked * self._tokens / (time.perf_counter() - self._begun))
        self._asked = self._left = self._connection.recv()
        if not self._asked:
            raise SystemExit(0)
        self._begun = time.perf_counter()


def serve(name: str, folder: Path, args: argparse.Namespace, connection) -> None:
    """Run a loop that answers."""
    LOOPS[name](folder, args, Answers(connection, args.batch * args.block))


@contextmanager
def started(folder: Path, args: argparse.Namespace):
    """A process for each loop; yields their ends of the line by name."""
    context = multiprocessing.get_context("spawn")
    lines, processes = {}, []
    for name in LOOPS:
        lines[name], other = context.Pipe()
        processes.append(context.Process(target=serve, args=(name, folder, args, other), daemon=True))
        processes[-1].start()
        other.close()
    yield lines
    for name, process in zip(LOOPS, processes, strict=True):
        lines[name].send(0)
        process.join()


def compare(folder: Path, args: argparse.Namespace, shared: dict[str, Any]) -> None:
    """Emit tokens/s of both loops, with the ratio of ours to theirs."""
    import transformers

    def asking(line) -> Callable[[], float]:
        def ask() -> float:
            line.send(args.steps)
            return line.recv()

        return ask

    with started(folder, args) as lines:
        figures = interleave({name: asking(line) for name, line in lines.items()}, args.repeats)
    mine, peer = LOOPS
    rates = {name: statistics.median(found) for name, found in figures.items()}
    ratio = statistics.median(one / other for one, other in zip(figures[mine], figures[peer], strict=True))
    named = {"peer": f"{peer} {transformers.__version__}", "peer_value": rates[peer], "ratio_to": ratio}
    emit("finetuning", "all weights", rates[mine], "tokens/s", repeats=args.repeats, **named, **shared)


# --- memory -----------------------------------------------------------------------------------------------------------


def job(folder: Path, args: argparse.Namespace, adaptation: dict[str, Any] | None) -> int:
    """The peak memory in MiB of a whole job, as its record tells: the card's where there is one, else the process's."""
    program = "train_adapter" if adaptation else "finetune_model"
    record = folder / program / "provenance.json"
    command = [
        *(sys.executable, SCRIPTS / f"{program}.py", "--train", folder / "train.arrow"),
        *("--validation", folder / "validation.arrow", "--base", folder / "base", "--output-dir", folder / program / "model"),
        *("--state", folder / program / "state", "--provenance", record, "--spec", json.dumps(settings(args, 2, adaptation))),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    told = json.loads(record.read_bytes())
    return told.get("peak_gpu_memory_mib", told["peak_memory_mib"])


def memory(folder: Path, args: argparse.Namespace, shared: dict[str, Any]) -> None:
    """Emit the peak memory of a LoRA job, with its share of the job's that trains all weights."""
    whole, lora = job(folder, args, None), job(folder, args, LORA)
    named = {"peer": "the same job on all weights", "peer_value": whole, "ratio_to": lora / whole}
    emit("finetuning", "peak memory of a LoRA job", lora, "MiB", **named, **shared)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="compute threads (default: 1)")
    parser.add_argument("--repeats", type=int, default=7, help="timed rounds (default: 7)")
    parser.add_argument("--steps", type=int, default=1, help="steps of a round (default: 1)")
    parser.add_argument("--size", choices=SIZES, default="smollm2", help="the model's size (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=4, help="blocks in a batch (default: 4)")
    parser.add_argument("--block", type=int, default=128, help="tokens of a block (default: 128)")
    parser.add_argument("--only", choices=["speed", "memory"], help="measure one of the two")
    args = parser.parse_args()
    import torch

    from relab.device import describe, pick

    torch.set_num_threads(args.threads)
    measured = {"size": args.size, **SIZES[args.size], "batch": args.batch, "block": args.block}
    shared = {"settings": measured, "device": describe(pick())}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, args.size)
        if args.only != "memory":
            compare(folder, args, {**shared, "settings": {**measured, "steps": args.steps}})
        if args.only != "speed":
            memory(folder, args, {**shared, "settings": {**measured, "lora": LORA}})


if __name__ == "__main__":
    main()
