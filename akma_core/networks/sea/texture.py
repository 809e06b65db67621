"""Reading tiles: between texels, between halvings, round and round."""

from typing import Any

from .ops import Value, clamp, mix, shared, whole
from .spectrum import (
    MOVE_X,
    MOVE_Y,
    SHEAR,
    SLOPE_X,
    SLOPE_Y,
    STRETCH_X,
    STRETCH_Y,
    TILE,
    WAKE,
)

LEVELS = 7
"""Levels of a pyramid, TILE to SMALLEST texels a side."""
Texels = Any
"""Pyramids [tiles, texels, channels]."""
Four = tuple[Value, Value, Value, Value]


@shared
def detail(octave: Value) -> Value:
    """Level of a pyramid for a footprint `octave` octaves above a texel of level 0."""
    return clamp(octave, 0.0, LEVELS - 1.001)


@shared
def corners(x: Value, y: Value, level: Value) -> tuple[Four, Value, Value]:
    """Indices of the four texels around (x, y), in tiles, and where between them, to the right and down."""
    side = TILE >> level
    first = 4 * (TILE * TILE - side * side) // 3
    x, y = x * side - 0.5, y * side - 0.5
    left, top = whole(x), whole(y)
    across, down = x - left, y - top
    wrap = side - 1
    a, b = left & wrap, (left + 1) & wrap
    c, d = first + (top & wrap) * side, first + ((top + 1) & wrap) * side
    return (c + a, c + b, d + a, d + b), across, down


@shared
def read(texels: Texels, tile: int, at: Four, across: Value, down: Value, channel: int) -> Value:
    upper = mix(texels[tile, at[0], channel], texels[tile, at[1], channel], across)
    return mix(upper, mix(texels[tile, at[2], channel], texels[tile, at[3], channel], across), down)


@shared
def read_surface(texels: Texels, tile: int, x: Value, y: Value, level: Value) -> tuple[Value, Value, Value]:
    """Height and displacement at one level."""
    at, across, down = corners(x, y, level)
    height = read(texels, tile, at, across, down, 0)
    return height, read(texels, tile, at, across, down, MOVE_X), read(texels, tile, at, across, down, MOVE_Y)


@shared
def read_surface_between(texels: Texels, tile: int, x: Value, y: Value, level: Value) -> tuple[Value, Value, Value]:
    """Height and displacement between two levels."""
    fine = whole(level)
    share = level - fine
    a, b = read_surface(texels, tile, x, y, fine), read_surface(texels, tile, x, y, fine + 1)
    return mix(a[0], b[0], share), mix(a[1], b[1], share), mix(a[2], b[2], share)


@shared
def read_slopes(texels: Texels, tile: int, x: Value, y: Value, level: Value) -> tuple[Value, ...]:
    """Gradients and past stretch (channels SLOPE_X to WAKE) between two levels."""
    fine = whole(level)
    share = level - fine
    at, across, down = corners(x, y, fine)
    a = (
        read(texels, tile, at, across, down, SLOPE_X),
        read(texels, tile, at, across, down, SLOPE_Y),
        read(texels, tile, at, across, down, STRETCH_X),
        read(texels, tile, at, across, down, STRETCH_Y),
        read(texels, tile, at, across, down, SHEAR),
        read(texels, tile, at, across, down, WAKE),
    )
    at, across, down = corners(x, y, fine + 1)
    return (
        mix(a[0], read(texels, tile, at, across, down, SLOPE_X), share),
        mix(a[1], read(texels, tile, at, across, down, SLOPE_Y), share),
        mix(a[2], read(texels, tile, at, across, down, STRETCH_X), share),
        mix(a[3], read(texels, tile, at, across, down, STRETCH_Y), share),
        mix(a[4], read(texels, tile, at, across, down, SHEAR), share),
        mix(a[5], read(texels, tile, at, across, down, WAKE), share),
    )


@shared
def read_between(texels: Texels, tile: int, x: Value, y: Value, level: Value, channel: int) -> Value:
    """One channel between two levels."""
    fine = whole(level)
    at, across, down = corners(x, y, fine)
    a = read(texels, tile, at, across, down, channel)
    at, across, down = corners(x, y, fine + 1)
    return mix(a, read(texels, tile, at, across, down, channel), level - fine)
