"""Intersection of a ray with the waves."""

import math
from typing import Any

from .ops import Texels, Value, at_least, clamp, log2, none, select, shared, sqrt, whole
from .scene import STEEP
from .spectrum import ANGLES
from .texture import detail, read_height, read_height_between, read_statistics

COS_0, COS_1, COS_2, COS_3 = (math.cos(angle) for angle in ANGLES)
SIN_0, SIN_1, SIN_2, SIN_3 = (math.sin(angle) for angle in ANGLES)
APPROACH, STEPS, REFINE = 16, 32, 3
"""Steps through the air of a pixel, of each of its samples, and of the search between the last two."""
EAGER = 1.2
"""Share of the air below that a step takes: a step too far is found out by its crossing of the surface."""
FAR = 30000.0
"""Metres at which the sea ends."""


@shared
def in_tile(x: Value, y: Value, cos: float, sin: float, length: Value) -> tuple[Value, Value]:
    """Metres east and north -> the same place along a tile's sides, in tiles."""
    return (x * cos + y * sin) / length, (y * cos - x * sin) / length


@shared
def height(quads: Texels, lengths: Texels, x: Value, y: Value, octave: Value) -> Value:
    """Height of the three longer bands, of one level each, for a footprint's octave; the shortest changes the light."""
    l0, l1, l2 = octave - lengths[0, 1], octave - lengths[1, 1], octave - lengths[2, 1]
    u, v = in_tile(x, y, COS_0, SIN_0, lengths[0, 0])
    total = read_height(quads, 0, u, v, whole(detail(l0) + 0.5))
    u, v = in_tile(x, y, COS_1, SIN_1, lengths[1, 0])
    total = total + read_height(quads, 1, u, v, whole(detail(l1) + 0.5))
    u, v = in_tile(x, y, COS_2, SIN_2, lengths[2, 0])
    return total + read_height(quads, 2, u, v, whole(detail(l2) + 0.5))


@shared
def height_between(quads: Texels, lengths: Texels, x: Value, y: Value, octave: Value) -> Value:
    """The same between levels."""
    l0, l1, l2 = octave - lengths[0, 1], octave - lengths[1, 1], octave - lengths[2, 1]
    u, v = in_tile(x, y, COS_0, SIN_0, lengths[0, 0])
    total = read_height_between(quads, 0, u, v, detail(l0))
    u, v = in_tile(x, y, COS_1, SIN_1, lengths[1, 0])
    total = total + read_height_between(quads, 1, u, v, detail(l1))
    u, v = in_tile(x, y, COS_2, SIN_2, lengths[2, 0])
    return total + read_height_between(quads, 2, u, v, detail(l2))


@shared
def length(t: Value, dz: Value, pixel: Value) -> Value:
    """Metres of the resting sea along the ray that its pixel has at distance t: shorter waves hide nothing."""
    return at_least(t, 0.01) * pixel / sqrt(dz * dz + 0.0004)


@shared
def breadth(t: Value, dz: Value, pixel: Value) -> Value:
    """The same between its breadth and its length: gradients are averaged over it, as samples lie behind each other."""
    return at_least(t, 0.01) * pixel / sqrt(sqrt(dz * dz + 0.0004))


@shared
def bounds(statistics: Texels, lengths: Texels, octave: Value) -> tuple[Value, Value]:
    """Highest and lowest that the three longer bands reach together at a footprint's octave, or a wider one's."""
    a = read_statistics(statistics, 0, detail(octave - lengths[0, 1]))
    b = read_statistics(statistics, 1, detail(octave - lengths[1, 1]))
    c = read_statistics(statistics, 2, detail(octave - lengths[2, 1]))
    return a[2] + b[2] + c[2], a[3] + b[3] + c[3]


@shared
def span(statistics: Texels, lengths: Texels, z: Value, dz: Value, pixel: Value) -> tuple[Value, Value]:
    """Distances between which a ray from height z may meet the sea."""
    steep = at_least(select(dz < 0.0, -dz, dz), 1e-7)
    top, bottom = bounds(statistics, lengths, 0.0 * dz - 20.0)
    first = select(dz < 0.0, clamp((z - top) / steep, 0.0, FAR), 0.0)
    # What the eye sees from afar is averaged, and lower.
    top, bottom = bounds(statistics, lengths, log2(length(first, dz, pixel)) - 0.5)
    first = select(dz < 0.0, clamp((z - top) / steep, 0.0, FAR), 0.0)
    last = clamp(select(dz < 0.0, z - bottom, top - z) / steep, 0.0, FAR)
    return first, last


@shared
def approach(
    quads: Texels, statistics: Texels, lengths: Texels, s: Texels, z: Value, d: Any, pixel: Value, cone: float
) -> Value:
    """Distance along d, from height z over the origin, up to which all rays `cone` pixels around run through air."""
    dx, dy, dz = d
    first, last = span(statistics, lengths, z, dz, pixel)
    t = first
    under = at_least(-dz, 0.0) + s[STEEP] * sqrt(1.0 - dz * dz)
    going = first < last
    for _ in range(APPROACH):
        gap = z + t * dz - height(quads, lengths, t * dx, t * dy, log2(length(t, dz, pixel)))
        going = going & (gap > cone * pixel * t)
        t = select(going, t + gap / under, t)
        going = going & (t < last)
        if none(going):
            break
    return t


@shared
def meet(
    quads: Texels, statistics: Texels, lengths: Texels, s: Texels, z: Value, d: Any, pixel: Value, start: Value
) -> tuple[Value, Value]:
    """Distance to the water along d, and whether there is any."""
    dx, dy, dz = d
    first, last = span(statistics, lengths, z, dz, pixel)
    under = at_least(-dz, 0.0) + s[STEEP] * sqrt(1.0 - dz * dz)
    near = select(start < first, first, start)
    wide = length(near, dz, pixel)
    above = z + near * dz - height(quads, lengths, near * dx, near * dy, log2(wide))
    far, below = select(above > 0.0, last, near), 0.0 * near
    going = (above > 0.0) & (near < last)
    met = above <= 0.0
    for _ in range(STEPS):
        t = near + EAGER * above / under + wide
        gap = z + t * dz - height(quads, lengths, t * dx, t * dy, log2(length(t, dz, pixel)))
        crossed = going & (gap <= 0.0)
        far, below, met = select(crossed, t, far), select(crossed, gap, below), met | crossed
        going = going & (gap > 0.0)
        near, above = select(going, t, near), select(going, gap, above)
        wide = length(near, dz, pixel)
        going = going & (t < last)
        if none(going):
            break
    above = at_least(above, 0.0)
    t = near + (far - near) * (above / (above - below + 1e-9))
    for _ in range(REFINE):
        gap = z + t * dz - height_between(quads, lengths, t * dx, t * dy, log2(length(t, dz, pixel)))
        over = gap > 0.0
        near, above = select(over, t, near), select(over, gap, above)
        far, below = select(over, far, t), select(over, below, gap)
        t = near + (far - near) * (above / (above - below + 1e-9))
    return t, met | (dz < 0.0)
