"""From w to the numbers of one scene: wind and waves, light and palette, camera.

Every entry of w goes through a squash to 0..1 first, so that any w, blends and overshoots included, is some sea.
Nothing that is multiplied by time (speeds of waves and clouds) depends on w: a change of w never makes the sea jump.
"""

import math

import torch
from torch import Tensor

(
    WIND, SWELL, HOUR, HUE, TINT, COVER, HAZE, AZIMUTH, ELEVATION, HORIZON, EYE, LENS, HEADING, FOAM, CHOP, CLOUD,
) = range(16)  # fmt: skip
"""Entries of w."""
AVERAGE = (0.0,) * 16
"""The w of the mildest sea, to which truncation leads."""

(
    SPEED, PEAK, LEVEL, RIPPLE, CHOPPY, TOWARDS, SWELL_K, SWELL_LEVEL, SWELL_TOWARDS, SIGMA, FOAM_AT, FOAM_ALL,
    MICRO, CAMERA_Z, CAMERA_HORIZON, CAMERA_LENS, SUN_X, SUN_Y, SUN_Z, SUN_SIZE, HAZE_AT, CLOUDS, CLOUD_SOFT, CLOUD_X,
    CLOUD_Y, EXPOSURE, ZENITH, MIDDLE, LOW, SUNWARD, LIGHT, DEEP, SCATTER,
    STEEP, WISP_X, WISP_Y, SUN_SIDE,
) = (*range(26), 26, 29, 32, 35, 38, 41, 44, 47, 48, 49, 50)  # fmt: skip
"""Entries of a scene; from ZENITH to SCATTER each is a colour, three numbers."""
SCENE = 51

# Night with a moon, blue hour, dusk, golden hour, day: linear light of
# zenith, middle and low sky, low sky under the sun, sun, deep water, light through crests.
_COOL = (
    ((0.004, 0.009, 0.026), (0.011, 0.024, 0.055), (0.036, 0.068, 0.120), (0.100, 0.150, 0.230), (0.62, 0.76, 0.98),
     (0.001, 0.005, 0.012), (0.005, 0.040, 0.055)),
    ((0.022, 0.055, 0.150), (0.060, 0.130, 0.260), (0.220, 0.320, 0.440), (0.780, 0.520, 0.400), (1.00, 0.55, 0.36),
     (0.003, 0.013, 0.028), (0.010, 0.075, 0.090)),
    ((0.070, 0.110, 0.250), (0.230, 0.210, 0.340), (0.620, 0.380, 0.360), (1.350, 0.560, 0.240), (1.90, 0.80, 0.34),
     (0.007, 0.016, 0.032), (0.045, 0.085, 0.105)),
    ((0.100, 0.260, 0.500), (0.320, 0.460, 0.560), (0.720, 0.640, 0.520), (1.350, 0.920, 0.480), (2.10, 1.45, 0.80),
     (0.005, 0.028, 0.045), (0.030, 0.170, 0.175)),
    ((0.050, 0.180, 0.500), (0.170, 0.400, 0.700), (0.500, 0.710, 0.860), (0.820, 0.890, 0.920), (2.20, 2.05, 1.80),
     (0.004, 0.034, 0.068), (0.014, 0.220, 0.245)),
)  # fmt: skip
_WARM = (
    ((0.008, 0.008, 0.026), (0.022, 0.022, 0.055), (0.070, 0.066, 0.110), (0.170, 0.140, 0.180), (0.95, 0.82, 0.70),
     (0.002, 0.005, 0.012), (0.014, 0.034, 0.050)),
    ((0.045, 0.040, 0.130), (0.140, 0.090, 0.210), (0.440, 0.250, 0.330), (1.000, 0.440, 0.320), (1.25, 0.52, 0.30),
     (0.006, 0.009, 0.024), (0.035, 0.050, 0.080)),
    ((0.110, 0.080, 0.160), (0.420, 0.180, 0.190), (0.950, 0.380, 0.180), (1.650, 0.600, 0.150), (2.20, 0.78, 0.22),
     (0.010, 0.012, 0.024), (0.090, 0.065, 0.065)),
    ((0.190, 0.250, 0.360), (0.540, 0.450, 0.380), (0.920, 0.680, 0.420), (1.550, 0.980, 0.420), (2.30, 1.48, 0.68),
     (0.009, 0.028, 0.034), (0.060, 0.155, 0.125)),
    ((0.090, 0.230, 0.460), (0.260, 0.440, 0.620), (0.640, 0.730, 0.780), (0.980, 0.930, 0.830), (2.30, 2.05, 1.65),
     (0.006, 0.042, 0.055), (0.022, 0.230, 0.200)),
)  # fmt: skip
_SUN_HEIGHT = ((0.20, 0.42), (0.02, 0.12), (0.02, 0.13), (0.07, 0.26), (0.22, 0.75))
"""Tangent of the sun's or the moon's elevation at each of the hours, lowest and highest."""
_EXPOSURE = (4.0, 1.6, 1.02, 0.86, 0.84)
_NAVY, _GREEN = (0.75, 0.75, 1.15), (1.0, 1.25, 0.95)
"""Factors of the water's colours at the ends of TINT."""
_GREY = (0.82, 0.97, 1.06)
"""Colour of an overcast sky's light, luminance about 1."""
_LUMINANCE = (0.2126, 0.7152, 0.0722)
GRAVITY = 9.81


