"""Speed of direct preference optimisation beside TRL's `DPOTrainer`.

Both train all weights of the same model on the same pairs of random tokens, all of one length, with the reference's
log-probabilities computed before the first step, the same optimizer, clipping and threads, each in a process of its own, in
turn; the ratio is the median over the rounds of ours to theirs. The models have random weights: speed does not depend on them.
Prints one JSON line. TRL is no part of the environment; `pip install --no-deps trl` adds it to one.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

from common import StepServer, emit, interleave, loop_processes, median_ratio, parser

#: A model of 1.3 million parameters, as stories are learnt by, and one as large as SmolLM2-135M (Allal et al. 2025).
SIZES = {
    "stories": {"vocab_size": 4096, "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4,
                "num_attention_heads": 4, "num_key_value_heads": 4},
    "smollm2": {"vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
                "num_attention_heads": 9, "num_key_value_heads": 3},
}  # fmt: skip
PAIRS, FIRST_LETTER = 1024, 0x4E00
BETA, LEARNING_RATE, WEIGHT_DECAY, CLIP = 0.1, 1e-5, 0.01, 1.0


def make(folder: Path, size: str) -> None:
    """Write a model directory, whose tokenizer has a token a letter, one for padding and one for the end."""
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import LlamaConfig, LlamaForCausalLM

    from relab import characters
    from relab.checkpoints import without_progress_bar

    torch.manual_seed(0)
    with without_progress_bar():
        LlamaForCausalLM(LlamaConfig(**SIZES[size], tie_word_embeddings=True)).save_pretrained(folder)
    tokenizer = characters.build_symbols([_letters()], None)
    # both loops put the end behind an answer themselves
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])
    characters.save(tokenizer, folder)


def _letters(number: int = 1000) -> str:
    return "".join(map(chr, range(FIRST_LETTER, FIRST_LETTER + number)))


def pairs(args: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Prompts with two answers each, of random letters."""
    draw, letters = random.Random(0), _letters()
    lengths = {"prompt": args.prompt, "chosen": args.answer - 1, "rejected": args.answer - 1}  # beside the end
    for _ in range(PAIRS):
        yield {side: "".join(draw.choices(letters, k=length)) for side, length in lengths.items()}


def ours(folder: Path, args: argparse.Namespace, after_step: Callable[[], None]) -> None:
    """The project's loop; ``after_step`` is called after every step, and before the first."""
    from relab import dropout
    from relab.checkpoints import load_for_training, load_tokenizer
    from relab.device import pick_device, prepare_device
    from relab.settings.preference_models import PreferenceTraining
    from relab.training.batches import PromptTargets
    from relab.training.loop import Trainer
    from relab.training.objectives.dpo import Comparisons, DirectPreference

    device = pick_device()
    prepare_device(device, args.threads)
    model, tokenizer = load_for_training(folder, device, "float32"), load_tokenizer(folder)
    dropout.switch_off(model)
    texts = {side: [tokenizer(pair[side], add_special_tokens=False)["input_ids"] for pair in pairs(args)]
             for side in ("prompt", "chosen", "rejected")}  # fmt: skip
    sides = ([[*answer, tokenizer.eos_token_id] for answer in texts[side]] for side in ("chosen", "rejected"))
    data = Comparisons(*(PromptTargets(texts["prompt"], answers, args.prompt + args.answer) for answers in sides))
    settings = {"learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "clip": CLIP, "evaluation": {"every": 10**9}}
    training = PreferenceTraining(**settings, batch=args.batch, steps=10**9)
    objective = DirectPreference(data, data, beta=BETA, batch=args.batch, seed=0, pad=tokenizer.pad_token_id, device=device)
    objective.measure_reference(model.eval(), training.steps)
    trainer = Trainer(model, objective, training, device=device)
    while True:
        after_step()
        trainer.update()


def theirs(folder: Path, args: argparse.Namespace, after_step: Callable[[], None]) -> None:
    """TRL's ``DPOTrainer``."""
    import torch
    import transformers
    from datasets import Dataset, disable_progress_bars

    trl = importlib.import_module("trl")  # a peer that the environment does not have

    class AfterStep(transformers.TrainerCallback):
        def on_train_begin(self, *_, **__):
            after_step()

        on_step_end = on_train_begin

    torch.set_num_threads(args.threads)
    disable_progress_bars()
    cuda = torch.cuda.is_available()
    config = trl.DPOConfig(
        output_dir=str(folder / "trainer"), max_steps=10**6, per_device_train_batch_size=args.batch, beta=BETA,
        learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY, max_grad_norm=CLIP, lr_scheduler_type="constant",
        optim="adamw_torch_fused", precompute_ref_log_probs=True, gradient_checkpointing=False, bf16=cuda,
        dataloader_pin_memory=cuda, logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    trl.DPOTrainer(
        model, args=config, train_dataset=Dataset.from_list(list(pairs(args))), processing_class=tokenizer,
        callbacks=[AfterStep()],
    ).train()  # fmt: skip


LOOPS = {"ours": ours, "TRL's DPOTrainer": theirs}


def serve(name: str, folder: Path, args: argparse.Namespace, connection) -> None:
    """Run a loop that answers with its speed."""
    LOOPS[name](folder, args, StepServer(connection, args.batch))


def main() -> None:
    cli = parser(__doc__, repeats=7)
    cli.add_argument("--steps", type=int, default=5, help="steps of a round (default: %(default)s)")
    cli.add_argument("--size", choices=SIZES, default="stories", help="the model's size (default: %(default)s)")
    cli.add_argument("--batch", type=int, default=16, help="pairs in a batch (default: %(default)s)")
    cli.add_argument("--prompt", type=int, default=8, help="tokens of a prompt (default: %(default)s)")
    cli.add_argument("--answer", type=int, default=24, help="tokens of an answer, its end among them (default: %(default)s)")
    args = cli.parse_args()
    if importlib.util.find_spec("trl") is None:
        print("dpo: skipped, TRL is not installed; `pip install --no-deps trl` adds it to an environment", file=sys.stderr)
        return
    import torch

    from relab.device import device_name, pick_device

    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, args.size)
        with loop_processes(serve, list(LOOPS), folder, args) as ask:
            figures = interleave({loop: partial(ask, loop, args.steps) for loop in LOOPS}, args.repeats)
            for loop in LOOPS:
                ask(loop, 0)
    mine, peer = LOOPS
    rates = {loop: statistics.median(values) for loop, values in figures.items()}
    settings = {"size": args.size, **SIZES[args.size], "batch": args.batch, "prompt": args.prompt, "answer": args.answer}
    emit(
        "dpo", "all weights", rates[mine], "pairs/s", peer=f"{peer} {version('trl')}", peer_value=rates[peer],
        ratio_to=median_ratio(figures[mine], figures[peer]), settings={**settings, "steps": args.steps}, repeats=args.repeats,
        device=device_name(pick_device()),
    )  # fmt: skip


if __name__ == "__main__":
    main()
