"""Architectures without weights: models on torch's meta device, whose tensors have shapes and no contents.

They count and trace models of any size in seconds and a few megabytes.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, OpenAIGPTConfig, PreTrainedConfig, PreTrainedModel

from relab.checkpoints import told_as_error
from relab.errors import UserError
from relab.settings.sizes import Size

#: Transformers' configurations of the architectures that settings may name.
CONFIGURATIONS = {"openai-gpt": OpenAIGPTConfig, "gpt2": GPT2Config}


def configuration(size: Size) -> PreTrainedConfig:
    """The configuration of a published architecture; what ``size`` does not say is as published."""
    return CONFIGURATIONS[size.architecture](
        vocab_size=size.vocabulary, n_positions=size.context, n_embd=size.width, n_layer=size.layers, n_head=size.heads
    )


def configuration_of(directory: Path) -> PreTrainedConfig:
    """The configuration of a model directory; its weights are not read.

    Raises:
        UserError: where there is none, or one that Transformers does not know. Code in the directory never runs.
    """
    if not (directory / "config.json").is_file():
        raise UserError(f"{directory}: no config.json in it, expected a model directory")
    with told_as_error(directory / "config.json", "a model's configuration"):
        return AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)


def skeleton(config: PreTrainedConfig, name: str) -> PreTrainedModel:
    """A language model of that configuration on the meta device, float32, attention computed step by step (``eager``): the one
    implementation that every architecture has and that runs on this device.

    Raises:
        UserError: a configuration that describes no language model; ``name`` says whose it is.
    """
    with told_as_error(name, "a language model"), torch.device("meta"):
        # of a copy: Transformers notes the type and the attention in the configuration that it is given
        return AutoModelForCausalLM.from_config(deepcopy(config), attn_implementation="eager", dtype=torch.float32)
