"""Transitions of each cell of a picture: between peaks and valleys of luminance, to and from saturated red."""

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.grid import LINEAR
from akma_core.media.flash.standards import CHROMATICITY_STEP, DARKER_BELOW, LUMINANCE_STEP, RED_LIGHT, RED_SHARE

Flags = NDArray[np.bool_]
Values = NDArray[np.float32]

# Relative luminance of linear sRGB, and X, Y, Z for the CIE 1976 UCS diagram: u' = 4 X / d, v' = 9 Y / d with
# d = X + 15 Y + 3 Z (IEC 61966-2-1, CIE 15).
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_UCS = np.stack([4 * _XYZ[0], 9 * _XYZ[1], _XYZ[0] + 15 * _XYZ[1] + 3 * _XYZ[2]]).astype(np.float32)
_WHITE = _UCS[:2].sum(1) / _UCS[2].sum()
_LUMINANCES = (LINEAR[None] * _XYZ[1].astype(np.float32)[:, None]).astype(np.float32)

# Decoders' rounding may not hide a step that just reaches the limit.
_ROUNDING = 1e-6
# Of red's share: 8-bit colours that differ less are the same state.
_SAME_SHARE = 0.01
# Light (R + G + B) under which a colour is black: 8-bit codes up to 9, whose hue is rounding and compression.
_BLACK = 0.008


class Luminance:
    """Peaks and valleys of relative luminance, cell by cell."""

    def __init__(self, cells: int) -> None:
        self._low = np.full(cells, np.inf, np.float32)
        self._high = np.full(cells, -np.inf, np.float32)
        self._rising = np.zeros(cells, np.int8)  # the last transition: 1 up, -1 down, 0 none yet

    def add(self, rgb: NDArray[np.uint8]) -> tuple[Flags, Flags]:
        """Which cells have gone up, and which down, with this picture; rgb: uint8 [cells, 3]."""
        red, green, blue = (np.take(_LUMINANCES[i], rgb[:, i]) for i in range(3))
        now = red + green + blue
        # Since the last transition only one of them matters; the other begins anew at the next.
        np.minimum(self._low, now, out=self._low)
        np.maximum(self._high, now, out=self._high)
        step = np.float32(LUMINANCE_STEP - _ROUNDING)
        up = (now - self._low >= step) & (self._low < DARKER_BELOW) & (self._rising <= 0)
        down = (self._high - now >= step) & (now < DARKER_BELOW) & (self._rising >= 0)
        for changed, direction, extreme in ((up, 1, self._high), (down, -1, self._low)):
            if changed.any():
                np.copyto(extreme, now, where=changed)
                self._rising[changed] = direction
        return up, down


class Redness:
    """Changes to and from saturated red, cell by cell.

    A cell is in a red state, whose colour is the most saturated since the last transition, or in another, whose colour
    has the least red; among equals it is the latest. It changes sides with a colour more than 0.2 away from that.
    """

    def __init__(self, cells: int) -> None:
        self._red = np.zeros(cells, np.bool_)
        self._state = np.zeros((2, cells), np.float32)  # u', v'
        self._share = np.full(cells, np.nan, np.float32)  # its red share; nan before the first picture
        self._tried = np.zeros(cells, np.float32)  # the most saturated colour that was too near to change sides

    def add(self, rgb: NDArray[np.uint8]) -> tuple[Flags, Flags]:
        """Which cells have turned saturated red, and which have left it; rgb: uint8 [cells, 3]."""
        light = LINEAR[rgb.T]
        total = light.sum(0)
        black = total < _BLACK
        share = np.where(black, np.float32(1 / 3), light[0] / np.where(black, np.float32(1), total))
        u, v, divisor = _UCS @ light
        divisor[black] = 1
        now = np.stack([u, v]) / divisor
        now[:, black] = _WHITE[:, None]
        saturated = (share >= RED_SHARE) & (2 * light[0] - total > RED_LIGHT)
        if np.isnan(self._share[0]):
            self._red, self._state, self._share = saturated, now, share
        apart = np.square(now - self._state).sum(0) > CHROMATICITY_STEP**2
        fresh = saturated & (share > self._tried + _SAME_SHARE)
        to_red, from_red = ~self._red & fresh & apart, self._red & apart
        changed = to_red | from_red
        self._tried = np.where(saturated & ~self._red & ~changed, np.where(fresh, share, self._tried), np.float32(0))
        further = np.where(self._red, saturated & (share >= self._share - _SAME_SHARE), ~saturated)
        further &= self._red | (share <= self._share + _SAME_SHARE)
        extreme = np.where(self._red, np.maximum(share, self._share), np.minimum(share, self._share))
        self._share = np.where(changed, share, np.where(further, extreme, self._share))
        np.copyto(self._state, now, where=changed | further)
        self._red = self._red ^ changed
        return to_red, from_red
