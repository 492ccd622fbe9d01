"""A peer of the benchmarks of fine-tuning: Transformers' `Trainer`, which logs, saves and evaluates nothing.

Its optimizer is the fused AdamW that ours has, its rate is constant, and it reads examples in their order: which of them share
a batch is for the benchmark to say, so that both loops read batches of the same shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers


class Examples(torch.utils.data.Dataset):
    """Endless examples in the order in which they are read, from a function that returns one by its number."""

    def __init__(self, example: Callable[[int], Mapping[str, Any]]):
        self._example = example

    def __len__(self) -> int:
        return 10**7

    def __getitem__(self, index: int) -> Mapping[str, Any]:
        return self._example(index)


def train(
    model: transformers.PreTrainedModel, examples: Examples, folder: Path, after_step: Callable[[], None], *, batch: int,
    learning_rate: float, weight_decay: float, clip: float, processing_class: Any = None,
) -> None:  # fmt: skip
    """Train until ``after_step`` ends the process; it is called before the first step and after each.

    Args:
        model: the model.
        examples: what it is trained on.
        folder: where the Trainer may write.
        after_step: see above.
        batch, learning_rate, weight_decay, clip: as our settings of these names.
        processing_class: the tokenizer, by which the Trainer chooses how it collates.
    """

    class AfterStep(transformers.TrainerCallback):
        def on_train_begin(self, *_, **__):
            after_step()

        on_step_end = on_train_begin

    cuda = torch.cuda.is_available()
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "trainer"),
        max_steps=10**6,
        per_device_train_batch_size=batch,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        max_grad_norm=clip,
        lr_scheduler_type="constant",
        optim="adamw_torch_fused",
        train_sampling_strategy="sequential",
        bf16=cuda,
        dataloader_pin_memory=cuda,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    transformers.Trainer(
        model=model, args=arguments, train_dataset=examples, processing_class=processing_class, callbacks=[AfterStep()]
    ).train()
