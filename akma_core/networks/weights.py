"""Weights of generators in AKMA's own format: safetensors beside a card (card.py), checked before they are used."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor, nn

from akma_core.errors import RequestError
from akma_core.files import sha256_of

from .card import WEIGHTS, NetworkCard


def write(generator: nn.Module, folder: Path, dtype: torch.dtype) -> None:
    """Write the weights of `generator` into an existing `folder`; OSError where the disk does not take them."""
    weights = {name: value.to(dtype).contiguous() for name, value in generator.state_dict().items()}
    (folder / WEIGHTS).write_bytes(serialize(weights))  # save_file hides the number of the disk's error


def read(folder: Path, card: NetworkCard, size: tuple[int, int], classes: int) -> dict[str, Tensor]:
    """The weights in `folder`; `size` (width, height) and `classes` are the configuration's.

    RequestError where the card says others, or the weights are not the card's.
    """
    try:
        if (card.width, card.height, card.classes) != (*size, classes):
            raise ValueError("its card says another size or other classes than its configuration")
        if sha256_of(folder / WEIGHTS) != card.weights_sha256:
            raise ValueError("its weights are not the card's: copy it again")
        weights: dict[str, Tensor] = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise unloadable(folder, error) from None
    return weights


def unloadable(folder: Path, error: Exception) -> RequestError:
    """Make the error about a network whose files are not what its card says."""
    reason = str(error).splitlines()[0]
    return RequestError(f"network {folder.name} cannot be loaded ({reason})", code="bad_network")


def check(weights: dict[str, Tensor], shapes: dict[str, tuple[int, ...]], kind: str) -> None:
    """RequestError unless `weights` have exactly these `shapes` and are finite."""
    for name, shape in shapes.items():
        if name not in weights or tuple(weights[name].shape) != shape:
            found = tuple(weights[name].shape) if name in weights else "nothing"
            raise RequestError(f"network weight {name} should have shape {shape}, found {found}", code="bad_network")
        if not torch.isfinite(weights[name]).all():
            raise RequestError(f"network weight {name} holds NaN or infinity", code="bad_network")
    if extra := sorted(weights.keys() - shapes.keys()):
        raise RequestError(f"network weight {extra[0][:80]} belongs to no {kind} generator", code="bad_network")
