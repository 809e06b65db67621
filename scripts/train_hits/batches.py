"""Batches of clips, changed at random so that the network hears more rooms, mixes and recordings than there are."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.audio.features.bands import BANDS
from akma_core.audio.features.convolutions import LEVEL_CONTEXT
from akma_core.audio.features.drums import CLASSES

from .clip import Clip

Floats = NDArray[np.float32]
SIZE, FRAMES = 16, 400  # clips of a batch, and labelled frames of each
EARLY, LEAST = 150, 250  # frames before a clip's start, and of it, that an excerpt has
SHIFTED = 0.6  # share of excerpts whose bands are moved
EQUALISER, EQ_POINTS = 9.0, 7  # dB
MIXED, MIX_DB = 0.2, -15.0  # share of excerpts with another one beneath, the least level of it
MIX_LABELLED = 0.4  # level from which the other's strokes are strokes
GAIN_DB = (-14.0, 8.0)
NOISY, NOISE_DB = 0.5, (-75.0, -45.0)
DULL, DULL_BAND = 0.12, 75  # share without the bands from a random one on, at least DULL_BAND


class Batches:
    """Random excerpts of clips."""

    def __init__(self, clips: Sequence[Clip], rng: np.random.Generator, shift: int) -> None:
        """`shift`: bands that an excerpt is moved by at most. ValueError where no clip has LEAST frames."""
        self._clips, self._rng, self._shift = [clip for clip in clips if len(clip.bands) >= LEAST], rng, shift
        if not self._clips:
            raise ValueError(f"no clip has {LEAST} frames: make longer ones")
        lengths = np.array([len(clip.bands) for clip in self._clips], float)
        self._chances = lengths / lengths.sum()
        self._noise = np.abs(rng.normal(size=(FRAMES + 4 * LEVEL_CONTEXT, BANDS))).astype(np.float32)

    def draw(self, size: int = SIZE) -> tuple[Tensor, Tensor]:
        """Bands [size, FRAMES + 2 LEVEL_CONTEXT, BANDS] and labels [size, 7, FRAMES] of `size` excerpts."""
        pairs = [self._changed() for _ in range(size)]
        bands, labels = (np.stack(parts) for parts in zip(*pairs, strict=True))
        return torch.from_numpy(bands), torch.from_numpy(labels).transpose(1, 2)

    def _changed(self) -> tuple[Floats, Floats]:
        rng = self._rng
        bands, labels = self._excerpt()
        if rng.random() < MIXED:
            level = 10 ** (rng.uniform(MIX_DB, 0) / 20)
            other, its_labels = self._excerpt()
            bands = np.hypot(bands, np.float32(level) * other)
            if level > MIX_LABELLED:
                labels = np.maximum(labels, its_labels)
        bands = bands * np.float32(10 ** (rng.uniform(*GAIN_DB) / 20))
        if rng.random() < NOISY:
            first = int(rng.integers(0, len(self._noise) - len(bands)))
            bands = bands + self._noise[first : first + len(bands)] * np.float32(10 ** (rng.uniform(*NOISE_DB) / 20))
        if rng.random() < DULL:
            bands[:, int(rng.integers(DULL_BAND, BANDS)) :] = 0
        return bands, labels

    def _excerpt(self) -> tuple[Floats, Floats]:
        """Bands and labels from a random frame on, silence around the clip, the bands moved and equalised."""
        rng = self._rng
        clip = self._clips[int(rng.choice(len(self._clips), p=self._chances))]
        n = len(clip.bands)
        start = int(rng.integers(-EARLY, n - LEAST + 1))
        bands = np.zeros((FRAMES + 2 * LEVEL_CONTEXT, BANDS), np.float32)
        labels = np.zeros((FRAMES, len(CLASSES)), np.float32)
        _copy(clip.bands, start - LEVEL_CONTEXT, bands)
        _copy(clip.labels, start, labels)
        shift = int(rng.integers(-self._shift, self._shift + 1))
        if shift and rng.random() < SHIFTED:
            bands = np.roll(bands, shift, axis=1)
            bands[:, : max(shift, 0)] = 0
            bands[:, BANDS + min(shift, 0) :] = 0
        points = rng.uniform(-EQUALISER, EQUALISER, EQ_POINTS)
        curve = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, EQ_POINTS), points)
        return bands * (10 ** (curve / 20)).astype(np.float32), labels


def _copy(rows: NDArray[np.float16], first: int, out: Floats) -> None:
    """Rows from `first` on into `out`; what lies outside stays."""
    lo, hi = max(first, 0), min(first + len(out), len(rows))
    if lo < hi:
        out[lo - first : hi - first] = rows[lo:hi]
