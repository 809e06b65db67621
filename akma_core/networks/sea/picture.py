"""One picture element: from a place in the picture to a colour on the screen."""

from typing import Any

from .ops import Colour, Value, blend, clamp, select, shared, sqrt
from .scene import CAMERA_HORIZON, CAMERA_LENS, CAMERA_Z, EXPOSURE, SIGMA
from .sky import sky
from .surface import coarse, march
from .texture import Texels
from .water import water


@shared
def heave(waves: Any, lengths: Texels, s: Texels) -> Value:
    """Height of the eye: it floats, softened, on the long waves below it."""
    return s[CAMERA_Z] + 0.5 * coarse(waves, lengths, 0.0 * s[SIGMA], 0.0 * s[SIGMA], 8.0 + 0.0 * s[SIGMA])[0]


@shared
def light(
    waves: Any, lengths: Texels, variances: Texels, noise: Texels, s: Texels, z: Value, x: Value, y: Value, pixel: Value
) -> Colour:
    """Light at (x, y), in picture heights from the centre, to the right and down; `pixel`: a sample's height."""
    lens = s[CAMERA_LENS]
    dx, dy, dz = 2.0 * x * lens, 1.0 + 0.0 * x, (-2.0 * y - s[CAMERA_HORIZON]) * lens
    length = sqrt(dx * dx + 1.0 + dz * dz)
    d = (dx / length, dy / length, dz / length)
    angle = 2.0 * pixel * lens / length
    t, mx, my, last = march(waves, lengths, s, z, d, angle, 4.0 * s[SIGMA])
    wet = select(d[2] < 0.0, t > -1.0, t < 0.98 * last)
    return blend(
        sky(s, noise, d[0], d[1], d[2], angle, 1.0),
        water(waves, lengths, variances, noise, s, d, (t, mx, my), z, angle),
        select(wet, 1.0 + 0.0 * t, 0.0 * t),
    )


@shared
def developed(s: Texels, linear: Value) -> Value:
    """Linear light -> nominal -1..1: a film's curve (Narkowicz 2015, after ACES), then a screen's gamma of 2.2."""
    x = linear * s[EXPOSURE]
    x = clamp(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0)
    # x^(1 / 2.2) from square roots alone, within 0.001: they are rounded alike everywhere.
    a = sqrt(x)
    b = sqrt(a)
    c = sqrt(b)
    return clamp(2.0 * (0.662002687 * a + 0.684122060 * b - 0.323583601 * c - 0.0225411470 * x) - 1.0, -1.0, 1.0)
