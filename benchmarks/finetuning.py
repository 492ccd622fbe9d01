"""Speed of finetuning beside Transformers' `Trainer`, and the memory that LoRA takes of what training all weights takes.

Both loops train all weights of the same model on blocks of the same random tokens, with the same optimizer, clipping and
threads, each in a process of its own, in turn; the ratio is the median over the rounds of ours to theirs. The model is as large
as SmolLM2-135M and has random weights: speed does not depend on them. First every token of a block is predicted; then three
quarters of it are a prompt, whose labels are -100 for the Trainer, and only the rest, its target, is. Tokens are those that are
read. Memory is the peak of a whole job, of LoRA and of all weights, by the programs that the pipeline runs: loading, steps,
evaluations, the checkpoint, what is written. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from common import StepServer, emit, interleave, loop_processes, median_ratio, parser, write_random_tokens

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


class Blocks:
    """Blocks of the corpus, every token of which is predicted."""

    figure = "all weights, blocks"

    def __init__(self, folder: Path, args: argparse.Namespace):
        from relab.tokens.store import Tokens

        self.tokens, self.batch, self.block = Tokens(folder / "train.arrow"), args.batch, args.block

    def batches(self, device):
        """Ours."""
        from relab.training.batches import RandomBlocks

        return RandomBlocks(self.tokens, block=self.block, batch=self.batch, accumulation=1, seed=0, device=device)

    def example(self, index: int) -> dict[str, Any]:
        """The Trainer's; the model moves the labels by itself, and so predicts one token less."""
        import torch

        start = index * 7919 % (self.tokens.size - self.block)
        ids = torch.from_numpy(self.tokens.slice(start, start + self.block).astype("int64"))
        return {"input_ids": ids, "labels": ids.clone()}


class Targets(Blocks):
    """The same blocks, of which only the last quarter is predicted."""

    figure = "all weights, prompts with targets"

    @property
    def prompt(self) -> int:
        """Tokens of a prompt."""
        return self.block - self.block // 4

    def batches(self, device):
        from relab.training.batches import PromptTargets, RandomExamples

        starts = range(0, self.tokens.size - self.block - 1, self.block)
        texts = [self.tokens.slice(start, start + self.block + 1).tolist() for start in starts]
        prompts, targets = ([text[: self.prompt] for text in texts], [text[self.prompt :] for text in texts])
        examples = PromptTargets(prompts, targets, self.block)
        return RandomExamples(examples, batch=self.batch, accumulation=1, seed=0, device=device)

    def example(self, index: int) -> dict[str, Any]:
        example = super().example(index)
        example["labels"][: self.prompt] = -100
        return example


def ours(folder: Path, args: argparse.Namespace, data: Blocks, after_step: Callable[[], None]) -> None:
    """The project's loop; ``after_step`` is called after every step, and before the first."""
    from relab.device import pick_device, prepare_device
    from relab.training.finetuning import Job, from_pretrained
    from relab.training.loop import Trainer
    from relab.training.objectives.next_token import NextToken, TrainingData

    device, job = pick_device(), Job(**settings(args, 10**9))
    prepare_device(device, args.threads)
    model = from_pretrained(job, folder / "base", device).model
    trainer = Trainer(model, NextToken(TrainingData(data.batches(device), [])), job.training, device=device)
    while True:
        after_step()
        trainer.update()


def theirs(folder: Path, args: argparse.Namespace, data: Blocks, after_step: Callable[[], None]) -> None:
    """Transformers' ``Trainer``."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers_trainer import Examples, train

    from relab.checkpoints import without_progress_bar

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    with without_progress_bar():
        model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype="float32")
    train(
        model, Examples(data.example), folder, after_step, batch=args.batch,
        learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY, clip=CLIP,
    )  # fmt: skip


LOOPS = {"ours": ours, "Transformers' Trainer": theirs}


def serve(name: str, folder: Path, args: argparse.Namespace, data: type[Blocks], connection) -> None:
    """Run a loop that answers with its speed."""
    LOOPS[name](folder, args, data(folder, args), StepServer(connection, args.batch * args.block))


def compare(folder: Path, args: argparse.Namespace, data: type[Blocks], shared: dict[str, Any]) -> None:
    """Emit tokens/s of both loops, with the ratio of ours to theirs."""
    import transformers

    with loop_processes(serve, list(LOOPS), folder, args, data) as ask:
        figures = interleave({name: partial(ask, name, args.steps) for name in LOOPS}, args.repeats)
        for name in LOOPS:
            ask(name, 0)
    mine, peer = LOOPS
    rates = {name: statistics.median(values) for name, values in figures.items()}
    ratio = median_ratio(figures[mine], figures[peer])
    peers = {"peer": f"{peer} {transformers.__version__}", "peer_value": rates[peer], "ratio_to": ratio}
    emit("finetuning", data.figure, rates[mine], "tokens/s", repeats=args.repeats, **peers, **shared)


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
            for data in (Blocks, Targets):
                compare(folder, args, data, {**shared, "settings": {**measured, "steps": args.steps}})
        if args.only != "speed":
            memory(folder, args, {**shared, "settings": {**measured, "lora": LORA}})


if __name__ == "__main__":
    main()
