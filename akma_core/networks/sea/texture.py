"""Reading tiles: between texels, between halvings, round and round."""

from typing import Any

from .ops import Texels, Value, between, between_four, clamp, gather, mix, shared, whole

TILE = 256
"""Side of a tile in texels."""
LEVELS = 7
"""Levels of a pyramid, TILE to 4 texels a side."""
TEXELS = 2 * TILE * TILE
"""Texels of a pyramid: level after level below each other, each in the left of rows of TILE."""


def level_of(texels: Any, level: int) -> Any:
    """The part of a pyramid [TEXELS, ...] that is one level, [side, side, ...]."""
    side = TILE >> level
    first = 2 * TILE - 2 * side
    return texels.reshape(2 * TILE, TILE, *texels.shape[1:])[first : first + side, :side]


def pyramid(xp: Any, texels: Any) -> Any:
    """[TILE, TILE, C] -> [TEXELS, C]: it and all its halvings, each texel the mean of four."""
    levels = xp.stack([texels, texels]).reshape(TEXELS, -1)
    f = texels
    for level in range(1, LEVELS):
        f = (f[::2, ::2] + f[1::2, ::2] + f[::2, 1::2] + f[1::2, 1::2]) * 0.25
        level_of(levels, level)[:] = f
    return levels


@shared
def detail(octave: Value) -> Value:
    """Level of a pyramid for a footprint `octave` octaves above a texel of level 0."""
    return clamp(octave, 0.0, LEVELS - 1.001)


@shared
def corners(x: Value, y: Value, level: Value) -> tuple[tuple[Value, ...], Value, Value]:
    """Indices of the four texels around (x, y), in tiles, and where between them, to the right and down."""
    side = TILE >> level
    first = 2 * TILE - 2 * side
    x, y = x * side - 0.5, y * side - 0.5
    left, top = whole(x), whole(y)
    across, down = x - left, y - top
    wrap = side - 1
    a, b = left & wrap, (left + 1) & wrap
    c, d = (first + (top & wrap)) * TILE, (first + ((top + 1) & wrap)) * TILE
    return (c + a, c + b, d + a, d + b), across, down


@shared
def read_height(quads: Texels, tile: int, x: Value, y: Value, level: Value) -> Value:
    """Height at one level: each texel of `quads` has the heights of the four around."""
    side = TILE >> level
    x, y = x * side - 0.5, y * side - 0.5
    left, top = whole(x), whole(y)
    wrap = side - 1
    index = (2 * TILE - 2 * side + (top & wrap)) * TILE + (left & wrap)
    a, b, c, d = gather(quads, tile, index)
    return mix(mix(a, b, x - left), mix(c, d, x - left), y - top)


@shared
def read_height_between(quads: Texels, tile: int, x: Value, y: Value, level: Value) -> Value:
    """Height between two levels."""
    fine = whole(level)
    upper, lower = read_height(quads, tile, x, y, fine), read_height(quads, tile, x, y, fine + 1)
    return mix(upper, lower, level - fine)


@shared
def read_waves(texels: Texels, tile: int, x: Value, y: Value, level: Value) -> tuple[Value, ...]:
    """The channels of a tile of waves, up to HEIGHT, between two levels."""
    fine = whole(level)
    share = level - fine
    at, across, down = corners(x, y, fine)
    a = between(texels, tile, at, across, down)
    at, across, down = corners(x, y, fine + 1)
    b = between(texels, tile, at, across, down)
    return (
        mix(a[0], b[0], share), mix(a[1], b[1], share), mix(a[2], b[2], share),
        mix(a[3], b[3], share), mix(a[4], b[4], share), mix(a[5], b[5], share), mix(a[6], b[6], share),
    )  # fmt: skip


@shared
def read_noise(texels: Texels, x: Value, y: Value, level: Value) -> tuple[Value, ...]:
    """The four channels of noise.py between two levels."""
    fine = whole(level)
    share = level - fine
    at, across, down = corners(x, y, fine)
    a = between_four(texels, 0, at, across, down)
    at, across, down = corners(x, y, fine + 1)
    b = between_four(texels, 0, at, across, down)
    return mix(a[0], b[0], share), mix(a[1], b[1], share), mix(a[2], b[2], share), mix(a[3], b[3], share)


@shared
def read_statistics(statistics: Texels, tile: int, level: Value) -> tuple[Value, ...]:
    """Statistics of a tile, as tables.py has them, between two levels."""
    fine = whole(level)
    share = level - fine
    a, b = gather(statistics, tile, fine), gather(statistics, tile, fine + 1)
    return mix(a[0], b[0], share), mix(a[1], b[1], share), mix(a[2], b[2], share), mix(a[3], b[3], share)
