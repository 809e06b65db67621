"""Chroma: how strongly each of the twelve pitch classes sounds, from C to B."""

import numpy as np
from numpy.typing import NDArray

WINDOW_SECONDS = 0.186  # 8192 samples at 44.1 kHz: tells semitones apart from 80 Hz up
HOP_SECONDS = 0.25
LOWEST, HIGHEST = 80.0, 2100.0  # Hz
SPREAD = 0.35  # standard deviation, semitones
GAIN = 50.0  # of the logarithm
C0 = 16.3516  # Hz, 440 / 2^(57/12)
SILENCE = 1e-3  # norm under which nothing is heard


def chroma_weights(frequencies: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weight of each bin in each pitch class, a Gaussian around its semitone: float32 [bins, 12]."""
    heard = (frequencies >= LOWEST) & (frequencies <= HIGHEST)
    pitch = 12 * np.log2(np.maximum(frequencies, 1.0) / C0)
    away = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    weights: NDArray[np.float64] = np.exp(-0.5 * (away / SPREAD) ** 2) * heard[:, None]
    return weights.astype(np.float32)


def chroma(spectrum: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Chroma of each frame of `spectrum` [n, bins], of norm 1 or 0 in silence: float32 [n, 12]."""
    classes = np.log1p(np.float32(GAIN) * spectrum) @ weights
    norm = np.linalg.norm(classes, axis=1, keepdims=True)
    return np.where(norm > SILENCE, classes / np.maximum(norm, SILENCE), 0).astype(np.float32)
