"""Peaks of a song for drawing it: the lowest and the highest sample of each 400th of a second, made once."""

import time

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.reader import AudioReader, Bins
from akma_core.timeline import sample_bounds

PEAK_RATE = 400  # a second
FULL_SCALE = 32767
Peaks = NDArray[np.int16]  # [n, 2]: lowest and highest


def read_peaks(reader: AudioReader, seconds: float | None = None) -> Peaks | None:
    """Peaks of the mean over channels, clipped to full scale; None where reading takes longer than `seconds`."""
    samples, until = reader.info.samples, None if seconds is None else time.monotonic() + seconds
    parts = max(1, min(samples, round(samples / reader.info.sample_rate * PEAK_RATE)))
    bounds = sample_bounds(samples, parts)
    low, high = Bins(np.minimum, bounds, np.inf), Bins(np.maximum, bounds, -np.inf)
    position = 0
    for block in reader.blocks(dtype="float32"):
        mono = block.mean(axis=1, dtype=np.float64)
        low.fold(position, mono)
        high.fold(position, mono)
        position += len(mono)
        if until is not None and time.monotonic() > until:
            return None
    pair = np.clip(np.stack([low.value, high.value], axis=1), -1, 1)
    whole: Peaks = np.rint(pair * FULL_SCALE).astype(np.int16)
    return whole


def reduced(peaks: Peaks, first: int, stop: int, points: int) -> Peaks:
    """At most `points` peaks of those from `first` up to but without `stop`, [n, 2]."""
    part = peaks[first:stop]
    if len(part) <= points:
        return part
    starts = np.arange(points) * len(part) // points
    low, high = np.minimum.reduceat(part[:, 0], starts), np.maximum.reduceat(part[:, 1], starts)
    return np.stack([low, high], axis=1)