def squash(x: Tensor) -> Tensor:
    """0..1, near the normal distribution's cumulative function; the ends are never reached."""
    t = 0.9 * x
    return 0.5 + 0.5 * t / (1 + t * t).sqrt()


def make_scene(w: Tensor, time: Tensor) -> Tensor:
    """w [16] and time (seconds) as float64 -> the scene [51], float64, on the device of `w`."""
    u = squash(w.clamp(-1e6, 1e6))
    s: list[Tensor] = [torch.zeros_like(time)] * SCENE
    _waves(u, s)
    _colours(u, s)
    _camera(u, s)
    # Clouds repeat after a tile: what is left is small, and as exact after a day as in the first second.
    drift_x, drift_y = 0.0021 * time, -0.0013 * time
    s[CLOUD_X], s[CLOUD_Y] = drift_x.remainder(1), drift_y.remainder(1)
    s[WISP_X], s[WISP_Y] = (1.7 * drift_x).remainder(1), (1.4 * drift_y).remainder(1)
    return torch.stack(s)


def _waves(u: Tensor, s: list[Tensor]) -> None:
    speed = 2.4 + 16.0 * u[WIND]
    s[SPEED] = speed
    s[PEAK] = 2 * math.pi / (3.0 + 0.24 * speed * speed)
    s[LEVEL] = (0.0012 + 0.0034 * u[WIND] + 0.0150 * u[WIND] ** 3) * (0.85 + 0.3 * u[CHOP])
    s[RIPPLE] = 0.22 + 0.9 * u[WIND]
    s[CHOPPY] = 0.75 + 0.30 * u[CHOP] + 0.30 * u[WIND]
    s[TOWARDS] = -math.pi / 2 + 1.9 * (u[HEADING] - 0.5)
    s[SWELL_K] = 2 * math.pi / (36 + 50 * u[SWELL])
    s[SWELL_LEVEL] = 0.001 + 0.0055 * u[SWELL] * u[SWELL]
    s[SWELL_TOWARDS] = -math.pi / 2 - 0.8 * (u[HEADING] - 0.5) + 0.3
    # The two integrals of the spectrum (see spectrum.py), in closed form.
    wind_sea = 0.8 * s[LEVEL] / s[PEAK] ** 2
    s[SIGMA] = (wind_sea + 0.45 * s[SWELL_LEVEL] / s[SWELL_K] ** 2).sqrt()
    s[STEEP] = 0.16 + 0.44 * u[WIND]
    s[FOAM_AT] = 0.36 + 0.28 * u[FOAM] + 0.20 * u[WIND]
    s[FOAM_ALL] = 1.15 * ((u[WIND] - 0.25) / 0.45).clamp(0, 1)
    s[MICRO] = 0.0004 + 0.0012 * u[WIND]


def _colours(u: Tensor, s: list[Tensor]) -> None:
    def constant(values: object) -> Tensor:
        return torch.tensor(values, dtype=u.dtype, device=u.device)

    cool, warm = constant(_COOL), constant(_WARM)
    hours = (1 - (4 * u[HOUR] - torch.arange(5, dtype=u.dtype, device=u.device)).abs()).clamp(0, 1)
    hours = hours * hours * (3 - 2 * hours)
    colours = (hours[:, None, None] * (cool + (warm - cool) * u[HUE])).sum(0)
    grey = constant(_GREY) * (colours * constant(_LUMINANCE)).sum(1, keepdim=True)
    overcast = u[COVER] * u[COVER]
    share = constant([0.75, 0.75, 0.72, 0.6, 0.3, 0.25, 0.25])[:, None] * overcast
    dimmer = constant([0.70, 0.72, 0.80, 0.72, 0.45, 0.9, 0.9])[:, None]
    colours = (colours + (grey - colours) * share) * (1 + (dimmer - 1) * overcast)
    gloom = (u[WIND] ** 2 * (0.35 + 0.65 * u[COVER])).clamp(0, 1)
    dark = constant([0.60, 0.55, 0.30, 0.30, 0.25, 0.15, 0.0])[:, None]
    colours = colours * (1 - dark * gloom)
    tint = constant(_NAVY) + (constant(_GREEN) - constant(_NAVY)) * u[TINT]
    colours = torch.cat([colours[:5], colours[5:] * tint])
    s[ZENITH:STEEP] = colours.reshape(-1).unbind()
    s[EXPOSURE] = (hours * constant(_EXPOSURE)).sum()
    heights = (hours[:, None] * constant(_SUN_HEIGHT)).sum(0)
    height = heights[0] + (heights[1] - heights[0]) * u[ELEVATION]
    across = 1.5 * (u[AZIMUTH] - 0.5)
    length = (1 + across * across + height * height).sqrt()
    s[SUN_X], s[SUN_Y], s[SUN_Z] = across / length, 1 / length, height / length
    s[SUN_SIDE] = (across * across + 1).sqrt() / length
    s[SUN_SIZE] = 0.00016 + 0 * length
    s[CLOUDS] = u[COVER]
    s[CLOUD_SOFT] = u[CLOUD]
    s[HAZE_AT] = 700.0 + 5200.0 * (1 - u[HAZE]) ** 2


def _camera(u: Tensor, s: list[Tensor]) -> None:
    s[CAMERA_LENS] = 0.30 + 0.26 * u[LENS]
    s[CAMERA_HORIZON] = -0.08 + 0.62 * u[HORIZON]
    s[CAMERA_Z] = 1.4 + 7.0 * u[EYE] * u[EYE] + 2.1 * s[SIGMA]
