"""The light that water sends to the eye: reflected sky, sun glitter, light from below and through crests, foam."""

from typing import Any

from .noise import LACE
from .ops import (
    Colour,
    Texels,
    Value,
    add,
    at_least,
    blend,
    clamp,
    log2,
    mix,
    none,
    scale,
    shared,
    smoothstep,
    sqrt,
)
from .scene import (
    DEEP,
    FOAM_ALL,
    FOAM_AT,
    HAZE_AT,
    LIGHT,
    MICRO,
    MIDDLE,
    SCATTER,
    SIGMA,
    SUN_X,
    SUN_Y,
    SUN_Z,
    ZENITH,
)
from .sky import colour, gradient, sky
from .surface import COS_0, COS_1, COS_2, COS_3, SIN_0, SIN_1, SIN_2, SIN_3, breadth, in_tile
from .tables import FOLD, HEIGHT, LEAN_X, LEAN_Y, MOVE_X, MOVE_Y, PAST
from .texture import detail, read_noise, read_statistics, read_waves

PI = 3.141592653589793
SUN_POWER = 0.7
"""Scale of the sun's light by its solid angle: the brightness of glitter."""
BRIGHTEST = 5.0
"""Most that glitter may add, so that single facets do not flash."""


@shared
def water(
    waves: Texels, statistics: Texels, lengths: Texels, noise: Texels, s: Texels, d: Any, t: Value, pixel: Value
) -> Colour:
    """Light along -d from the point of the water at distance t."""
    dx, dy, dz = d
    x, y = t * dx, t * dy
    wide = log2(breadth(t, dz, pixel))
    l0, l1 = detail(wide - lengths[0, 1]), detail(wide - lengths[1, 1])
    l2, l3 = detail(wide - lengths[2, 1]), detail(wide - lengths[3, 1])
    a = read_waves(waves, 0, *in_tile(x, y, COS_0, SIN_0, lengths[0, 0]), l0)
    b = read_waves(waves, 1, *in_tile(x, y, COS_1, SIN_1, lengths[1, 0]), l1)
    c = read_waves(waves, 2, *in_tile(x, y, COS_2, SIN_2, lengths[2, 0]), l2)
    # The shortest waves and foam ride on the long ones: theirs is the place at which the water would rest.
    x, y = x - (a[MOVE_X] + b[MOVE_X]), y - (a[MOVE_Y] + b[MOVE_Y])
    e = read_waves(waves, 3, *in_tile(x, y, COS_3, SIN_3, lengths[3, 0]), l3)
    p0, p1 = read_statistics(statistics, 0, l0), read_statistics(statistics, 1, l1)
    p2, p3 = read_statistics(statistics, 2, l2), read_statistics(statistics, 3, l3)
    rough = s[MICRO] + p0[0] + p1[0] + p2[0] + p3[0]
    unsure = sqrt(p0[1] + p1[1] + p2[1] + 1e-6)
    fold = a[FOLD] * b[FOLD] * c[FOLD]
    nx = -(a[LEAN_X] + b[LEAN_X] + c[LEAN_X] + e[LEAN_X])
    ny = -(a[LEAN_Y] + b[LEAN_Y] + c[LEAN_Y] + e[LEAN_Y])
    # A facet that leans away further than the ray comes in is not seen: let it just be grazed.
    lean = (nx * dx + ny * dy + dz) / at_least(dx * dx + dy * dy, 1e-6)
    back = at_least(lean + 0.012, 0.0)
    nx, ny = nx - back * dx, ny - back * dy
    length = sqrt(nx * nx + ny * ny + 1.0)
    nx, ny, nz = nx / length, ny / length, 1.0 / length

    facing = clamp(-(nx * dx + ny * dy + nz * dz), 0.0, 1.0)
    deviation = sqrt(rough)
    grazing = 1.0 - facing
    power = grazing * grazing * grazing * grazing * grazing
    fresnel = 0.02 + 0.98 * power / (1.0 + 22.7 * deviation * sqrt(deviation))
    rx, ry, rz = dx + 2.0 * facing * nx, dy + 2.0 * facing * ny, dz + 2.0 * facing * nz
    rz = sqrt(rz * rz + 0.0004) + 0.9 * deviation * grazing
    length = sqrt(rx * rx + ry * ry + rz * rz)
    rx, ry, rz = rx / length, ry / length, rz / length
    above = reflected(s, noise, rx, ry, rz, pixel + deviation)
    glitter = sun_glitter(s, nx / nz, ny / nz, d, facing, rough)

    # Crests let light through, most where the sun stands behind them.
    height = a[HEIGHT] + b[HEIGHT] + c[HEIGHT]
    crest = clamp(0.5 + height / (3.2 * s[SIGMA]), 0.0, 1.4)
    against = at_least(dx * s[SUN_X] + dy * s[SUN_Y] + dz * s[SUN_Z], 0.0)
    tilt = clamp(0.5 - 0.9 * (nx * dx + ny * dy), 0.0, 1.5)
    through = crest * crest * (0.10 + 0.60 * against * against * against) * (0.20 + tilt)
    skylight = add(scale(colour(s, ZENITH), 0.6), scale(colour(s, MIDDLE), 0.4))
    ambient = add(skylight, scale(colour(s, LIGHT), 0.25 * s[SUN_Z] + 0.10))
    below = add(colour(s, DEEP), scale(colour(s, SCATTER), through))
    light = add(blend(below, above, fresnel), glitter)

    share = foam_share(noise, s, x, y, fold, a[PAST] + b[PAST], unsure, wide)
    lambert = at_least(nx * s[SUN_X] + ny * s[SUN_Y] + nz * s[SUN_Z], 0.0)
    white = add(scale(ambient, 1.05), scale(colour(s, LIGHT), 0.12 + 0.40 * lambert))
    light = blend(light, white, share)
    return hazed(s, light, dx, dy, t)


