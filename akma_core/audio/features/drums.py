"""Drums: a small convolutional network that tells kick, snare, hat, tom, cymbal, notes and hits apart at every frame."""

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

CLASSES = ("kick", "snare", "hat", "tom", "cymbal", "note", "hit")  # hit: kick, snare, tom or crash
DILATIONS = {"a": 1, "b": 2, "c": 4}  # of the convolutions, by their name in the file
LEVEL_CONTEXT = 200  # frames on both sides whose mean level is taken off
CONTEXT = 2 * sum(DILATIONS.values()) + LEVEL_CONTEXT  # frames on both sides that a frame depends on

Weights = dict[str, NDArray[np.float32]]


@cache
def weights() -> Weights:
    """The network's weights by name, as float32."""
    with (files(__package__) / "hits-net.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def drum_probabilities(levels: NDArray[np.float32], growth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of each of CLASSES at each frame: float32 [n, 7].

    `levels` and `growth` are the bands of `compressed` and of `growth`, [n, 139]. The first and last CONTEXT frames
    see less than the network wants; where the song goes on there, the caller cuts them off.
    """
    n = len(levels)
    sums = np.concatenate([np.zeros((1, levels.shape[1])), np.cumsum(levels, 0, dtype=np.float64)])
    at = np.arange(n)
    first, last = np.maximum(at - LEVEL_CONTEXT, 0), np.minimum(at + LEVEL_CONTEXT, n)
    mean = ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)
    x = np.concatenate([levels - mean, growth], axis=1)
    net = weights()
    for name, dilation in DILATIONS.items():
        x = np.maximum(_convolution(x, net[f"{name}.weight"], net[f"{name}.bias"], dilation), 0)
    logits = _convolution(x, net["out.weight"], net["out.bias"], 1)
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


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
