"""Speed of fine-tuning a classifier of texts beside Transformers' `Trainer`.

Both loops train all weights of a BERT as large as MiniLM, with its dropout and a new head, on random texts of varied lengths,
with the same optimizer, clipping and threads, each in a process of its own, in turn; the ratio is the median over the rounds of
ours to theirs. Texts of similar length share a batch, and both read the same batches: those that our objective draws, which
the Trainer takes in their order and collates by itself. Weights are random: speed does not depend on them. Prints one JSON
line a figure.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common import StepServer, emit, interleave, loop_processes, median_ratio, parser

#: all-MiniLM-L6 (Wang et al. 2020), and a stand-in for trying this program out.
SIZES = {
    "minilm": {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 12},
    "small": {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2},
}
VOCABULARY, CLASSES, PAD = 30522, ("negative", "positive"), 0
TEXTS, SHORTEST, LONGEST = 2048, 6, 64
LEARNING_RATE, WEIGHT_DECAY, CLIP = 5e-5, 0.01, 1.0


@dataclass(frozen=True)
class Texts:
    """Random texts as token ids, with their labels; most are short, as reviews of a sentence are."""

    ids: list[list[int]]
    labels: list[int]

    @classmethod
    def drawn(cls) -> Texts:
        import numpy as np

        generator = np.random.default_rng(0)
        lengths = np.clip(generator.lognormal(np.log(22), 0.6, TEXTS).astype(int), SHORTEST, LONGEST)
        ids = [generator.integers(PAD + 1, VOCABULARY, length).tolist() for length in lengths]
        return cls(ids, generator.integers(len(CLASSES), size=TEXTS).tolist())


def tokenizer():
    """A tokenizer that pads as BERT's does."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = {"[PAD]": PAD, **{f"word {number}": number for number in range(1, VOCABULARY)}}
    model = WordLevel(words, unk_token="[PAD]")  # no text is read here
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model), pad_token="[PAD]", model_max_length=LONGEST)


def make(folder: Path, size: str) -> None:
    """Write the configuration of the network, from which both loops make it."""
    from transformers import BertConfig

    config = BertConfig(**SIZES[size], vocab_size=VOCABULARY, pad_token_id=PAD, num_labels=len(CLASSES))
    config.save_pretrained(folder / "base")


def ours(folder: Path, args: argparse.Namespace, after_step: Callable[[], None]) -> None:
    """The project's loop; ``after_step`` is called after every step, and before the first."""
    import torch

    from relab.classifiers import network
    from relab.classifiers.job import as_steps
    from relab.device import pick_device, prepare_device
    from relab.settings.classifiers import FinetunedClassifier
    from relab.training.loop import Trainer
    from relab.training.objectives.classification import Classification

    training = {"epochs": 10**6, "batch": args.batch, "learning_rate": LEARNING_RATE, "warmup": 0}
    training |= {"weight_decay": WEIGHT_DECAY, "clip": CLIP}
    settings = FinetunedClassifier(model="base", pretrained=False, dataset="random", tokens=LONGEST, training=training)
    device = pick_device()
    prepare_device(device, args.threads)
    torch.manual_seed(0)
    model = network.build(settings, folder / "base", tokenizer(), PAD, CLASSES).to(device)
    texts = Texts.drawn()
    objective = Classification(texts, texts, batch=args.batch, seed=0, pad=PAD, device=device)
    trainer = Trainer(model, objective, as_steps(settings.training, objective.steps_per_epoch), device=device)
    while True:
        after_step()
        trainer.update()


def theirs(folder: Path, args: argparse.Namespace, after_step: Callable[[], None]) -> None:
    """Transformers' ``Trainer``."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification
    from transformers_trainer import Examples, train

    from relab.training.draws import LengthBuckets

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(folder / "base"))
    texts = Texts.drawn()
    draws = LengthBuckets([len(ids) for ids in texts.ids], args.batch, 0)

    def example(index: int) -> dict[str, list[int] | int]:
        step, position = divmod(index, args.batch)
        row = draws.rows(step)[0][position]
        return {"input_ids": texts.ids[row], "attention_mask": [1] * len(texts.ids[row]), "label": texts.labels[row]}

    train(
        model, Examples(example), folder, after_step, batch=args.batch, learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY, clip=CLIP, processing_class=tokenizer(),
    )  # fmt: skip


LOOPS = {"ours": ours, "Transformers' Trainer": theirs}


def serve(name: str, folder: Path, args: argparse.Namespace, connection) -> None:
    """Run a loop that answers with its speed."""
    LOOPS[name](folder, args, StepServer(connection, args.batch))


def main() -> None:
    cli = parser(__doc__, repeats=7)
    cli.add_argument("--steps", type=int, default=8, help="steps of a round (default: 8)")
    cli.add_argument("--size", choices=SIZES, default="minilm", help="the network's size (default: %(default)s)")
    cli.add_argument("--batch", type=int, default=32, help=f"texts in a batch, which divides {TEXTS} (default: 32)")
    args = cli.parse_args()
    if TEXTS % args.batch:
        cli.error(f"--batch: expected a number that divides {TEXTS}, found {args.batch}")
    import torch
    import transformers

    from relab.device import device_name, pick_device

    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), args.size)
        with loop_processes(serve, list(LOOPS), Path(name), args) as ask:
            figures = interleave({loop: partial(ask, loop, args.steps) for loop in LOOPS}, args.repeats)
            for loop in LOOPS:
                ask(loop, 0)
    mine, peer = LOOPS
    rates = {loop: statistics.median(values) for loop, values in figures.items()}
    lengths = [len(ids) for ids in Texts.drawn().ids]
    emit(
        "classifying",
        "all weights",
        rates[mine],
        "texts/s",
        peer=f"{peer} {transformers.__version__}",
        peer_value=rates[peer],
        ratio_to=median_ratio(figures[mine], figures[peer]),
        settings={
            "size": args.size, **SIZES[args.size], "batch": args.batch, "steps": args.steps,
            "mean tokens": round(statistics.fmean(lengths), 1), "longest": max(lengths),
        },
        repeats=args.repeats,
        device=device_name(pick_device()),
    )  # fmt: skip


if __name__ == "__main__":
    main()
