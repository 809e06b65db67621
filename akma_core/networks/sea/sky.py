"""The sky in one direction: gradient, glow and disc of the sun or moon, one layer of clouds."""

from .noise import CLOUD, CLOUD_DX, CLOUD_DY
from .ops import Colour, Texels, Value, add, at_least, blend, clamp, log2, mix, scale, shared, smoothstep, sqrt
from .scene import (
    CLOUD_SOFT,
    CLOUD_X,
    CLOUD_Y,
    CLOUDS,
    LIGHT,
    LOW,
    MIDDLE,
    SUN_SIDE,
    SUN_SIZE,
    SUN_X,
    SUN_Y,
    SUN_Z,
    SUNWARD,
    WISP_X,
    WISP_Y,
    ZENITH,
)
from .texture import detail, read_noise


@shared
def colour(s: Texels, first: int) -> Colour:
    """The colour at entry `first` of the scene."""
    return s[first], s[first + 1], s[first + 2]


@shared
def gradient(s: Texels, dx: Value, dy: Value, dz: Value) -> Colour:
    """Clear sky without the sun."""
    e = at_least(dz, 0.0)
    flat = sqrt(dx * dx + dy * dy) + 1e-9
    facing = 0.5 + 0.5 * (dx * s[SUN_X] + dy * s[SUN_Y]) / (flat * s[SUN_SIDE])
    facing = facing * facing
    low = blend(colour(s, LOW), colour(s, SUNWARD), facing * facing * facing)
    x = e / 0.30
    upper = blend(colour(s, ZENITH), colour(s, MIDDLE), 1.0 / (1.0 + x * x))
    x = e / 0.105
    return blend(upper, low, 1.0 / (1.0 + x + x * x))


@shared
def glow(s: Texels, dx: Value, dy: Value, dz: Value) -> tuple[Value, Value]:
    """Strength of the halo and of the disc."""
    x, y, z = dx - s[SUN_X], dy - s[SUN_Y], dz - s[SUN_Z]
    q = 0.5 * (x * x + y * y + z * z)
    wide, near, close = 1.0 + q / 0.12, 1.0 + q / 0.008, 1.0 + q / 0.0009
    halo = 0.15 / (wide * wide) + 0.35 / (near * near) + 0.9 / (close * close)
    size = s[SUN_SIZE]
    return halo, smoothstep((size * 1.4 - q) / (size * 0.9))


@shared
def sky(s: Texels, noise: Texels, dx: Value, dy: Value, dz: Value, pixel: Value, sun: Value) -> Colour:
    """Light from the direction (unit length), seen through a pixel of so many radians; `sun`: strength of the disc."""
    clear = gradient(s, dx, dy, dz)
    halo, disc = glow(s, dx, dy, dz)
    e = at_least(dz, 0.0)
    reach = 1.0 / (e + 0.045)
    x, y = dx * reach * 0.11, dy * reach * 0.11
    level = detail(log2(pixel * reach * reach * 15.0))
    a = read_noise(noise, x + s[CLOUD_X], y + s[CLOUD_Y], level)
    u, v = 2.31 * x - 1.13 * y + s[WISP_X], 1.13 * x + 2.31 * y + s[WISP_Y]
    wisp = read_noise(noise, u, v, clamp(level + 1.35, 0.0, 5.99))
    value = 0.72 * a[CLOUD] + 0.28 * wisp[CLOUD]
    soft = 0.14 + 0.30 * s[CLOUD_SOFT]
    dense = smoothstep((value - 0.86 + 0.86 * s[CLOUDS]) / soft)
    shade = a[CLOUD_DX] * s[SUN_X] + a[CLOUD_DY] * s[SUN_Y]
    lit = clamp(0.55 - 0.055 * shade, 0.0, 1.0) * (1.0 - 0.45 * dense * s[CLOUDS])
    light = colour(s, LIGHT)
    bright = add(scale(light, 0.16 + 0.65 * halo), scale(colour(s, LOW), 0.75))
    dark = blend(colour(s, MIDDLE), colour(s, LOW), 0.35)
    cloud = blend(scale(dark, 0.62), bright, lit)
    cloud = add(cloud, scale(light, halo * 0.9 * (1.0 - dense)))
    veil = dense * mix(0.55, 0.94, s[CLOUDS]) * e / (e + 0.035)
    open_sky = add(clear, scale(light, halo + 9.0 * sun * disc))
    return blend(open_sky, cloud, veil)
