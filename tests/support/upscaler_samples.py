"""Real photographs and small networks to try things on."""

from importlib import import_module

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.networks.realesrgan.architecture import Network
from akma_core.networks.realesrgan.rrdb import RRDBNet
from akma_core.networks.realesrgan.srvgg import SRVGGNetCompact

CHINA, FLOWER = 0, 1  # scikit-learn's sample images, 427 x 640


def photo(index: int, top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
    """uint8 [height, width, 3], a crop of a photograph."""
    images = import_module("sklearn.datasets").load_sample_images().images
    crop: NDArray[np.uint8] = images[index][top : top + height, left : left + width]
    assert crop.shape == (height, width, 3)
    return crop.copy()


def small_compact(scale: int = 4) -> Network:
    return _lively(SRVGGNetCompact(8, 3, scale))


def small_rrdb(scale: int = 4) -> Network:
    return _lively(RRDBNet(8, 2, 4, scale))


def small_state(scale: int = 4) -> dict[str, Tensor]:
    return small_compact(scale).state_dict()


def _lively(network: Network) -> Network:
    """Random weights that no layer dies of; the biases bring the output near mid-grey."""
    generator = torch.Generator().manual_seed(3)
    state = network.state_dict()
    for name, value in state.items():
        fan_in = value[0].numel() if value.ndim == 4 else 1
        noise = torch.randn(value.shape, generator=generator)
        state[name] = 0.5 + 0.1 * noise if value.ndim == 1 else noise * fan_in**-0.5
    network.load_state_dict(state)
    return network.requires_grad_(False).eval()
