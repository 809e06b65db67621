"""One loudness for all: spectra are scaled by the loud passages around them, so that no gain changes what is found."""

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.features.column import FRAME_RATE

REACH = 30  # s on both sides whose loudness counts
LOUD = 90  # percentile of the seconds in reach that sets the scale
TARGET = 0.007  # mean of the bands in a loud second of a mastered song
QUIETEST = 2e-5  # scale below which a passage is silence: the hiss of 16 bits stays hiss


class Levelling:
    """Scale bands [n, bands] that arrive in blocks; gives them back REACH s later."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.float32]] = []  # whole seconds that are not given back yet
        self._part = np.zeros((0, 0), np.float32)  # the second that is not complete
        self._loudness: list[float] = []  # of every second so far
        self._done = 0  # seconds given back

    def feed(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take in the next rows; return those that are due, [n, bands]."""
        held = np.concatenate([self._part, rows]) if len(self._part) else rows
        whole = len(held) // FRAME_RATE * FRAME_RATE
        for first in range(0, whole, FRAME_RATE):
            self._rows.append(held[first : first + FRAME_RATE])
            self._loudness.append(float(held[first : first + FRAME_RATE].mean(dtype=np.float64)))
        self._part = held[whole:]
        # A second is due when the scales of it and of the next one are known.
        return self._give(len(self._loudness) - REACH - 1, rows.shape[1])

    def finish(self) -> NDArray[np.float32]:
        """Return the rest."""
        if len(self._part):
            self._loudness.append(float(self._part.mean(dtype=np.float64)))
            self._rows.append(self._part)
        return self._give(len(self._loudness), self._part.shape[1])

    def _give(self, stop: int, bands: int) -> NDArray[np.float32]:
        out = [np.zeros((0, bands), np.float32)]
        while self._done < stop:
            rows = self._rows.pop(0)
            near = [np.log(self._scale(self._done + k)) for k in (-1, 0, 1)]
            at = (np.arange(len(rows)) + 0.5) / FRAME_RATE - 0.5
            gain = TARGET / np.exp(np.interp(at, (-1, 0, 1), near))
            out.append(rows * gain[:, None].astype(np.float32))
            self._done += 1
        return np.concatenate(out)

    def _scale(self, second: int) -> float:
        last = len(self._loudness) - 1
        middle = min(max(second, 0), last)
        around = self._loudness[max(0, middle - REACH) : middle + REACH + 1]
        return max(float(np.percentile(around, LOUD)), QUIETEST)
