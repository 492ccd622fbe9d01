"""Policies to be trained on rewards that a few lines compute: settings, prompts, trainers of a tiny language model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.finetuning import LORA
from support.preferences import PreferencesRun, make_preferences
from support.runs import CHECKOUT

if TYPE_CHECKING:  # what resumes whole programs does not wait for torch
    import torch

    from relab.training.finetuning import PolicyFinetuning
    from relab.training.loop import Trainer

WORDS = ("The merchant", "I", "My lord, a word", "Syracuse", "In what", "Will you go home and dine?", "O", "He is")
#: An iteration of these settings has two epochs of two steps, of two batches each.
PPO: dict[str, Any] = {
    "kind": "ppo",
    "base": "base",
    "dataset": "words",
    "reward_model": "letters",
    "prompt_tokens": 24,
    "answer_tokens": 8,
    "reference_texts": 40,
    "kl": {"coefficient": 0.1},
    "training": {
        "texts": 16,
        "epochs": 2,
        "batch": 4,
        "accumulation": 2,
        "steps": 12,
        "learning_rate": 0.003,
        "clip": 1.0,
        "evaluation": {"every": 5, "texts": 6},
    },
    "threads": 1,
    "seed": 3,
}
PPO_LORA: dict[str, Any] = {**PPO, "adaptation": LORA}
#: Every way to train a policy, by what differs.
WAYS: dict[str, dict[str, Any]] = {
    "all weights": {},
    "LoRA": {"adaptation": LORA},
    "LoRA, an adaptive coefficient": {"adaptation": LORA, "kl": {"coefficient": 0.1, "target": 0.5, "horizon": 20}},
    "a head on its states": {"critic": "head", "temperature": 0.7},
    "leaving one out": {"advantages": "leave_one_out", "answers": 4},
}


def letters(texts: Sequence[str]) -> torch.Tensor:
    """Texts with many of the letter ``e`` are better."""
    import torch

    return torch.tensor([float(text.count("e")) for text in texts])


def job(training: dict[str, Any] | None = None, **more: Any) -> PolicyFinetuning:
    """The settings of a job with some changed."""
    changed = {**copy.deepcopy(PPO), **more}
    changed["training"] |= training or {}
    from relab.training.finetuning import PolicyFinetuning

    return PolicyFinetuning(**changed)


def trainer(
    base: Path,
    settings: PolicyFinetuning,
    reward: Callable[[Sequence[str]], torch.Tensor] = letters,
    seed: int | None = None,
    words: Sequence[str] = WORDS,
) -> Trainer:
    """A trainer of a policy that starts from a model directory, as its program makes it.

    With a ``seed`` torch's global random state is another one, and so are new weights.
    """
    import torch

    from relab.checkpoints import load_tokenizer
    from relab.sampling.prompts import LanguageModel
    from relab.settings.asking import Asking
    from relab.training.finetuning import from_pretrained, with_adapter
    from relab.training.policies import policy_trainer
    from relab.training.policy.rollouts import Prompt

    device = torch.device("cpu")
    start = (with_adapter if settings.is_adapter else from_pretrained)(settings, base, device)
    if seed is not None:
        torch.manual_seed(seed)
    lm = LanguageModel(start.model, load_tokenizer(base))
    prompts = [Prompt(word, lm.ask(word, Asking(), "words", "model")) for word in words]
    return policy_trainer(settings, start, lm, prompts, prompts * 8, reward, device)


def make_policies(folder: Path) -> Path:
    """Write splits of preferences, a reward model in ``reward`` and, beside them, a language model; return the folder."""
    import torch

    from relab.checkpoints import load_encoder, load_tokenizer
    from relab.files import sha256
    from relab.rewards.model import Header, RewardModel
    from relab.rewards.network import RewardNetwork

    make_preferences(folder)
    base = folder.parent / "base"
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = RewardNetwork(load_encoder(base, torch.device("cpu"), "float32"), "mean")
        header = Header(base="base", pooling="mean", tokens=60, tokenizer=sha256(base / "tokenizer.json"))
        RewardModel(network, load_tokenizer(base), header, base).save(base, folder / "reward")
    return folder


@dataclass
class PolicyRun(PreferencesRun):
    """One policy to be trained, by as many attempts as it takes."""

    @property
    def program(self) -> Path:
        return CHECKOUT / "scripts" / ("adapt_policy.py" if "adaptation" in self.spec else "train_policy.py")

    @property
    def record(self) -> Path:
        weights = "model" if self.program.stem == "train_policy" else "adapter_model"
        return self.output / f"{weights}.safetensors.provenance.json"

    def words(self, *more: str) -> list[str]:
        return super().words("--reward-model", f"{self.corpus}/reward", *more)
