"""The reactive curve: loudness per frame, compressed, smoothed (Savitzky-Golay), scaled to a peak of 1."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from akma_core.errors import RequestError

MAX_WINDOW = 9_999  # frames; the filter's cost is frames * window
MAX_POLYORDER = 15  # above about 18 the fit at the ends is ill-conditioned in float64


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve and how it came to be."""

    values: NDArray[np.float64]
    """[frames], 0..1; with `original` unclamped, at most 1."""
    window_length: int
    """Frames, odd: the window that was used, which a short clip makes smaller than the one asked for."""
    polyorder: int
    """The order that was used, below window_length."""
    notes: tuple[str, ...] = ()
    """Notes for the user, a sentence each."""


def reactive_curve(
    loudness: ArrayLike,
    *,
    window_length: int = 33,
    polyorder: int = 3,
    compression: float = 1.0,
    original: bool = False,
) -> Curve:
    """Turn loudness per frame [frames], >= 0, into the curve that drives the picture (AKMA 2022, steps 4-6).

    loudness ** (1 / compression), savgol_filter over `window_length` frames (odd, 1 to 9999; mode 'interp')
    with polynomials of `polyorder` (0 to 15, below the window), divided by the maximum, clamped to 0..1.
    `original` leaves out the clamp: the filter overshoots below 0. Silence gives zeros. A clip shorter than
    the window gets the largest odd window that fits, with a note. Raises RequestError with the field of a
    setting that is out of range, ValueError for loudness that is not one row of finite numbers >= 0.
    """
    _check(window_length, polyorder, compression)
    loudness = np.asarray(loudness, np.float64)
    if loudness.ndim != 1 or not loudness.size or not (np.isfinite(loudness).all() and loudness.min() >= 0):
        raise ValueError("loudness must be one row of finite numbers >= 0, at least one")
    frames = len(loudness)
    window_length, polyorder, notes = effective_window(frames, window_length, polyorder)
    peak = loudness.max()
    if peak == 0:
        notes = (*notes, "The loudness is 0 throughout, and so is the curve.")
        return Curve(np.zeros(frames), window_length, polyorder, notes)
    smooth = scipy.signal.savgol_filter(_compressed(loudness, peak, compression), window_length, polyorder)
    highest = smooth.max()
    values = smooth / highest if highest > 0 else np.zeros(frames)
    return Curve(values if original else np.clip(values, 0.0, 1.0), window_length, polyorder, notes)


class CurveSettings(Protocol):
    """Settings of a curve: a render's, or what a plan made of them."""

    @property
    def window_length(self) -> int: ...
    @property
    def polyorder(self) -> int: ...
    @property
    def compression(self) -> float: ...
    @property
    def original(self) -> bool: ...


def curve_of(loudness: ArrayLike, settings: CurveSettings) -> Curve:
    """`reactive_curve` with the settings of `settings`."""
    return reactive_curve(
        loudness,
        window_length=settings.window_length,
        polyorder=settings.polyorder,
        compression=settings.compression,
        original=settings.original,
    )


def effective_window(frames: int, window_length: int, polyorder: int) -> tuple[int, int, tuple[str, ...]]:
    """Window and order that fit a clip of `frames` >= 1: the largest odd window, and notes where it is another."""
    if frames >= window_length:
        return window_length, polyorder, ()
    fitting = frames - 1 + frames % 2
    order = min(polyorder, fitting - 1)
    note = (
        f"The clip has {frames} frames, fewer than window_length {window_length}: "
        f"window_length {fitting} and polyorder {order} were used."
    )
    return fitting, order, (note,)


def _compressed(loudness: NDArray[np.float64], peak: np.float64, compression: float) -> NDArray[np.float64]:
    """loudness ** (1 / compression), scaled first by the peak where the power would leave float64's range.

    The scale cancels in the curve; only rare songs get it, so that the others keep AKMA's curve to the bit.
    """
    exponent = min(1.0 / max(compression, 1e-300), 1e300)
    with np.errstate(over="ignore", under="ignore"):
        power: NDArray[np.float64] = loudness**exponent
        if not 1e-100 < power.max() < 1e100:
            power = (loudness / peak) ** exponent
    return power


def _check(window_length: int, polyorder: int, compression: float) -> None:
    if not 1 <= window_length <= MAX_WINDOW or window_length % 2 == 0:
        raise _bad(
            f"window_length is {window_length}; give an odd number, 1 to {MAX_WINDOW}",
            "window_length",
        )
    if not 0 <= polyorder <= MAX_POLYORDER or polyorder >= window_length:
        raise _bad(
            f"polyorder is {polyorder}; give 0 to {min(MAX_POLYORDER, window_length - 1)}, "
            f"less than window_length ({window_length})",
            "polyorder",
        )
    if not (math.isfinite(compression) and compression > 0):
        raise _bad(f"compression is {compression}; give a number above 0, best 0.5 to 2", "compression")


def _bad(message: str, field: str) -> RequestError:
    return RequestError(message, code="bad_setting", field=field)
