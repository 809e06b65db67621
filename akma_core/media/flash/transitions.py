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
_LUMINANCES = LINEAR[None] * _XYZ[1].astype(np.float32)[:, None]

# Decoders' rounding may not hide a step that just reaches the limit.
_ROUNDING = 1e-6
# Of red's share: 8-bit colours that differ less are the same state.
_SAME_SHARE = np.float32(0.01)
# Light (R + G + B) under which a colour is black: 8-bit codes up to 9, whose hue is rounding and compression.
_BLACK = np.float32(0.008)


class Luminance:
    """Peaks and valleys of relative luminance, cell by cell."""

    def __init__(self, cells: int, step: float = LUMINANCE_STEP) -> None:
        """`step` of luminance that is a transition."""
        self._step = np.float32(step - _ROUNDING)
        self._low = np.full(cells, np.inf, np.float32)
        self._high = np.full(cells, -np.inf, np.float32)
        self._rising = np.zeros(cells, np.int8)  # the last transition: 1 up, -1 down, 0 none yet

    def add(self, now: Values) -> tuple[Flags, Flags]:
        """Cells that have gone up, and down, with this picture; now: relative luminances, float32 [cells]."""
        # Since the last transition only one of them matters; the other begins anew at the next.
        np.minimum(self._low, now, out=self._low)
        np.maximum(self._high, now, out=self._high)
        step = self._step
        up = (now - self._low >= step) & (self._low < DARKER_BELOW) & (self._rising <= 0)
        down = (self._high - now >= step) & (now < DARKER_BELOW) & (self._rising >= 0)
        for changed, direction, extreme in ((up, 1, self._high), (down, -1, self._low)):
            if changed.any():
                np.copyto(extreme, now, where=changed)
                self._rising[changed] = direction
        return up, down

    def within(self, step: np.float32) -> tuple[Values, Values]:
        """Least and most luminance of each cell that is less than `step` from the last transition's turning point."""
        low = np.where(self._rising >= 0, self._high - step, -np.inf)
        high = np.where(self._rising <= 0, self._low + step, np.inf)
        # Before the first transition both count, and may cross where they are nearly a step apart.
        return np.minimum(low, (low + high) / 2), np.maximum(high, (low + high) / 2)


def luminances(rgb: NDArray[np.uint8]) -> Values:
    """Relative luminances of 8-bit sRGB, float32 [cells]; rgb: uint8 [cells, 3]."""
    red, green, blue = (np.take(_LUMINANCES[i], rgb[:, i]) for i in range(3))
    return np.asarray(red + green + blue)


class Redness:
    """Changes to and from saturated red, cell by cell.

    A cell is in a red state, whose colour is the most saturated since the last transition, or in another, whose colour
    has the least share of red; among equals it is the latest. It changes sides with a colour more than 0.2 away.
    """

    def __init__(self, cells: int) -> None:
        self._begun = False
        self._red = np.zeros(cells, np.bool_)
        self._state = np.zeros((cells, 3), np.uint8)  # its colour
        self._share = np.zeros(cells, np.float32)  # that colour's R / (R + G + B)
        self._tried = np.zeros(cells, np.float32)  # share of the red that came last and was too near to change sides

    def add(self, rgb: NDArray[np.uint8]) -> tuple[Flags, Flags]:
        """Cells that have turned saturated red, and that have left it; rgb: uint8 [cells, 3]."""
        red, green, blue = (np.take(LINEAR, rgb[:, i]) for i in range(3))
        share = red / np.maximum(red + green + blue, _BLACK)
        saturated = (share >= RED_SHARE) & (red - green - blue > RED_LIGHT)
        if not self._begun:
            self._begun, self._red, self._state, self._share = True, saturated, rgb.copy(), share
        changed = self._changed(rgb, share, saturated)
        to_red, from_red = changed & ~self._red, changed & self._red
        further = ~self._red & ~saturated & (share <= self._share + _SAME_SHARE)
        np.minimum(self._share, share, out=self._share, where=further)
        deeper = self._red & saturated & (share >= self._share - _SAME_SHARE)
        np.maximum(self._share, share, out=self._share, where=deeper)
        np.copyto(self._share, share, where=changed)
        np.copyto(self._state, rgb, where=(changed | further | deeper)[:, None])
        self._red ^= changed
        return to_red, from_red

    def _changed(self, rgb: NDArray[np.uint8], share: Values, saturated: Flags) -> Flags:
        """Cells that change sides; only those that are red now or were before can."""
        changed = np.zeros_like(saturated)
        self._tried[~saturated] = 0
        cells = np.flatnonzero(saturated | self._red)
        if len(cells):
            apart = np.square(_chromaticity(rgb[cells]) - _chromaticity(self._state[cells])).sum(0)
            # A red that only lasts is not tried again as the colour before it recedes.
            fresh = self._red[cells] | (share[cells] > self._tried[cells] + _SAME_SHARE)
            changed[cells] = fresh & (apart > CHROMATICITY_STEP**2)
            self._tried[cells[fresh]] = share[cells[fresh]]
            self._tried[changed | self._red] = 0
        return changed


def _chromaticity(rgb: NDArray[np.uint8]) -> Values:
    """CIE 1976 u', v' of 8-bit sRGB, float32 [2, n]; of black that of white."""
    light = LINEAR[rgb.T]
    u, v, divisor = _UCS @ light
    black = light.sum(0) < _BLACK
    divisor[black] = 1
    found: Values = np.stack([u, v]) / divisor
    found[:, black] = _WHITE[:, None]
    return found
