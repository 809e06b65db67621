"""Drums: two small convolutional networks that tell kick, snare, hat, tom, cymbal, note and hit apart."""

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

CLASSES = ("kick", "snare", "hat", "tom", "cymbal", "note", "hit")  # hit: kick, snare, tom or crash
STROKES = [CLASSES.index(name) for name in ("kick", "snare", "tom")]
NETWORKS = ("sampled", "mixed")  # trained on sampled kits, and on synthetic ones too: each hears what the other misses
DILATIONS = {"a": 1, "b": 2, "c": 4}  # of the convolutions, by their name in the file
LEVEL_CONTEXT = 200  # frames on both sides whose mean level is taken off
CONTEXT = 2 * sum(DILATIONS.values()) + LEVEL_CONTEXT  # frames on both sides that a frame depends on


@cache
def weights() -> dict[str, NDArray[np.float32]]:
    """The networks' weights by name, as float32."""
    with (files(__package__) / "hits-net.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def drum_probabilities(levels: NDArray[np.float32], growth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of each of CLASSES at each frame, the mean of both networks: float32 [n, 7].

    `levels` and `growth` are the bands of `compressed` and of `growth`, [n, 139]. The first and last CONTEXT frames
    see less than the networks want; where the song goes on there, the caller cuts them off.
    """
    n = len(levels)
    sums = np.concatenate([np.zeros((1, levels.shape[1])), np.cumsum(levels, 0, dtype=np.float64)])
    at = np.arange(n)
    first, last = np.maximum(at - LEVEL_CONTEXT, 0), np.minimum(at + LEVEL_CONTEXT, n)
    mean = ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)
    x = np.concatenate([levels - mean, growth], axis=1)
    sampled, mixed = (_run(network, x) for network in NETWORKS)
    # The first network has no class of hits: any stroke is one.
    hit = sampled[:, STROKES].max(axis=1, keepdims=True)
    both: NDArray[np.float32] = (np.concatenate([sampled, hit], axis=1) + mixed) * np.float32(0.5)
    return both


def _run(network: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of one network."""
    net = weights()
    for name, dilation in DILATIONS.items():
        x = np.maximum(_convolution(x, net[f"{network}.{name}.weight"], net[f"{network}.{name}.bias"], dilation), 0)
    logits = _convolution(x, net[f"{network}.out.weight"], net[f"{network}.out.bias"], 1)
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
