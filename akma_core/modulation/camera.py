"""The camera: position, angle and zoom of each frame, and the transform of the network's input that shows it."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .positions import contribution
from .rows import Row
from .targets import CAMERA, TARGETS
from .types import Columns, Floats


class Camera:
    """Position of the picture at each frame: +x right, +y down in picture widths, +angle clockwise in radians."""

    def __init__(self, rows: Sequence[Row], columns: Columns, frames: int, fps: Fraction) -> None:
        """`rows`: those with a camera's target. Speeds are summed over the frames in float64."""
        moves = []
        for target in CAMERA:
            total = np.zeros(frames)
            mine = [row for row in rows if row.target == target]
            for row in mine:
                value = contribution(row, columns, frames, fps)
                total += np.cumsum(value) / float(fps) if row.speed else value
            limits = [row.limits for row in mine] or [TARGETS[target].range]
            moves.append(np.clip(total, max(lo for lo, _ in limits), min(hi for _, hi in limits)))
        self._x, self._y, self._angle, self._zoom = moves

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        """Output to input coordinates of frames start..stop, [stop - start, 3, 3] float32."""
        part = slice(start, stop)
        return transform(self._x[part], self._y[part], self._angle[part], 1 + self._zoom[part])


def transform(x: Floats, y: Floats, angle: Floats, zoom: Floats) -> NDArray[np.float32]:
    """inverse(A), A = [[z cos, -z sin, x], [z sin, z cos, y], [0, 0, 1]], of n frames: [n, 3, 3] float32.

    A turns, scales and moves the picture; the input transform leads from the output's coordinates back to the input's.
    """
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    zero, one = np.zeros(len(x)), np.ones(len(x))
    rows = [cos, sin, -(cos * x + sin * y), -sin, cos, sin * x - cos * y, zero, zero, one]
    return np.stack(rows, axis=1).reshape(-1, 3, 3).astype(np.float32)
