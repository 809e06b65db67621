"""Frequency bands: the 139 triangles that onsets and drums are found in, and the level between two frequencies."""

import numpy as np
import scipy
from numpy.typing import NDArray

LOWEST, HIGHEST = 27.5, 16_000.0  # Hz
BANDS_PER_OCTAVE = 24
BIN = 44_100 / 2048  # Hz; bands are placed on this grid at every rate, so that one network serves all
GAIN = 20.0  # of the logarithm: levels under 1 / GAIN of full scale count linearly


def corners() -> NDArray[np.float64]:
    """Corners of the triangles in Hz: float64 [139 + 2]; triangle b rises from b to b + 1 and falls to b + 2.

    24 an octave, on whole multiples of BIN; those that share a multiple are one.
    """
    count = int(np.log2(HIGHEST / LOWEST) * BANDS_PER_OCTAVE) + 2  # the last one is the corner beyond HIGHEST
    ideal = LOWEST * 2 ** (np.arange(count) / BANDS_PER_OCTAVE)
    return np.unique(np.rint(ideal / BIN)) * BIN


BANDS = len(corners()) - 2  # 139


def triangles(frequencies: NDArray[np.float64]) -> "scipy.sparse.csr_array":
    """Weights of the bins at `frequencies` in each band, a sum of 1 each: sparse float32 [BANDS, bins].

    Bands that reach beyond the last frequency are 0: such a rate holds nothing of them.
    """
    spacing = frequencies[1] - frequencies[0]
    rows = []
    for left, middle, right in zip(*(corners()[k : BANDS + k] for k in range(3)), strict=True):
        rise = np.clip((frequencies - min(left, middle - spacing)) / max(middle - left, spacing), 0, None)
        fall = np.clip((max(right, middle + spacing) - frequencies) / max(right - middle, spacing), 0, None)
        weights = np.minimum(rise, fall) * (right <= frequencies[-1])
        rows.append(weights / max(weights.sum(), 1e-9))
    return scipy.sparse.csr_array(np.array(rows, np.float32))


def band_level(
    spectrum: NDArray[np.float32], frequencies: NDArray[np.float64], low: float, high: float
) -> NDArray[np.float32]:
    """Level of low <= f < high Hz in each frame of `spectrum` [n, bins]: float32 [n]; a full-scale sine is 1."""
    first, last = np.searchsorted(frequencies, [low, high])
    part = spectrum[:, first:last]
    # 1.5 bins is the noise bandwidth of a Hann window: the power of a sine is spread over that many.
    level: NDArray[np.float32] = np.sqrt(np.einsum("nb,nb->n", part, part) / np.float32(1.5))
    return level


def compressed(magnitudes: NDArray[np.float32], gain: float = GAIN) -> NDArray[np.float32]:
    """Return log10(1 + gain x), which hears differences of quiet and of loud sounds alike."""
    levels: NDArray[np.float32] = np.log10(1 + np.float32(gain) * magnitudes)
    return levels
