"""Networks whose weights, gradients and optimizer states are divided among several cards, by PyTorch's FSDP through Accelerate.

For those that one card cannot hold beside their gradients and moments: GPT2-XL takes 25 GB of them.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn
from transformers import PreTrainedModel

from relab.errors import UserError
from relab.training.processes import Processes


def shard(network: PreTrainedModel, processes: Processes, device: torch.device) -> None:
    """Divide a network among the processes, in place; each block of it is put together while it computes.

    Raises:
        UserError: there is one process, or no block to divide by is known of the architecture.
    """
    if processes.count == 1:
        raise UserError(
            f"training.sharded: expected several cards, found one ({device.type}): ask for them by "
            "--set-resources finetune_model:gpu=2, say, or leave sharded out"
        )
    if not network._no_split_modules:
        raise UserError(f"training.sharded: Transformers names no blocks of {network.config.model_type} to divide it by")
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.fsdp_utils import fsdp2_prepare_model

    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="transformer_based_wrap", cpu_ram_efficient_loading=False
    )
    # what of Accelerate's Accelerator it reads; an Accelerator would want a card, and the optimizer at the same time
    accelerator = SimpleNamespace(
        state=SimpleNamespace(fsdp_plugin=plugin), mixed_precision="no", is_main_process=processes.first, device=device
    )
    fsdp2_prepare_model(accelerator, network)


def gather(network: nn.Module) -> None:
    """Put a divided network together again, in place, on the CPU of every process."""
    for module in network.modules():
        if hasattr(module, "reshard"):
            module.reshard()
    whole_ones: dict[int, nn.Parameter] = {}  # tied weights stay one
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                if id(parameter) not in whole_ones:
                    whole_ones[id(parameter)] = nn.Parameter(whole(parameter.detach()).cpu(), parameter.requires_grad)
                module._parameters[name] = whole_ones[id(parameter)]
        if hasattr(module, "reshard"):  # a class that FSDP has made of the module's own
            module.__class__ = type(module).__mro__[2]


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor of which each process has a part; any other tensor as it is."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def like(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """A whole tensor divided as a parameter is; as it is where that one is not divided."""
    if not hasattr(parameter, "full_tensor"):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, parameter.device_mesh, parameter.placements)
