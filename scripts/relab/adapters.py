"""Adapters beside frozen models, and the PEFT directories that hold them.

An adapter's configuration names its base by the name of its model directory, which lies beside the adapter's own, and as
revision the SHA-256 of the base's weights. An opened adapter is a Transformers model like any other: with LoRA (Hu et al. 2021)
its layers hold the updates, with a prefix (Li & Liang 2021) it attends to that before every text, see :mod:`relab.prefix`.
"""

from __future__ import annotations

import json
import logging
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
from transformers import DynamicCache, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from relab import prefix
from relab.checkpoints import load_tokenizer
from relab.encoding import encode, opening_tokens
from relab.errors import UserError
from relab.files import sha256, write_json
from relab.networks import attends_in_all_layers, attention_window, context_length
from relab.settings.models import LoraAdaptation, PrefixAdaptation

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

#: The files of an adapter.
FILES = (CONFIG, WEIGHTS)

# PEFT loads bitsandbytes where it is installed, which says that one more package would make it faster
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

#: PEFT's names of the tasks of a causal language model and of an encoder–decoder.
CAUSAL_LM, SEQ_2_SEQ_LM = "CAUSAL_LM", "SEQ_2_SEQ_LM"

#: The layers that LoRA can update.
LAYERS = (nn.Linear, Conv1D, nn.Embedding)


class Adapter:
    """A new adapter to train beside a model.

    Args:
        base: the model, which is changed in place: its weights are frozen and the adapter's are added.
        settings: the adapter's settings. LoRA's first factor is drawn from torch's global random state, its second is 0; a
            prefix is 0, or what the base keeps of a text. Before training, LoRA does not change the base's outputs, a prefix of
            zeros hardly does, and that of a text makes them what they are behind the text.
        directory: the base's directory, whose name the adapter records and whose tokenizer encodes the prefix's text.

    Attributes:
        model: the base with the adapter.

    Raises:
        UserError: a layer to update that the base lacks, a prefix of an encoder–decoder or of a text as long as the context.
    """

    def __init__(self, base: PreTrainedModel, settings: LoraAdaptation | PrefixAdaptation, directory: Path):
        from peft import get_peft_model

        task = SEQ_2_SEQ_LM if base.config.is_encoder_decoder else CAUSAL_LM
        start = None
        if settings.kind == "prefix":
            if task == SEQ_2_SEQ_LM:
                raise UserError(
                    f"adaptation.kind: a prefix does not reach the encoder of {directory}; expected full or lora, found prefix"
                )
            if not attends_in_all_layers(base):
                raise UserError(
                    f"adaptation.kind: not all layers of {directory} have the keys and values that a prefix is made of; "
                    "expected full or lora, found prefix"
                )
            start = None if settings.text is None else _keys_and_values(base, settings.text, directory)
            config = _prefix_config(base, settings, start, directory)
        else:
            config = lora_config(base, settings, directory, task)
        with without_peft_warnings():
            self._peft = get_peft_model(base, config)
        if start is not None:
            self._peft.prompt_encoder["default"].load_prompt_embeddings(start)
        self._base = directory.name, sha256(directory / "model.safetensors")
        self.model = _base_with_adapter(self._peft)

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
    """Write the name of the base and the SHA-256 of its weights into an adapter's configuration, and sort its lists."""
    config = json.loads((folder / CONFIG).read_bytes())
    config |= {key: sorted(config[key]) for key in ("target_modules", "modules_to_save") if isinstance(config.get(key), list)}
    write_json(folder / CONFIG, {**config, "base_model_name_or_path": name, "revision": digest})


def lora_config(base: PreTrainedModel, settings: LoraAdaptation, directory: Path, task: str = CAUSAL_LM) -> PeftConfig:
    """PEFT's LoRA configuration for a model that was read from ``directory``.

    Raises:
        UserError: a layer to update that the model lacks.
    """
    from peft import LoraConfig

    layers = {name: module for name, module in base.named_modules() if isinstance(module, LAYERS)}
    targets = _targets(settings, layers, base.config.model_type, directory)
    updated = [module for name, module in layers.items() if any(_matches_target(name, target) for target in targets)]
    return LoraConfig(
        task_type=task,
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        bias=settings.bias,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in updated),
    )


def _targets(settings: LoraAdaptation, layers: dict[str, nn.Module], model_type: str, directory: Path) -> list[str]:
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as USUAL

    names = ", ".join(sorted({name.rpartition(".")[2] for name in layers}))
    targets = settings.targets or sorted(USUAL.get(model_type, []))
    if not targets:
        raise UserError(
            f"adaptation.targets: required for a model of the kind {model_type}; the layers of {directory} are {names}"
        )
    for target in targets:
        if not any(_matches_target(name, target) for name in layers):
            raise UserError(f"adaptation.targets: no layer of {directory} is called {target!r}; there are {names}")
    return targets


