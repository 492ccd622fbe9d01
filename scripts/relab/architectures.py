"""Architectures without weights: models on torch's meta device, whose tensors have shapes and no contents.

They count and trace models of any size in seconds and a few megabytes.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, OpenAIGPTConfig, PreTrainedConfig, PreTrainedModel

from relab.checkpoints import user_errors
from relab.errors import UserError
from relab.settings.sizes import Size

#: Transformers' configurations of the architectures that settings may name.
CONFIGURATION_CLASSES = {"openai-gpt": OpenAIGPTConfig, "gpt2": GPT2Config}


def published_configuration(size: Size) -> PreTrainedConfig:
    """The Transformers configuration of a published architecture; what ``size`` leaves open is as published."""
    return CONFIGURATION_CLASSES[size.architecture](
        vocab_size=size.vocabulary, n_positions=size.context, n_embd=size.width, n_layer=size.layers, n_head=size.heads
    )


def load_configuration(directory: Path) -> PreTrainedConfig:
    """The configuration of a model directory; its weights are not read.

    Raises:
        UserError: there is none, or one that Transformers does not know. Code in the directory never runs.
    """
    if not (directory / "config.json").is_file():
        raise UserError(f"{directory}: no config.json in it, expected a model directory")
    with user_errors(directory / "config.json", "a model's configuration"):
        return AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)


def model_without_weights(config: PreTrainedConfig, name: str) -> PreTrainedModel:
    """A language model of a configuration on the meta device, in float32.

    Its attention is ``eager``, the only implementation that every architecture has and that runs on this device.

    Raises:
        UserError: a configuration that describes no language model; ``name``: the configuration in the message.
    """
    with user_errors(name, "a language model"), torch.device("meta"):
        # of a copy, since Transformers writes the type and the attention into the configuration
        return AutoModelForCausalLM.from_config(deepcopy(config), attn_implementation="eager", dtype=torch.float32)