@shared
def reflected(s: Texels, noise: Texels, x: Value, y: Value, z: Value, blur: Value) -> Colour:
    """The sky as a rough mirror shows it; the sun itself is glitter's."""
    return sky(s, noise, x, y, z, blur, 0.0)


@shared
def sun_glitter(s: Texels, slope_x: Value, slope_y: Value, d: Any, facing: Value, rough: Value) -> Colour:
    """The sun in facets of a roughness: Ross, Dion and Potvin 2005, with a density of slopes that has long tails."""
    hx, hy, hz = s[SUN_X] - d[0], s[SUN_Y] - d[1], s[SUN_Z] - d[2]
    length = sqrt(hx * hx + hy * hy + hz * hz) + 1e-9
    cos = clamp((hx * s[SUN_X] + hy * s[SUN_Y] + hz * s[SUN_Z]) / length, 0.0, 1.0)
    hz = at_least(hz, 0.02)
    off_x, off_y = hx / hz + slope_x, hy / hz + slope_y
    wide = 2.0 * (rough + 0.0006)
    q = 1.0 + (off_x * off_x + off_y * off_y) / (1.5 * wide)
    density = 1.0 / (PI * wide * q * q * q)
    grazing = 1.0 - cos
    fresnel = 0.02 + 0.98 * grazing * grazing * grazing * grazing * grazing
    hz = hz / length
    power = density * fresnel / (4.0 * hz * hz * hz * hz * (facing + 0.12))
    power = SUN_POWER * power
    return scale(colour(s, LIGHT), power / (1.0 + power / BRIGHTEST))


@shared
def foam_share(
    noise: Texels, s: Texels, x: Value, y: Value, fold: Value, wake: Value, unsure: Value, wide: Value
) -> Value:
    """Compute the share of the water that is white: where the surface folds, and in a wake behind; 0..1."""
    spread = 0.24 + unsure
    fresh = smoothstep(0.5 + (s[FOAM_AT] - fold) / (2.0 * spread))
    old = smoothstep(0.5 + (s[FOAM_AT] - 0.80 - wake) / 0.35) * 0.45
    share = clamp((0.75 * fresh + old) * s[FOAM_ALL], 0.0, 0.80)
    if none(share > 0.0):
        return share
    level = detail(wide + 5.39)
    u, v = (0.8 * x + 0.6 * y) / 2.1, (0.8 * y - 0.6 * x) / 2.1
    lace = 0.38 * read_noise(noise, x / 6.1, y / 6.1, level)[LACE]
    lace = lace + 0.34 * read_noise(noise, u, v, detail(wide + 6.93))[LACE]
    u, v = (0.28 * x - 0.96 * y) / 0.67, (0.28 * y + 0.96 * x) / 0.67
    bubbles = read_noise(noise, u, v, detail(wide + 8.58))[LACE]
    lace = lace + 0.28 * bubbles
    cut = smoothstep((share - lace + 0.04) / 0.40) * clamp(6.0 * share, 0.0, 1.0)
    cut = cut * (0.30 + 0.70 * cut) * (1.0 - 0.45 * bubbles)
    return mix(cut, share * 0.70, smoothstep(level / 5.0))


@shared
def hazed(s: Texels, light: Colour, dx: Value, dy: Value, t: Value) -> Colour:
    """The air between: far water takes the colour of the low sky."""
    u = t / s[HAZE_AT]
    return blend(light, gradient(s, dx, dy, 0.0 * dx), 0.92 * u / (1.0 + u))