def _matches_target(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def _prefix_config(
    base: PreTrainedModel, settings: PrefixAdaptation, start: torch.Tensor | None, directory: Path
) -> PeftConfig:
    from peft import PrefixTuningConfig

    tokens = settings.length if start is None else len(start)
    if tokens >= (window := attention_window(base)):
        key = "tokens" if start is None else "text"
        raise UserError(
            f"adaptation.{key}: expected fewer tokens than the smallest window of {directory} has, {window}, found {tokens}"
        )
    # PEFT looks for them under names that not all configurations have (XGLM, Falcon)
    _, heads, _, size = _cache(base, [0]).layers[0].keys.shape
    return PrefixTuningConfig(
        task_type=CAUSAL_LM, num_virtual_tokens=tokens, num_attention_heads=heads, token_dim=heads * size, init_weights="zero"
    )


def _keys_and_values(base: PreTrainedModel, text: str, directory: Path) -> torch.Tensor:
    """What a model keeps of a text, ``[tokens, layers × (keys, values) × heads × size]``, as PEFT orders a prefix."""
    tokenizer = load_tokenizer(directory)
    ids = [*opening_tokens(tokenizer), *encode(tokenizer, text, "adaptation.text").tolist()]
    if len(ids) >= (context := context_length(base)):
        raise UserError(
            f"adaptation.text: expected fewer tokens than the context of {directory} has, {context}, found {len(ids)}"
        )
    layers = [torch.stack([layer.keys[0], layer.values[0]]) for layer in _cache(base, ids).layers]  # [2, heads, tokens, size]
    return torch.cat(layers).float().permute(2, 0, 1, 3).flatten(1)


@torch.no_grad()
def _cache(base: PreTrainedModel, token_ids: list[int]) -> DynamicCache:
    """The key-value cache of a text, uncut by windows."""
    cache, training = DynamicCache(), base.training
    base.eval()(torch.tensor([token_ids], device=base.device), past_key_values=cache, use_cache=True)
    base.train(training)
    return cache


def _base_with_adapter(peft: PeftModel) -> PreTrainedModel:
    """The base model with the adapter active."""
    model, config = peft.get_base_model(), peft.active_peft_config
    if config.is_prompt_learning:
        prefix.install(model, config.num_virtual_tokens, peft.prompt_encoder, peft.get_prompt)
    return model


@contextmanager
def switched_off(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    """The base of a model with LoRA updates, which leave its layers alone inside the block; not of a prefix, nor of biases."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    requires_grad = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        for layer in layers:
            layer.enable_adapters(False)
        yield model
    finally:
        for layer in layers:
            layer.enable_adapters(True)
        for parameter, required in requires_grad.items():  # switching freezes an adapter's weights
            parameter.requires_grad_(required)


@contextmanager
def without_peft_warnings() -> Iterator[None]:
    """Silence the warning about a Transformers property that PEFT uses by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.* is deprecated", category=FutureWarning)
        yield


def base_directory(directory: Path) -> Path:
    """The directory of an adapter's base, which lies beside the adapter's own under the recorded name.

    Raises:
        UserError: there is none.
    """
    name = _recorded_base(directory)[0]
    above = Path(os.path.normpath(directory / ".."))
    candidates = [above / name, above.parent / name]  # the second for the last weights, which have a folder of their own below
    base = next((candidate for candidate in candidates if (candidate / "model.safetensors").is_file()), None)
    if base is None:
        raise UserError(f"{directory}: its base {name} was not found beside it, expected {candidates[0] / 'model.safetensors'}")
    return base


def check_base(directory: Path, base: Path) -> None:
    """Refuse a base other than the one that an adapter was trained with.

    Raises:
        UserError: the base's weights are not those that the adapter records.
    """
    expected = _recorded_base(directory)[1]
    if expected and (digest := sha256(base / "model.safetensors")) != expected:
        raise UserError(
            f"{directory}: an adapter for another base: expected weights of SHA-256 {expected[:16]}…, found {digest[:16]}… in "
            f"{base}"
        )


def _recorded_base(directory: Path) -> tuple[str, str | None]:
    """The recorded name of an adapter's base and the SHA-256 of its weights; None for an adapter that was made elsewhere."""
    try:
        config = json.loads((directory / CONFIG).read_bytes())
        revision = config.get("revision") or ""
        return Path(config["base_model_name_or_path"]).name, revision if re.fullmatch("[0-9a-f]{64}", revision) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{directory / CONFIG}: expected an adapter's configuration with the name of its base") from None


def open_adapter(directory: Path, base: PreTrainedModel, one_type: bool = False) -> PreTrainedModel:
    """Open an adapter for inference; ``base`` is changed in place and returned.

    With ``one_type`` the adapter's weights are of the base's type; otherwise those of LoRA are float32 at least.
    """
    from peft import PeftModel

    with torch.random.fork_rng(devices=[]), without_peft_warnings():  # weights are drawn before they are read
        peft = PeftModel.from_pretrained(base, str(directory), local_files_only=True, autocast_adapter_dtype=not one_type)
    return _base_with_adapter(peft)
