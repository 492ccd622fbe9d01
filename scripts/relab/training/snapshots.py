"""The weights of a network in training, the best ones, and the state of its optimizer, as the tensors of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from relab.errors import UserError
from relab.training.sharding import like, whole

#: The state of an optimizer by the number of the parameter.
_State = dict[int, dict[str, torch.Tensor]]


def capture_weights(
    parameters: Mapping[str, torch.Tensor], best: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    """Trained parameters, the best weights so far and the optimizer's state as tensors by name; sharded ones whole."""
    tensors = {f"model.{name}": whole(value.detach()) for name, value in parameters.items()}
    tensors |= {f"best.{name}": whole(value) for name, value in best.items()}
    for index, entries in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": whole(value) for key, value in entries.items() if value is not None}
    return tensors


def restore_weights(
    tensors: dict[str, torch.Tensor], parameters: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    """Restore what :func:`capture_weights` returned, and return the best weights by name.

    Raises:
        UserError: the checkpoint is of other trained weights.
    """
    state: _State = {}
    for name, value in with_prefix("optimizer.", tensors).items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = value
    weights = with_prefix("model.", tensors)
    _check_weights(weights, parameters)
    optimized = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    _check_moments(state, optimized)
    copy_weights(weights, parameters)
    moments = {
        index: {key: like(value, optimized[index]) if value.dim() else value for key, value in entries.items()}
        for index, entries in state.items()
    }
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return with_prefix("best.", tensors)


@torch.no_grad()
def copy_weights(values: Mapping[str, torch.Tensor], parameters: Mapping[str, torch.Tensor]) -> None:
    """Copy values, whole or sharded as the parameters are, into parameters."""
    for name, parameter in parameters.items():
        value = values[name]
        parameter.copy_(value if hasattr(value, "full_tensor") else like(value.to(parameter.device), parameter))


def with_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose name begins with a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _check_weights(weights: Mapping[str, torch.Tensor], parameters: Mapping[str, torch.Tensor]) -> None:
    expected = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    saved = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if differing := sorted(expected.items() ^ saved.items()):
        raise UserError(
            f"the checkpoint is of other trained weights: expected {len(expected)} tensors, found {len(saved)}, which "
            f"differ in {differing[0][0]}"
        )


def _check_moments(state: _State, optimized: list[torch.Tensor]) -> None:
    """Refuse optimizer states that do not fit the trained parameters."""
    shapes = [tuple(parameter.shape) for parameter in optimized]
    for index, entries in state.items():
        moments = [value for value in entries.values() if value.dim()]
        if not index < len(shapes) or any(tuple(value.shape) != shapes[index] for value in moments):
            expected = f"of the shape {list(shapes[index])}" if index < len(shapes) else f"of {len(shapes)} tensors"
            raise UserError(
                f"the optimizer's state does not fit: expected moments {expected}, found those of tensor {index + 1} of "
                f"the shape {list(moments[0].shape)}"
            )
