"""Tempo: how often the beat comes, for the whole song and along it, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.audio.features.column import FRAME_RATE, Column

SLOWEST, FASTEST = 40.0, 240.0  # beats a minute
TYPICAL, OCTAVES = 125.0, 1.0  # centre and width of the log-normal prior
COMB = {1: 1.0, 2: 0.8, 3: 0.6, 4: 0.8, 6: 0.4, 8: 0.5}  # multiples of the beat and what a repetition there counts
REFINED = 32  # multiples that fix the tempo to a fraction of a percent
MEAN_SECONDS = 4.0  # local mean that is taken off, so that loud passages do not repeat themselves


@dataclass(frozen=True)
class Tempo:
    """`bpm` is 0 where nothing repeats; `confidence` 0..1."""

    bpm: float
    confidence: float


def novelty(*curves: Column) -> NDArray[np.float64]:
    """Sum of onset-like curves, each without its local mean and over its deviation: float64 [n]."""
    total = np.zeros(len(curves[0]))
    for curve in curves:
        exact = curve.astype(np.float64)
        flat = curve - scipy.ndimage.uniform_filter1d(exact, round(MEAN_SECONDS * FRAME_RATE), mode="nearest")
        total += flat / max(float(flat.std()), 1e-9)
    return total


def autocorrelation(signal: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Autocorrelation at lags 0..lags - 1 over the one at 0, unbiased: float64 [lags]."""
    n = len(signal)
    spectrum = scipy.fft.rfft(signal, scipy.fft.next_fast_len(n + lags, real=True))
    raw = scipy.fft.irfft(np.abs(spectrum) ** 2, scipy.fft.next_fast_len(n + lags, real=True))[:lags]
    overlap = np.maximum(n - np.arange(lags), n / 4)  # fewer than that would make noise look like repetition
    return raw / overlap / max(float(raw[0]) / n, 1e-12)


def comb(repeats: NDArray[np.float64], periods: NDArray[np.float64], teeth: dict[int, float]) -> NDArray[np.float64]:
    """Weighted mean of `repeats` at the multiples `teeth` of each period (in frames): float64 [periods]."""
    lags = np.arange(len(repeats))
    return sum(
        (weight * np.interp(k * periods, lags, repeats, right=0.0) for k, weight in teeth.items()),
        np.zeros(len(periods)),
    ) / sum(teeth.values())


def prior(bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-normal weight of each tempo, 1 at TYPICAL."""
    return np.exp(-0.5 * (np.log2(bpm / TYPICAL) / OCTAVES) ** 2)


def find_tempo(signal: NDArray[np.float64]) -> Tempo:
    """Tempo of a `novelty`."""
    longest = 60 / SLOWEST * FRAME_RATE
    if len(signal) < 2 * longest or not np.any(signal):
        return Tempo(0.0, 0.0)
    repeats = autocorrelation(signal, min(len(signal), int(longest * REFINED) + 2))
    bpm = SLOWEST * (FASTEST / SLOWEST) ** np.linspace(0, 1, 1000)
    periods = 60 / bpm * FRAME_RATE
    strength = comb(repeats, periods, COMB)
    best = int(np.argmax(strength * prior(bpm)))
    fine = periods[best] * np.linspace(0.98, 1.02, 401)
    teeth = {k: 1.0 for k in range(1, REFINED + 1) if k * periods[best] < len(signal) / 2}
    period = float(fine[np.argmax(comb(repeats, fine, teeth))])
    return Tempo(60 * FRAME_RATE / period, float(np.clip(strength[best], 0, 1)))
