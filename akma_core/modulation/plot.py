"""The picture of a curve: the song's waveform with the curve over it."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from akma_core.modulation.envelope import Curve
from akma_core.modulation.plot_overview import draw_rows, draw_sections, height_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .overview import Overview

COLUMNS = 1480  # peaks that fill the picture: one a pixel of the axes' width
_WIDTH, _HEIGHT, _DPI = 1600, 500, 100  # px, px, px an inch
_FONT = "DejaVu Sans"  # comes with matplotlib, so the picture is the same everywhere
_NIGHT, _WAVE, _GLOW, _INK, _FAINT = "#0e1116", "#39465a", "#ff9d4d", "#e9ebee", "#8b94a3"
_TICKS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
)  # seconds apart


def plot_curve(
    curve: Curve,
    peaks: NDArray[np.float64],
    *,
    name: str,
    fps: Fraction,
    duration: float,
    compression: float = 1.0,
    crop: tuple[float, float] | None = None,
    overview: Overview | None = None,
) -> bytes:
    """A PNG of 1600 x 500 pixels: `curve` over the waveform `peaks`, [columns, 2] lowest and highest samples.

    With `overview` sections, beats and hits are drawn over it, and the picture is higher by a row for each used curve.

    `name` titles it and may hold anything; `fps` and `compression` go into the caption; `duration` is the
    song's length in seconds; `crop` is a start and an end in seconds, and what lies outside them is shaded.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # not at the top: a third of a second
    from matplotlib.figure import Figure

    more = height_of(overview) if overview else 0
    high = _HEIGHT + more
    figure = Figure(figsize=(_WIDTH / _DPI, high / _DPI), dpi=_DPI, facecolor=_NIGHT)
    axes = figure.add_axes((0.0375, (0.13 * _HEIGHT + more) / high, 0.925, 0.68 * _HEIGHT / high), facecolor=_NIGHT)
    _draw_waveform(axes, peaks, duration)
    _draw_values(axes, curve.values, duration)
    if crop is not None:
        brim = 0.002 * duration  # a line that ends at the edge spills over it
        for outside in ((-brim, crop[0]), (crop[1], duration + brim)):
            axes.axvspan(*outside, facecolor=_NIGHT, alpha=0.72, linewidth=0, zorder=4, clip_on=False)
        for edge in crop:
            axes.axvline(edge, color=_INK, linewidth=0.8, zorder=5)
    _dress(axes, curve.values, duration)
    if overview:
        draw_sections(axes, overview, duration)
        draw_rows(figure, overview, duration, 0.0375, 0.925)
    frames = len(curve.values)
    caption = (
        f"{float(fps):.5g} fps    window {curve.window_length}    polyorder {curve.polyorder}    "
        f"compression {compression:g}    {frames} frame{'s' * (frames != 1)}    {_clock(duration)}"
    )
    left, right = axes.get_position().x0, axes.get_position().x1
    text: dict[str, Any] = {"family": _FONT, "parse_math": False}
    line = (0.91 * _HEIGHT + more) / high
    figure.text(left, line, _shown(name, 70), color=_INK, fontsize=15, va="center", **text)
    figure.text(right, line, caption, color=_FAINT, fontsize=9.5, va="center", ha="right", **text)
    FigureCanvasAgg(figure)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=_DPI, facecolor=_NIGHT)
    return png.getvalue()


def _draw_waveform(axes: Axes, peaks: NDArray[np.float64], duration: float) -> None:
    """The waveform, scaled to its own peak, mirrored about the middle of the curve's 0..1."""
    loudest = np.abs(peaks).max(initial=0.0)
    low, high = 0.5 + 0.5 * (peaks / loudest if loudest > 0 else peaks).T
    times = (np.arange(len(peaks)) + 0.5) * duration / len(peaks)
    axes.fill_between(times, low, high, facecolor=_WAVE, edgecolor=_WAVE, linewidth=0.7)


def _draw_values(axes: Axes, values: NDArray[np.float64], duration: float) -> None:
    """The curve as a line; where many frames share a pixel, the band they span."""
    columns = min(len(values), COLUMNS)
    starts = np.arange(columns) * len(values) // columns
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    if columns == 1:  # one frame lasts the whole clip
        low, high, times = low.repeat(2), high.repeat(2), np.array([0.0, duration])
    else:
        times = (np.arange(columns) + 0.5) * duration / columns
    axes.fill_between(times, 0, low, facecolor=_GLOW, alpha=0.16, linewidth=0)
    axes.fill_between(times, low, high, facecolor=_GLOW, edgecolor=_GLOW, linewidth=1.5)


def _dress(axes: Axes, values: NDArray[np.float64], duration: float) -> None:
    """Limits, ticks in m:ss and no frame."""
    lowest = min(0.0, float(values.min()))
    axes.set_xlim(0, duration)
    axes.set_ylim(lowest - 0.02, 1.03)
    step = next((step for step in _TICKS if duration / step <= 12), duration)
    ticks = np.arange(0, duration + step * 1e-6, step)
    axes.set_xticks(ticks, [_clock(tick) for tick in ticks])
    axes.set_yticks([0, 0.5, 1], ["0", "½", "1"])
    axes.tick_params(colors=_FAINT, length=0, pad=7, labelsize=9.5, labelfontfamily=_FONT)
    axes.grid(axis="y", color=_FAINT, alpha=0.18, linewidth=0.7)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss; below a minute with tenths, below a second in milliseconds."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10)
    minutes, rest = divmod(whole, 60)
    tail = f".{tenth}" if tenth and seconds < 60 else ""
    if minutes < 60:
        return f"{minutes}:{rest:02d}{tail}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _shown(name: str, length: int) -> str:
    """`name` on one line of at most `length` characters, each of which the font has."""
    from matplotlib.font_manager import findfont, get_font

    glyphs = get_font(findfont(_FONT)).get_charmap()
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    line = "".join(letter if ord(letter) in glyphs else "□" for letter in line)
    return line if len(line) <= length else line[: length - 1] + "…"
