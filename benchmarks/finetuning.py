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
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from common import emit, interleave, loop_processes, median_ratio, parser, write_random_tokens

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
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from relab import characters
    from relab.checkpoints import without_progress_bar

    torch.manual_seed(0)
    with without_progress_bar():
        LlamaForCausalLM(LlamaConfig(**SIZES[size], vocab_size=VOCABULARY, tie_word_embeddings=True)).save_pretrained(
            folder / "base"
        )
    characters.save(characters.build(map(chr, range(256, 256 + VOCABULARY))), folder / "base")  # no text is read here
    for seed, split in enumerate(("train", "validation")):
        write_random_tokens(folder / f"{split}.arrow", VOCABULARY, CORPUS, seed)


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
    model = {"kind": "finetuned", "base": "base", "corpus": "random", "block": args.block, "training": training}
    return {**model, "threads": args.threads, **({"adaptation": adaptation} if adaptation else {})}


# --- speed ------------------------------------------------------------------------------------------------------------


def ours(folder: Path, args: argparse.Namespace, after_step: Callable[[], None]) -> None:
    """The project's loop; ``after_step`` is called after every step, and before the first."""
    from relab.device import pick_device, prepare_device
    from relab.tokens.store import Tokens
    from relab.training.batches import RandomBlocks
    from relab.training.finetuning import Job, from_pretrained
    from relab.training.loop import Trainer, TrainingData

    device, job = pick_device(), Job(**settings(args, 10**9))
    prepare_device(device, args.threads)
    tokens = Tokens(folder / "train.arrow")
    blocks = RandomBlocks(tokens, block=args.block, batch=args.batch, accumulation=1, seed=0, device=device)
    model = from_pretrained(job, folder / "base", device).model
    trainer = Trainer(model, TrainingData(blocks, []), job.training, device=device)
    while True:
        after_step()
        trainer.update()


def theirs(folder: Path, args: argparse.Namespace, after_step: Callable[[], None]) -> None:
    """Transformers' ``Trainer``, which logs, saves and evaluates nothing."""
    import torch
    from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

    from relab.checkpoints import without_progress_bar
    from relab.tokens.store import Tokens

    class AfterStep(TrainerCallback):
        def on_train_begin(self, *_, **__):
            after_step()

        on_step_end = on_train_begin

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
    with without_progress_bar():
        model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype="float32")
    arguments = TrainingArguments(
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
    Trainer(model=model, args=arguments, train_dataset=Blocks(), callbacks=[AfterStep()]).train()


LOOPS = {"ours": ours, "Transformers' Trainer": theirs}


class SpeedServer:
    """Called between two steps: answers each number of steps that it receives with their tokens/s, and ends after 0.

    Args:
        connection: the connection to the benchmark.
        tokens: tokens of a step.
    """

    def __init__(self, connection, tokens: int):
        self._connection, self._tokens = connection, tokens
        self._steps = self._left = 0
        self._begun = 0.0

    def __call__(self) -> None:
        import torch

        self._left -= 1
        if self._left > 0:
            return
        if self._steps:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self._connection.send(self._steps * self._tokens / (time.perf_counter() - self._begun))
        self._steps = self._left = self._connection.recv()
        if not self._steps:
            self._connection.send(None)
            raise SystemExit(0)
        self._begun = time.perf_counter()


def serve(name: str, folder: Path, args: argparse.Namespace, connection) -> None:
    """Run a loop that answers with its speed."""
    LOOPS[name](folder, args, SpeedServer(connection, args.batch * args.block))


def compare(folder: Path, args: argparse.Namespace, shared: dict[str, Any]) -> None:
    """Emit tokens/s of both loops, with the ratio of ours to theirs."""
    import transformers

    with loop_processes(serve, list(LOOPS), folder, args) as ask:
        figures = interleave({name: partial(ask, name, args.steps) for name in LOOPS}, args.repeats)
        for name in LOOPS:
            ask(name, 0)
    mine, peer = LOOPS
    rates = {name: statistics.median(values) for name, values in figures.items()}
    ratio = median_ratio(figures[mine], figures[peer])
    peers = {"peer": f"{peer} {transformers.__version__}", "peer_value": rates[peer], "ratio_to": ratio}
    emit("finetuning", "all weights", rates[mine], "tokens/s", repeats=args.repeats, **peers, **shared)


# --- memory -----------------------------------------------------------------------------------------------------------


def peak_memory(folder: Path, args: argparse.Namespace, adaptation: dict[str, Any] | None) -> int:
    """The peak memory in MiB of a whole job by its record: the card's where there is one, else the process's."""
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
    entry = json.loads(record.read_bytes())
    return entry.get("peak_gpu_memory_mib", entry["peak_memory_mib"])


def memory(folder: Path, args: argparse.Namespace, shared: dict[str, Any]) -> None:
    """Emit the peak memory of a LoRA job, with its share of the job's that trains all weights."""
    whole, lora = peak_memory(folder, args, None), peak_memory(folder, args, LORA)
    peer = {"peer": "the same job on all weights", "peer_value": whole}
    emit("finetuning", "peak memory of a LoRA job", lora, "MiB", **peer, **shared)


def main() -> None:
    cli = parser(__doc__, repeats=7)
    cli.add_argument("--steps", type=int, default=1, help="steps of a round (default: 1)")
    cli.add_argument("--size", choices=SIZES, default="smollm2", help="the model's size (default: %(default)s)")
    cli.add_argument("--batch", type=int, default=4, help="blocks in a batch (default: 4)")
    cli.add_argument("--block", type=int, default=128, help="tokens of a block (default: 128)")
    cli.add_argument("--only", choices=["speed", "memory"], help="measure one of the two")
    args = cli.parse_args()
    import torch

    from relab.device import device_name, pick_device

    torch.set_num_threads(args.threads)
    measured = {"size": args.size, **SIZES[args.size], "batch": args.batch, "block": args.block}
    shared = {"settings": measured, "device": device_name(pick_device())}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, args.size)
        if args.only != "memory":
            compare(folder, args, {**shared, "settings": {**measured, "steps": args.steps}})
        if args.only != "speed":
            memory(folder, args, {**shared, "settings": {**measured, "lora": LORA}})


if __name__ == "__main__":
    main()
