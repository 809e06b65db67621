"""Shapes of curves: from a feature's values to 0..1, in the order of Shape's fields."""

from fractions import Fraction

import numpy as np

from .envelope import MAX_WINDOW, reactive_curve
from .rows import Shape
from .types import Floats

PERCENTILES = (5.0, 98.0)  # never the maximum: one clap would set it
WINDOW_FPS = 30  # frames a second in which a row's window counts


def shape_curve(values: Floats, shape: Shape, fps: Fraction, *, unit: bool = True) -> Floats:
    """Shape a feature's `values` [frames] for a video of `fps`; float64 [frames], 0..1.

    percentile, compression, window (AKMA's filter and division by the maximum), attack and release, delay, invert,
    power, gain, clip. `unit`: the values are 0..1 by nature; others are scaled by PERCENTILES where neither percentile
    nor window is given. Raises ValueError for values that are not finite.
    """
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError("a feature must be one row of finite numbers, at least one")
    x = values.astype(np.float64)
    scaled = shape.percentile or (None if shape.window and x.min() >= 0 else PERCENTILES)
    if scaled and (shape.percentile or not unit):
        x = _scaled(x, scaled)
    if shape.window is not None:
        polyorder = 3 if shape.polyorder is None else shape.polyorder
        window = frames_of_window(shape.window, fps)
        x = reactive_curve(
            x, window_length=window, polyorder=min(polyorder, window - 1), compression=shape.compression or 1.0
        ).values
    elif shape.compression:
        x = np.clip(x, 0.0, None) ** (1 / shape.compression)
    if shape.attack or shape.release:
        x = follow(x, shape.attack * float(fps), shape.release * float(fps))
    if shape.delay:
        at = np.arange(len(x))
        x = np.interp(at - shape.delay * float(fps), at, x)  # the ends are held
    x = np.clip(x, 0.0, 1.0)
    if shape.invert:
        x = 1 - x
    shaped: Floats = np.clip(x**shape.power * shape.gain, 0.0, 1.0)
    return shaped


def frames_of_window(window: int, fps: Fraction) -> int:
    """The odd number of frames nearest to `window` frames at 30 fps."""
    return min(2 * round((window * fps / WINDOW_FPS - 1) / 2) + 1, MAX_WINDOW)


def follow(values: Floats, attack: float, release: float) -> Floats:
    """One pole each way: y += (1 - exp(-1 / tau)) (x - y), tau `attack` where x > y, else `release`, in frames."""
    up, down = (1 - np.exp(-1 / tau) if tau > 0 else 1.0 for tau in (attack, release))
    y = float(values[0])
    followed = []
    for x in values.tolist():
        y += float(up if x > y else down) * (x - y)
        followed.append(y)
    return np.array(followed)


def _scaled(values: Floats, percentile: tuple[float, float]) -> Floats:
    lo, hi = np.percentile(values, percentile)
    # A curve without any difference says nothing: 0, as silence is.
    scaled: Floats = np.clip((values - lo) / (hi - lo), 0.0, 1.0) if hi > lo else np.zeros(len(values))
    return scaled
