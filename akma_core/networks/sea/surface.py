"""Intersection of a ray with the waves."""

import math
from typing import Any

from .ops import Value, at_least, clamp, log2, none, select, shared, sqrt, whole
from .scene import CHOPPY, SIGMA, STEEP
from .spectrum import ANGLES
from .texture import Texels, detail, read_surface, read_surface_between

COS_0, COS_1, COS_2, COS_3 = (math.cos(angle) for angle in ANGLES)
SIN_0, SIN_1, SIN_2, SIN_3 = (math.sin(angle) for angle in ANGLES)
STEPS, FINE = 24, 2
"""Steps of the march towards the surface and of its refinement; a ray that has arrived takes no more."""
CREST = 4.0
"""No wave is higher, in standard deviations of the height."""
NEAR = 0.25
"""Pixels within which a ray has arrived."""
FAR = 30000.0
"""Metres at which the sea ends."""


@shared
def coarse(waves: Texels, lengths: Texels, x: Value, y: Value, octave: Value) -> tuple[Value, Value, Value]:
    """Height and displacement of the two longest bands at a place of the resting sea, for a footprint's octave."""
    u, v = (x * COS_0 + y * SIN_0) / lengths[0, 0], (y * COS_0 - x * SIN_0) / lengths[0, 0]
    a = read_surface(waves, 0, u, v, whole(detail(octave - lengths[0, 1])))
    u, v = (x * COS_1 + y * SIN_1) / lengths[1, 0], (y * COS_1 - x * SIN_1) / lengths[1, 0]
    b = read_surface(waves, 1, u, v, whole(detail(octave - lengths[1, 1])))
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@shared
def fine(waves: Texels, lengths: Texels, x: Value, y: Value, octave: Value) -> tuple[Value, Value, Value]:
    """The same of three bands and between levels; the shortest band changes only the light."""
    u, v = (x * COS_0 + y * SIN_0) / lengths[0, 0], (y * COS_0 - x * SIN_0) / lengths[0, 0]
    a = read_surface_between(waves, 0, u, v, detail(octave - lengths[0, 1]))
    u, v = (x * COS_1 + y * SIN_1) / lengths[1, 0], (y * COS_1 - x * SIN_1) / lengths[1, 0]
    b = read_surface_between(waves, 1, u, v, detail(octave - lengths[1, 1]))
    u, v = (x * COS_2 + y * SIN_2) / lengths[2, 0], (y * COS_2 - x * SIN_2) / lengths[2, 0]
    c = read_surface_between(waves, 2, u, v, detail(octave - lengths[2, 1]))
    return a[0] + b[0] + c[0], a[1] + b[1] + c[1], a[2] + b[2] + c[2]


@shared
def footprint(t: Value, dz: Value, pixel: Value) -> Value:
    """Octaves above a metre of a ray's pixel on the sea at distance t: between its breadth and its length."""
    return log2(at_least(t, 0.01) * pixel / sqrt(sqrt(dz * dz + 0.004)))


@shared
def within(x: Value, low: Value, high: Value) -> Value:
    x = select(x < low, low, x)
    return select(x > high, high, x)


@shared
def span(z: Value, crest: Value, dz: Value) -> tuple[Value, Value]:
    """Distances between which a ray from height z is within `crest` of the resting sea."""
    steep = at_least(select(dz < 0.0, -dz, dz), 1e-7)
    first = clamp((z - crest) / steep, 0.0, FAR)
    last = clamp(select(dz < 0.0, z + crest, crest - z) / steep, 0.0, FAR)
    return select(dz < 0.0, first, 0.0 * first), last


@shared
def approach(waves: Texels, lengths: Texels, s: Texels, z: Value, d: Any, pixel: Value, cone: float) -> Value:
    """Distance along d, from height z over the origin, up to which all rays `cone` pixels around run through air."""
    dx, dy, dz = d
    first, last = span(z, CREST * s[SIGMA], dz)
    t, mx, my = first, 0.0 * first, 0.0 * first
    under = at_least(-dz, 0.0) + s[STEEP] * sqrt(1.0 - dz * dz)
    going = last > 0.0
    for _ in range(STEPS):
        height, ahead, aside = coarse(waves, lengths, t * dx - mx, t * dy - my, footprint(t, dz, pixel))
        mx, my = select(going, s[CHOPPY] * ahead, mx), select(going, s[CHOPPY] * aside, my)
        gap = z + t * dz - height
        going = going & (gap > cone * pixel * t)
        t = select(going, within(t + gap / under, first, last), t)
        if none(going):
            break
    return t


@shared
def meet(waves: Texels, lengths: Texels, s: Texels, z: Value, d: Any, pixel: Value, start: Value) -> tuple[Value, ...]:
    """Distance to the water along d, displacement of the water there, and the distance where waves end."""
    dx, dy, dz = d
    first, last = span(z, CREST * s[SIGMA], dz)
    t = within(start, first, last)
    mx, my = 0.0 * t, 0.0 * t
    under = at_least(-dz, 0.0) + s[STEEP] * sqrt(1.0 - dz * dz)
    going = last > 0.0
    for _ in range(STEPS):
        height, ahead, aside = coarse(waves, lengths, t * dx - mx, t * dy - my, footprint(t, dz, pixel))
        mx, my = select(going, s[CHOPPY] * ahead, mx), select(going, s[CHOPPY] * aside, my)
        gap = z + t * dz - height
        t = select(going, within(t + gap / under, first, last), t)
        going = going & (gap * gap > NEAR * NEAR * pixel * pixel * t * t)
        if none(going):
            break
    for _ in range(FINE):
        height, mx, my = fine(waves, lengths, t * dx - mx, t * dy - my, footprint(t, dz, pixel))
        mx, my = s[CHOPPY] * mx, s[CHOPPY] * my
        t = within(t + (z + t * dz - height) / under, first, last)
    return t, mx, my, last
