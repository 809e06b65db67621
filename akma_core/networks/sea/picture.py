"""One picture element: from a place in the picture to a colour on the screen."""

from .ops import Texels, Value, clamp, shared, sqrt
from .scene import CAMERA_HORIZON, CAMERA_LENS, EXPOSURE

SAMPLES = 4
OFFSETS_X, OFFSETS_Y = (-0.125, 0.375, -0.375, 0.125), (-0.375, -0.125, 0.125, 0.375)
"""Places of the samples in a pixel: four columns and four rows, a turned grid."""
SAMPLE = 0.5
"""Side of a sample's share of a pixel, in pixels."""
CONE = 0.6
"""Pixels around a pixel's centre within which its samples lie."""


@shared
def place(
    camera: Texels, width: int, height: int, column: Value, row: Value, off_x: float, off_y: float
) -> tuple[Value, Value]:
    """Direction of a pixel's sample, in picture heights from the centre, to the right and down."""
    u = (column + (0.5 + off_x - 0.5 * width)) / height
    v = (row + (0.5 + off_y - 0.5 * height)) / height
    return camera[0, 0] * u + camera[0, 1] * v + camera[0, 2], camera[1, 0] * u + camera[1, 1] * v + camera[1, 2]


@shared
def ray(s: Texels, x: Value, y: Value) -> tuple[Value, Value, Value, Value]:
    """Direction through (x, y), in picture heights from the centre, right and down; radians of a height there."""
    dx, dy, dz = 2.0 * x * s[CAMERA_LENS], 1.0 + 0.0 * x, (-2.0 * y - s[CAMERA_HORIZON]) * s[CAMERA_LENS]
    length = sqrt(dx * dx + 1.0 + dz * dz)
    return dx / length, dy / length, dz / length, 2.0 * s[CAMERA_LENS] / length


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
