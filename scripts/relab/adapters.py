"""Adapters: what is trained beside a frozen model, and the PEFT directory that holds it.

An adapter's configuration names its base as the pipeline does, by the name of its model directory, which stands beside the
adapter's own, and as its revision the SHA-256 of the base's weights. An opened adapter is a Transformers model like any other:
with LoRA (Hu et al. 2021) its layers hold the updates, with a prefix (Li & Liang 2021) it reads that before every text, see
:mod:`relab.prefix`.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from relab import prefix
from relab.errors import UserError
from relab.files import sha256, write_json
from relab.settings.models import LoraAdaptation, PrefixAdaptation

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

#: The files of a directory that hold an adapter.
FILES = (CONFIG, WEIGHTS)

#: What a base is for, in PEFT's words: it is a causal language model.
TASK = "CAUSAL_LM"

#: What LoRA can update.
LAYERS = (nn.Linear, Conv1D, nn.Embedding)


class Adapter:
    """An adapter that is trained beside a model.

    Args:
        base: the model, which is changed: its weights are frozen, the adapter's become a part of it.
        settings: what the adapter is. New weights are drawn from torch's global random state: of LoRA's two factors one is
            drawn, the other 0; a prefix is 0. Either changes the base little or nothing before training.
        directory: the base's directory, whose name the adapter records.

    Attributes:
        model: the base with the adapter.

    Raises:
        UserError: a layer to update that the base lacks.
    """

    def __init__(self, base: PreTrainedModel, settings: LoraAdaptation | PrefixAdaptation, directory: Path):
        from peft import get_peft_model

        config = lora_config(base, settings, directory) if settings.kind == "lora" else _prefix(settings)
        with quiet():
            self._peft = get_peft_model(base, config)
        self._base = directory.name, sha256(directory / "model.safetensors")
        self.model = _model_of(self._peft)

    def save_pretrained(self, folder: Path) -> None:
        """Write the adapter into a folder; the same adapter gives the same bytes."""
        from peft import get_peft_model_state_dict

        tensors = get_peft_model_state_dict(self._peft, save_embedding_layers=False)
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, folder / WEIGHTS, {"format": "pt"})
        config = self._peft.peft_config["default"]
        before, config.inference_mode = config.inference_mode, True
        config.save_pretrained(folder)
        config.inference_mode = before
        write_base(folder, *self._base)


def write_base(folder: Path, name: str, digest: str) -> None:
    """Write into an adapter's configuration the name of its base and the SHA-256 of the base's weights, all lists in order."""
    told = json.loads((folder / CONFIG).read_bytes())
    told |= {key: sorted(told[key]) for key in ("target_modules", "modules_to_save") if isinstance(told.get(key), list)}
    write_json(folder / CONFIG, {**told, "base_model_name_or_path": name, "revision": digest})


def lora_config(base: PreTrainedModel, settings: LoraAdaptation, directory: Path, task: str = TASK) -> PeftConfig:
    """PEFT's settings of LoRA beside a model that was read from a directory.

    Raises:
        UserError: a layer to update that the model lacks.
    """
    from peft import LoraConfig

    layers = {name: module for name, module in base.named_modules() if isinstance(module, LAYERS)}
    targets = _targets(settings, layers, base.config.model_type, directory)
    updated = [module for name, module in layers.items() if any(_ends(name, target) for target in targets)]
    return LoraConfig(
        task_type=task,
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        bias=settings.bias,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in updated),
    )


def _targets(settings: LoraAdaptation, layers: dict[str, nn.Module], kind: str, directory: Path) -> list[str]:
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as USUAL

    had = ", ".join(sorted({name.rpartition(".")[2] for name in layers}))
    targets = settings.targets or sorted(USUAL.get(kind, []))
    if not targets:
        raise UserError(f"adaptation.targets: required for a model of the kind {kind}; the layers of {directory} are {had}")
    for target in targets:
        if not any(_ends(name, target) for name in layers):
            raise UserError(f"adaptation.targets: no layer of {directory} is called {target!r}; there are {had}")
    return targets


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def _prefix(settings: PrefixAdaptation) -> PeftConfig:
    from peft import PrefixTuningConfig

    return PrefixTuningConfig(task_type=TASK, num_virtual_tokens=settings.tokens, init_weights="zero")


def _model_of(peft: PeftModel) -> PreTrainedModel:
    """The base as a model that has the adapter in it."""
    model, config = peft.get_base_model(), peft.active_peft_config
    if config.is_prompt_learning:
        prefix.install(model, config.num_virtual_tokens, peft.prompt_encoder, peft.get_prompt)
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """PEFT asks Transformers for a property by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.* is deprecated", category=FutureWarning)
        yield


def base_of(directory: Path) -> Path:
    """The directory of an adapter's base, which stands beside the adapter's own under the name that it records.

    Raises:
        UserError: there is none.
    """
    name = _told(directory)[0]
    above = Path(os.path.normpath(directory / ".."))
    places = [above / name, above.parent / name]  # the second for the last weights, which have a folder of their own below
    found = next((place for place in places if (place / "model.safetensors").is_file()), None)
    if found is None:
        raise UserError(f"{directory}: its base {name} was not found beside it, expected {places[0] / 'model.safetensors'}")
    return found


def check_base(directory: Path, base: Path) -> None:
    """Refuse to open an adapter beside a base that it was not trained beside.

    Raises:
        UserError: the base's weights are others than those that the adapter records.
    """
    expected = _told(directory)[1]
    if expected and (found := sha256(base / "model.safetensors")) != expected:
        raise UserError(
            f"{directory}: an adapter for another base: expected weights of SHA-256 {expected[:16]}…, found {found[:16]}… in "
            f"{base}"
        )


def _told(directory: Path) -> tuple[str, str | None]:
    """The name of an adapter's base, and the SHA-256 of its weights; none in an adapter that PEFT made elsewhere."""
    try:
        told = json.loads((directory / CONFIG).read_bytes())
        revision = told.get("revision") or ""
        return Path(told["base_model_name_or_path"]).name, revision if re.fullmatch("[0-9a-f]{64}", revision) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{directory / CONFIG}: expected an adapter's configuration with the name of its base") from None


def opened(directory: Path, base: PreTrainedModel) -> PreTrainedModel:
    """An adapter beside its base, which becomes a part of it; not to be trained."""
    from peft import PeftModel

    with torch.random.fork_rng(devices=[]), quiet():  # weights are drawn before they are read
        return _model_of(PeftModel.from_pretrained(base, str(directory), local_files_only=True))
