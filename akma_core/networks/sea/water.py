"""The light that water sends to the eye: reflected sky, sun glitter, light from below and through crests, foam."""

from typing import Any

from .noise import LACE
from .ops import Colour, Value, add, at_least, blend, clamp, mix, scale, shared, smoothstep, sqrt, whole
from .scene import (
    CHOPPY,
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
from .surface import COS_0, COS_1, COS_2, COS_3, SIN_0, SIN_1, SIN_2, SIN_3, footprint
from .texture import Texels, detail, read_between, read_slopes

PI = 3.141592653589793
SUN_POWER = 0.7
"""Scale of the sun's light by its solid angle: the brightness of glitter."""
BRIGHTEST = 5.0
"""Most that glitter may add, so that single facets do not flash."""


@shared
def water(
    waves: Any, lengths: Texels, variances: Texels, noise: Texels, s: Texels, d: Any, hit: Any, z: Value, pixel: Value
) -> Colour:
    """Light along -d from the point that surface.march found."""
    dx, dy, dz = d
    t, mx, my = hit
    x, y = t * dx - mx, t * dy - my
    wide = footprint(t, dz, pixel)
    l0, l1 = detail(wide - lengths[0, 1]), detail(wide - lengths[1, 1])
    l2, l3 = detail(wide - lengths[2, 1]), detail(wide - lengths[3, 1])
    a = read_slopes(waves, 0, (x * COS_0 + y * SIN_0) / lengths[0, 0], (y * COS_0 - x * SIN_0) / lengths[0, 0], l0)
    b = read_slopes(waves, 1, (x * COS_1 + y * SIN_1) / lengths[1, 0], (y * COS_1 - x * SIN_1) / lengths[1, 0], l1)
    c = read_slopes(waves, 2, (x * COS_2 + y * SIN_2) / lengths[2, 0], (y * COS_2 - x * SIN_2) / lengths[2, 0], l2)
    e = read_slopes(waves, 3, (x * COS_3 + y * SIN_3) / lengths[3, 0], (y * COS_3 - x * SIN_3) / lengths[3, 0], l3)
    rough = s[MICRO] + read_variance(variances, 0, l0, 0) + read_variance(variances, 1, l1, 0)
    rough = rough + read_variance(variances, 2, l2, 0) + read_variance(variances, 3, l3, 0)
    unsure = read_variance(variances, 0, l0, 1) + read_variance(variances, 1, l1, 1)
    unsure = s[CHOPPY] * sqrt(unsure + read_variance(variances, 2, l2, 1) + 1e-6)

    choppy = s[CHOPPY]
    sx, sy = a[0] + b[0] + c[0] + e[0], a[1] + b[1] + c[1] + e[1]
    jxx = 1.0 + choppy * (a[2] + b[2] + c[2])
    jyy = 1.0 + choppy * (a[3] + b[3] + c[3])
    jxy = choppy * (a[4] + b[4] + c[4])
    fold = jxx * jyy - jxy * jxy
    flat = at_least(fold, 0.25)
    nx, ny = -(sx * jyy - sy * jxy) / flat, -(sy * jxx - sx * jxy) / flat
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
    height = z + t * dz
    crest = clamp(0.5 + height / (3.2 * s[SIGMA]), 0.0, 1.4)
    against = at_least(dx * s[SUN_X] + dy * s[SUN_Y] + dz * s[SUN_Z], 0.0)
    tilt = clamp(0.5 - 0.9 * (nx * dx + ny * dy), 0.0, 1.5)
    through = crest * crest * (0.10 + 0.60 * against * against * against) * (0.20 + tilt)
    skylight = add(scale(colour(s, ZENITH), 0.6), scale(colour(s, MIDDLE), 0.4))
    ambient = add(skylight, scale(colour(s, LIGHT), 0.25 * s[SUN_Z] + 0.10))
    below = add(colour(s, DEEP), scale(colour(s, SCATTER), through))
    light = add(blend(below, above, fresnel), glitter)

    share = foam_share(noise, s, x, y, fold, choppy * (a[5] + b[5]), unsure, wide)
    lambert = at_least(nx * s[SUN_X] + ny * s[SUN_Y] + nz * s[SUN_Z], 0.0)
    white = add(scale(ambient, 1.05), scale(colour(s, LIGHT), 0.12 + 0.40 * lambert))
    light = blend(light, white, share)
    return hazed(s, light, dx, dy, t)


@shared
def read_variance(variances: Texels, tile: int, level: Value, which: int) -> Value:
    """Variance of slope (0) or of stretch (1) that a tile's levels up to `level` have averaged away."""
    fine = whole(level)
    return mix(variances[tile, fine, which], variances[tile, fine + 1, which], level - fine)


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
    share = clamp((0.85 * fresh + old) * s[FOAM_ALL], 0.0, 0.88)
    level = detail(wide + 5.39)
    lace = 0.38 * read_between(noise, 0, x / 6.1, y / 6.1, level, LACE)
    u, v = (0.8 * x + 0.6 * y) / 2.1, (0.8 * y - 0.6 * x) / 2.1
    lace = lace + 0.34 * read_between(noise, 0, u, v, detail(wide + 6.93), LACE)
    u, v = (0.28 * x - 0.96 * y) / 0.67, (0.28 * y + 0.96 * x) / 0.67
    bubbles = read_between(noise, 0, u, v, detail(wide + 8.58), LACE)
    lace = lace + 0.28 * bubbles
    cut = smoothstep((share * 1.15 - lace + 0.10) / 0.46)
    cut = cut * (0.30 + 0.70 * cut) * (1.0 - 0.45 * bubbles)
    return mix(cut, share * 0.70, smoothstep(level / 5.0))


@shared
def hazed(s: Texels, light: Colour, dx: Value, dy: Value, t: Value) -> Colour:
    """The air between: far water takes the colour of the low sky."""
    u = t / s[HAZE_AT]
    return blend(light, gradient(s, dx, dy, 0.0 * dx), 0.92 * u / (1.0 + u))
