"""Mixtures of a frame with the frame before that keep each pixel's brightness within bounds."""

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.media.flash.grid import CODE_OF, LINEAR, Grid
from akma_core.media.flash.standards import LUMINANCE_STEP
from akma_core.media.flash.transitions import Luminance

SPREAD = 4  # cells, of 48 along the longer side

Planes = NDArray[np.uint8]
Weights = NDArray[np.float32]

# Light of luma's codes, 16 to 235, as of greys.
_LIGHT = LINEAR[np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)]


class Bounds:
    """Luma that pixels may have without another transition, at each of the fine grid: of small pictures at all.

    Taken as that of greys; the hold looks at what comes of it.
    """

    def __init__(self, width: int, height: int) -> None:
        self._grid = Grid.fine(width, height)
        self._luminance = Luminance(self._grid.rows * self._grid.columns)

    def add(self, planes: Planes) -> None:
        """Take a frame that is shown; planes: I420, uint8 [H * 3 / 2, W]."""
        self._luminance.add(np.take(_LIGHT, self._luma(planes)).reshape(-1))

    def weights(self, planes: Planes, before: Planes, leeway: float) -> Weights:
        """Least shares of the frame before that keep `leeway` of a transition's step, float32, at the fine grid."""
        now, then = (self._luma(each).astype(np.float32) for each in (planes, before))
        low, high = (self._codes(light) for light in self._luminance.within(np.float32(LUMINANCE_STEP * leeway)))
        short = np.clip(now, low, high) - now
        # Where the frame before does not lie that way, no mixture is nearer than itself.
        apart = np.where(short * (then - now) > 0, then - now, short)
        weights: Weights = np.clip(np.divide(short, apart, out=np.zeros_like(short), where=short != 0), 0, 1)
        return weights

    def _luma(self, planes: Planes) -> NDArray[np.uint8]:
        down, across = self._grid.middles
        luma = planes[: self._grid.height]
        return luma if self._grid.rows == self._grid.height else luma[down].take(across, axis=1)

    def _codes(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        codes = CODE_OF[(np.clip(light, 0, 1) * 65535 + 0.5).astype(np.uint16)]
        luma: NDArray[np.float32] = codes * np.float32(219 / 255) + 16
        return luma.reshape(self._grid.rows, self._grid.columns)


def soft(weights: Weights, cells: tuple[int, ...]) -> Weights:
    """The most in each of `cells`, rows and columns, and in those around it, gone over into each other, float32.

    Single pixels of two frames beside each other would look torn.
    """
    down, across = (np.arange(count) * size // count for count, size in zip(cells, weights.shape, strict=True))
    most = np.maximum.reduceat(np.maximum.reduceat(weights, down, axis=0), across, axis=1)
    wide = scipy.ndimage.maximum_filter(most, 2 * SPREAD + 1)
    even: Weights = scipy.ndimage.uniform_filter(wide, 2 * SPREAD + 1, mode="nearest")
    return even


def mixed(planes: Planes, before: Planes, weights: Weights) -> Planes:
    """I420 planes of one frame that take a share `weights`, float32 [H, W], from the frame before."""
    rows = weights[::2] + weights[1::2]
    halves = (rows[:, ::2] + rows[:, 1::2]) / np.float32(4)
    every = np.concatenate([weights.reshape(-1), halves.reshape(-1), halves.reshape(-1)]).reshape(planes.shape)
    new = planes.astype(np.float32)
    out: Planes = np.rint(new + (before - new) * every).astype(np.uint8)
    return out


def enlarged(cells: NDArray[np.floating], height: int, width: int) -> NDArray[np.float32]:
    """Bilinear between the middles of cells, float32 [height, width]."""
    for axis, size in ((0, height), (1, width)):
        count = cells.shape[axis]
        if count == size:
            continue
        at = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
        first = np.minimum(at.astype(np.intp), max(count - 2, 0))
        second = np.minimum(first + 1, count - 1)
        share = (at - first).reshape((-1, 1) if axis == 0 else (1, -1)).astype(cells.dtype)
        cells = cells.take(first, axis) * (1 - share) + cells.take(second, axis) * share
    return cells.astype(np.float32)
