"""All tensors that a training goes on from, by name."""

import torch
from torch import Tensor, nn


def tensors_of(modules: dict[str, nn.Module], optimizers: dict[str, torch.optim.Adam]) -> dict[str, Tensor]:
    """The tensors themselves, so that filling them is restoring: weights, buffers, moments of Adam."""
    found = {f"{name}.{key}": value for name, each in modules.items() for key, value in each.state_dict().items()}
    for name, adam in optimizers.items():
        for k, weight in enumerate(weight for group in adam.param_groups for weight in group["params"]):
            found |= {f"{name}.{k}.{key}": value for key, value in _moments(adam, weight).items()}
    return found


def _moments(adam: torch.optim.Adam, weight: Tensor) -> dict[str, Tensor]:
    """Adam's state of a weight; made as Adam makes it where it has not moved yet."""
    state: dict[str, Tensor] = adam.state[weight]
    if not state:
        device = weight.device if adam.defaults["fused"] else torch.device("cpu")
        state["step"] = torch.zeros((), dtype=torch.float32, device=device)
        state["exp_avg"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        state["exp_avg_sq"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
    return state
