"""Where a ray meets the waves."""

import math
from typing import Any

from .ops import Value, at_least, clamp, select, shared, sqrt
from .scene import CHOPPY
from .spectrum import ANGLES, TILE
from .texture import Texels, detail, read_surface_between

COS_0, COS_1, COS_2, COS_3 = (math.cos(angle) for angle in ANGLES)
SIN_0, SIN_1, SIN_2, SIN_3 = (math.sin(angle) for angle in ANGLES)
STEPS = 30
"""Steps of the march towards the surface, then as many steps of refinement as FINE."""
FINE = 4
FAR = 30000.0
"""Metres at which the sea ends."""
Waves = Any
"""Four pyramids and the tiles' lengths: (texels 0, 1, 2, 3), lengths [4]."""


@shared
def coarse(waves: Texels, lengths: Texels, x: Value, y: Value, wide: Value) -> tuple[Value, Value, Value]:
    """Height and displacement of the two longest bands at a place of the resting sea, for a footprint in metres."""
    a = read_surface_between(
        waves[0],
        (x * COS_0 + y * SIN_0) / lengths[0],
        (y * COS_0 - x * SIN_0) / lengths[0],
        detail(wide * TILE / lengths[0]),
    )
    b = read_surface_between(
        waves[1],
        (x * COS_1 + y * SIN_1) / lengths[1],
        (y * COS_1 - x * SIN_1) / lengths[1],
        detail(wide * TILE / lengths[1]),
    )
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@shared
def fine(waves: Texels, lengths: Texels, x: Value, y: Value, wide: Value) -> tuple[Value, Value, Value]:
    """The same of three bands; the shortest changes only the light."""
    a = coarse(waves, lengths, x, y, wide)
    b = read_surface_between(
        waves[2],
        (x * COS_2 + y * SIN_2) / lengths[2],
        (y * COS_2 - x * SIN_2) / lengths[2],
        detail(wide * TILE / lengths[2]),
    )
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@shared
def footprint(t: Value, dz: Value, pixel: Value) -> Value:
    """Width on the sea, metres, of a ray's pixel at distance t: between its breadth and its length along the view."""
    grazing = sqrt(dz * dz + 0.004)
    return t * pixel / sqrt(grazing)


@shared
def advance(s: Texels, t: Value, height: Value, z: Value, dz: Value, first: Value, last: Value) -> Value:
    """Next distance, from the height of the water under the ray at t: no further than a slope of 0.6 lets a wave rise."""
    gap = z + t * dz - height
    level = sqrt(at_least(1.0 - dz * dz, 0.0))
    return clamp_between(t + gap / (at_least(-dz, 0.0) + 0.6 * level), first, last)


@shared
def clamp_between(x: Value, low: Value, high: Value) -> Value:
    x = select(x < low, low, x)
    return select(x > high, high, x)


@shared
def span(s: Texels, z: Value, crest: Value, dz: Value) -> tuple[Value, Value]:
    """Distances between which a ray from height z is within `crest` of the resting sea."""
    steep = at_least(select(dz < 0.0, -dz, dz), 1e-7)
    first = clamp((z - crest) / steep, 0.0, FAR)
    last = clamp(select(dz < 0.0, z + crest, crest - z) / steep, 0.0, FAR)
    return select(dz < 0.0, first, 0.0 * first), last


@shared
def march(waves: Waves, lengths: Texels, s: Texels, z: Value, d: Any, pixel: Value, crest: Value) -> tuple[Value, ...]:
    """Distance to the water along d from height z over the origin, and the displacement of the water there."""
    dx, dy, dz = d
    first, last = span(s, z, crest, dz)
    t, mx, my = first, 0.0 * first, 0.0 * first
    for _ in range(STEPS):
        wide = footprint(t, dz, pixel)
        height, mx, my = coarse(waves, lengths, t * dx - s[CHOPPY] * mx, t * dy - s[CHOPPY] * my, wide)
        t = advance(s, t, height, z, dz, first, last)
    for _ in range(FINE):
        wide = footprint(t, dz, pixel)
        height, mx, my = fine(waves, lengths, t * dx - s[CHOPPY] * mx, t * dy - s[CHOPPY] * my, wide)
        t = advance(s, t, height, z, dz, first, last)
    return t, s[CHOPPY] * mx, s[CHOPPY] * my, last
