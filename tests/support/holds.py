"""Frames that go through a hold, chunk by chunk."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.hold import Hold

SIDE, FPS = 64, 30


def planes_of(levels: NDArray[np.float64], share: float = 1.0) -> NDArray[np.uint8]:
    """Grey frames of luma `levels`, in the left `share` of the picture; the rest stays dark."""
    planes = np.full((len(levels), SIDE * 3 // 2, SIDE), 128, np.uint8)
    planes[:, :SIDE] = 40
    planes[:, :SIDE, : round(SIDE * share)] = np.rint(levels)[:, None, None]
    return planes


def held_frames(
    kind: type[Hold], grid: Grid, planes: NDArray[np.uint8], borders: list[int]
) -> tuple[NDArray[np.uint8], int, NDArray[np.uint8]]:
    """Frames as chunks between `borders` show them, how many were held, and all of them small."""
    out: list[NDArray[np.uint8]] = []
    small: list[NDArray[np.uint8]] = []
    held = 0
    for start, stop in pairwise(borders):
        hold = kind(grid, FPS, stop - start, limit=True)
        out += [hold(planes[k : min(k + 3, stop)]) for k in range(start, stop, 3)]
        assert hold.done
        held, small = held + hold.held, [*small, hold.small]
    return np.concatenate(out), held, np.concatenate(small)


def square(hertz: float, frames: int = 120) -> NDArray[np.float64]:
    return np.where((np.arange(frames) / FPS * hertz) % 1 < 0.5, 60.0, 200.0)
