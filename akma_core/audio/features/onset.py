"""Onsets: how much the spectrum grows, and the instants where it grows most."""

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.audio.features.column import FRAME_RATE, Column

LOCAL_SECONDS = 4.0  # on both sides, over which the local scale is averaged
PEAK_REACH = 0.03  # s on both sides that a peak is the maximum of
BEFORE, AFTER = 0.10, 0.07  # s whose mean a peak must exceed
APART = 0.06  # s between two peaks
SILENCE = 2e-3  # scale below which nothing is an onset


def growth(levels: NDArray[np.float32], before: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Growth of each band from frame to frame beyond its neighbours' last level: float32 [n, bands], >= 0.

    The maximum over neighbours makes vibrato no onset. `before` [1, bands] is the frame before the first, by
    default silence. SuperFlux: Boeck and Widmer, DAFx 2013.
    """
    last = np.zeros_like(levels)
    last[1:] = levels[:-1]
    if before is not None:
        last[:1] = before
    widest = last.copy()
    np.maximum(widest[:, 1:], last[:, :-1], out=widest[:, 1:])
    np.maximum(widest[:, :-1], last[:, 1:], out=widest[:, :-1])
    grown: NDArray[np.float32] = np.maximum(levels - widest, 0)
    return grown


def local_scale(curve: Column) -> Column:
    """Size of the peaks around each frame: float32 [n], so that a hit in a quiet passage counts as one in a loud.

    The 98th percentile of each second, averaged over LOCAL_SECONDS on both sides, at least a quarter of the 90th
    percentile of those averages over the whole song.
    """
    if not len(curve):
        return curve
    seconds = -(-len(curve) // FRAME_RATE)
    padded = np.full(seconds * FRAME_RATE, np.nan, np.float32)
    padded[: len(curve)] = curve
    high = np.nanpercentile(padded.reshape(seconds, FRAME_RATE), 98, axis=1)
    mean = scipy.ndimage.uniform_filter1d(high, round(2 * LOCAL_SECONDS) + 1, mode="nearest")
    scale = np.maximum(mean, np.percentile(mean, 90) / 4)
    middle = (np.arange(seconds) + 0.5) * FRAME_RATE
    return np.interp(np.arange(len(curve)), middle, scale).astype(np.float32)


def normalised(curve: Column) -> Column:
    """Return the curve over its local scale; a silent song stays 0."""
    scale = local_scale(curve)
    return np.where(scale > SILENCE, curve / np.maximum(scale, SILENCE), 0).astype(np.float32)


def peaks(curve: Column, delta: float, least: float = 0.0, apart: float = APART) -> NDArray[np.float64]:
    """Peaks of `curve` as [[time in s, height]]: float64 [n, 2], in time order.

    A peak is the maximum within PEAK_REACH, at least `least` high and by `delta` above the mean of BEFORE and AFTER;
    of peaks less than `apart` s from each other only the highest stays. A parabola places it between the frames.
    """
    n = len(curve)
    if not n:
        return np.zeros((0, 2))
    before, after = round(BEFORE * FRAME_RATE), round(AFTER * FRAME_RATE)
    # Silence lies before and after the song, for the mean too.
    padded = np.concatenate([np.zeros(before), curve.astype(np.float64), np.zeros(after)])
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    mean = (sums[before + after + 1 :] - sums[:n]) / (before + after + 1)
    highest = scipy.ndimage.maximum_filter1d(curve, 2 * round(PEAK_REACH * FRAME_RATE) + 1, mode="constant")
    found = np.flatnonzero((curve == highest) & (curve > 0) & (curve >= mean + delta) & (curve >= least))
    kept = np.zeros(n, bool)
    reach = max(0, int(np.ceil(apart * FRAME_RATE)) - 1)
    for k in found[np.argsort(-curve[found], kind="stable")]:
        if not kept[max(0, k - reach) : k + reach + 1].any():
            kept[k] = True
    at = np.flatnonzero(kept)
    left = np.where(at > 0, curve[at - 1], 0).astype(np.float64)
    right = np.where(at < n - 1, curve[np.minimum(at + 1, n - 1)], 0).astype(np.float64)
    bend = left - 2 * curve[at] + right
    shift = np.where((bend < 0) & (at > 0), 0.5 * (left - right) / np.minimum(bend, -1e-12), 0)
    return np.column_stack([np.maximum(at + np.clip(shift, -0.5, 0.5), 0) / FRAME_RATE, curve[at]])
