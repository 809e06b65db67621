"""Small convolutional networks over time, in numpy: what drums and notes are heard with."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

LEVEL_CONTEXT = 200  # frames on both sides whose mean level is taken off
WIDTH = 5  # frames that a convolution takes in, `dilation` apart

Dilations = Mapping[str, int]
"""Of the convolutions, by their name in the file of weights."""


@cache
def weights(name: str) -> dict[str, NDArray[np.float32]]:
    """Weights of a file beside this module, as float32."""
    with (files(__package__) / name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key].astype(np.float32) for key in arrays.files}


def context(dilations: Dilations) -> int:
    """Frames on both sides that a network's output depends on."""
    return WIDTH // 2 * sum(dilations.values()) + LEVEL_CONTEXT


def inputs(levels: NDArray[np.float32], growth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make a network's input of `compressed` bands and their `growth`, [n, BANDS] each: float32 [n, 2 BANDS].

    Levels less their mean over LEVEL_CONTEXT frames on both sides, and growth.
    """
    n = len(levels)
    sums = np.concatenate([np.zeros((1, levels.shape[1])), np.cumsum(levels, 0, dtype=np.float64)])
    at = np.arange(n)
    first, last = np.maximum(at - LEVEL_CONTEXT, 0), np.minimum(at + LEVEL_CONTEXT, n)
    mean = ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)
    return np.concatenate([levels - mean, growth], axis=1)


def probabilities(
    x: NDArray[np.float32], net: Mapping[str, NDArray[np.float32]], dilations: Dilations, network: str = ""
) -> NDArray[np.float32]:
    """Probabilities of a network's classes at each frame of `inputs`: float32 [n, classes].

    `network` is what the names of its weights in `net` begin with.
    """
    for name, dilation in dilations.items():
        x = np.maximum(_convolution(x, net[f"{network}{name}.weight"], net[f"{network}{name}.bias"], dilation), 0)
    logits = _convolution(x, net[f"{network}out.weight"], net[f"{network}out.bias"], 1)
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)


def _convolution(
    x: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32], dilation: int
) -> NDArray[np.float32]:
    """Convolve x [n, in] over time with weight [out, in, width], silence around: float32 [n, out]."""
    width = weight.shape[2]
    pad = (width - 1) // 2 * dilation
    padded = np.pad(x, ((pad, pad), (0, 0)))
    out = np.tile(bias, (len(x), 1))
    for k in range(width):
        out += padded[k * dilation : k * dilation + len(x)] @ weight[:, :, k].T
    return out
