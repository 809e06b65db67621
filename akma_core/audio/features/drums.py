"""Drums: two small convolutional networks that tell kick, snare, hat, tom, cymbal, note and hit apart."""

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.features.convolutions import inputs, probabilities, weights

CLASSES = ("kick", "snare", "hat", "tom", "cymbal", "note", "hit")  # hit: kick, snare, tom or crash
STROKES = [CLASSES.index(name) for name in ("kick", "snare", "tom")]
NETWORKS = ("sampled", "mixed")  # trained on sampled kits, and on synthetic ones too: each hears what the other misses
FILE = "hits-net.npz"
DILATIONS = {"a": 1, "b": 2, "c": 4}


def drum_probabilities(levels: NDArray[np.float32], growth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of each of CLASSES at each frame, the mean of both networks: float32 [n, 7].

    `levels` and `growth` are the bands of `compressed` and of `growth`, [n, 139]. The first and last
    `context(DILATIONS)` frames see less than the networks want; where the song goes on there, the caller cuts them off.
    """
    x = inputs(levels, growth)
    sampled, mixed = (probabilities(x, weights(FILE), DILATIONS, f"{network}.") for network in NETWORKS)
    # The first network has no class of hits: any stroke is one.
    hit = sampled[:, STROKES].max(axis=1, keepdims=True)
    both: NDArray[np.float32] = (np.concatenate([sampled, hit], axis=1) + mixed) * np.float32(0.5)
    return both
