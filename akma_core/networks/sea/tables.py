"""Tables that a picture reads of the waves at one moment: tiles as seen from above, and all their halvings."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from . import spectrum
from .scene import CHOPPY
from .spectrum import ANGLES, SHEAR, SLOPE_X, SLOPE_Y, STRETCH_X, STRETCH_Y, WAKE, Lattice, tile
from .texture import LEVELS, level_of, pyramid

MOVE_X, MOVE_Y, PAST, LEAN_X, LEAN_Y, FOLD, HEIGHT, SPARE = range(8)
"""Channels: displacement in metres, stretch in the past, gradient and area of the displaced surface, height."""
SMALLEST_AREA = 0.25
"""Area below which a gradient is not stretched further."""
SWAY = ((0, 1), (1, 3))
"""Tiles, and their levels, on whose waves the eye floats."""
Array = Any
Settle = Callable[[Array, Array], Array]
"""moves [1, texels, 4], traits [1, texels, 8] -> [TILE, TILE, 8]: settle.settled for every texel."""


class Tables:
    """All tiles at `time`, float32.

    waves [tiles, TEXELS, 8], quads [tiles, TEXELS, 4]: the heights of the four texels around each;
    statistics [tiles, LEVELS, 4]: variances of gradient and area that a level has averaged away, highest, lowest;
    heave: height of the water under the eye, smoothed, float.
    """

    def __init__(self, xp: Any, lattices: Sequence[Lattice], settle: Settle, scene: Any, time: Any) -> None:
        pyramids, quads, statistics = [], [], []
        for index, lattice in enumerate(lattices):
            fields = tile(xp, lattice, scene, time)
            if spectrum.HEIGHT not in lattice.channels:
                still = xp.zeros_like(fields[0])
                traits = [still, still, still, fields[0], fields[1], still + 1, still, still]
                pyramids.append(pyramid(xp, xp.stack(traits, -1)))
            else:
                moves, traits = _prepared(xp, fields, index, lattice.length, scene[CHOPPY])
                pyramids.append(pyramid(xp, settle(moves[None], traits[None])))
                quads.append(_quads(xp, pyramids[-1][:, HEIGHT]))
            statistics.append(_statistics(xp, pyramids[-1]))
        self.waves: Array = xp.stack(pyramids)
        self.quads: Array = xp.stack(quads)
        self.statistics: Array = xp.stack(statistics)
        corners = [level_of(pyramids[index][:, HEIGHT], level)[[0, 0, -1, -1], [0, -1, 0, -1]] for index, level in SWAY]
        self.heave: Array = sum(corner.mean() for corner in corners)


def _prepared(xp: Any, fields: Array, index: int, length: float, choppy: Any) -> tuple[Array, Array]:
    """A tile's fields -> moves and traits as settle.py reads them, [texels, 4] and [texels, 8]."""
    choppy = float(choppy) if xp is not torch else choppy.float()
    cos, sin = math.cos(ANGLES[index]), math.sin(ANGLES[index])
    x, y = choppy * fields[spectrum.MOVE_X], choppy * fields[spectrum.MOVE_Y]
    xx, yy, xy = choppy * fields[STRETCH_X], choppy * fields[STRETCH_Y], choppy * fields[SHEAR]
    u, v = (cos * x + sin * y) / length, (cos * y - sin * x) / length
    uu = cos * cos * xx + 2 * cos * sin * xy + sin * sin * yy
    vv = sin * sin * xx - 2 * cos * sin * xy + cos * cos * yy
    area = (1 + xx) * (1 + yy) - xy * xy
    safe, slope_x, slope_y = xp.clip(area, SMALLEST_AREA, None), fields[SLOPE_X], fields[SLOPE_Y]
    lean_x, lean_y = (slope_x * (1 + yy) - slope_y * xy) / safe, (slope_y * (1 + xx) - slope_x * xy) / safe
    past = choppy * fields[WAKE] if len(fields) > WAKE else xp.zeros_like(x)
    traits = [x, y, past, lean_x, lean_y, xp.clip(area, 0, None), fields[spectrum.HEIGHT], xp.zeros_like(x)]
    return xp.stack([u, v, uu, vv], -1).reshape(-1, 4), xp.stack(traits, -1).reshape(-1, 8)


def _quads(xp: Any, heights: Array) -> Array:
    """Heights [TEXELS] of a pyramid -> those of each texel and its neighbours right, below, and both, [TEXELS, 4]."""
    quads = xp.stack([heights] * 4, -1)
    for level in range(LEVELS):
        h = level_of(heights, level)
        below = xp.roll(h, -1, 0)
        around = xp.stack([h, xp.roll(h, -1, 1), below, xp.roll(below, -1, 1)], -1)
        level_of(quads, level)[:] = around
    return quads


def _statistics(xp: Any, texels: Array) -> Array:
    kept = []
    for level in range(LEVELS):
        f = level_of(texels, level)
        used, h = f[..., LEAN_X : FOLD + 1], f[..., HEIGHT]
        # Along one axis at a time: the order of the sum is then the same however many threads there are.
        square = (used * used).sum(1).sum(0) / (len(f) * len(f))
        kept.append(xp.stack([(square[0] + square[1]) * 0.5, square[2], h.max(), h.min()]))
    table = xp.stack(kept)
    table[:, :2] = table[:1, :2] - table[:, :2]
    return table
