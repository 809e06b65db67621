"""The percussive and the harmonic part of a sound: what is short and broad, and what lasts at one pitch."""

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.audio.features.column import FRAME_RATE

HARMONIC_SECONDS = 0.21  # that a tone must outlast the half of
PERCUSSIVE_BANDS = 17  # 0.7 octaves, that a stroke must be broader than the half of
CONTEXT = round(HARMONIC_SECONDS * FRAME_RATE) // 2  # frames on both sides that a frame depends on


def percussive_mask(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of each frame and band that is percussive: float32 [n, bands], 0..1; the rest is harmonic.

    V^2 / (V^2 + H^2), V the median of `levels` over bands and H over time. Fitzgerald, DAFx 2010.
    """
    harmonic = _running_median(levels.T, 2 * CONTEXT + 1).T ** 2
    percussive = _running_median(levels, PERCUSSIVE_BANDS) ** 2
    mask: NDArray[np.float32] = percussive / np.maximum(percussive + harmonic, np.float32(1e-12))
    return mask


def _running_median(rows: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Median of `size` neighbours along each row; ends repeat."""
    half = size // 2
    padded = np.pad(rows, ((0, 0), (half, half)), mode="edge")
    # One long row: SciPy's filter of one dimension is ten times faster than that of two, and the ends are cut off.
    filtered = scipy.ndimage.median_filter(padded.ravel(), size, mode="nearest").reshape(padded.shape)
    out: NDArray[np.float32] = filtered[:, half : half + rows.shape[1]]
    return out
