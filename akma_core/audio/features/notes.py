"""Notes: a small convolutional network that hears them begin in music without drums, slow attacks too."""

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.audio.features.bands import compressed
from akma_core.audio.features.column import FRAME_RATE, Column
from akma_core.audio.features.convolutions import inputs, probabilities, weights
from akma_core.audio.features.onset import growth

FILE = "notes-net.npz"
DILATIONS = {"a": 1, "b": 2, "c": 4, "d": 8}
GAIN = 400.0  # of the levels' logarithm: where a slow attack begins it is 20 dB below what drums are heard by
HISS = 5e-4  # mean of the bands that music exceeds within HISS_SECONDS: 23 dB below a loud second
HISS_SECONDS = 0.3


def note_probability(bands: NDArray[np.float32]) -> Column:
    """Probability that a note begins, at each frame of levelled `bands` [n, 139]: float32 [n]; 0 in hiss.

    The first and last `context(DILATIONS)` frames see less than the network wants.
    """
    levels = compressed(bands, GAIN)
    reach = 2 * round(HISS_SECONDS * FRAME_RATE) + 1
    heard = scipy.ndimage.maximum_filter1d(bands.mean(axis=1), reach, mode="constant") >= HISS
    note: Column = probabilities(inputs(levels, growth(levels)), weights(FILE), DILATIONS)[:, 0] * heard
    return note
