"""Drawing of what moves a picture, under the song's curve: sections and beats, hits, and a row for each used curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .overview import Overview
    from .types import Floats

MOST_ROWS = 12  # of used curves and events; a preset has two to six
ROW, GAP = 58, 14  # px of a row, and between two
BINS = 370  # of an axis' width: where several events share one, its line is as high as the strongest of them
FEW_LINES = 160  # beats are lines while they can be told apart, else only the first of each bar, else none
_FONT = "DejaVu Sans"
_BANDS = ("#6ea8fe", "#ffb86b", "#8ddb8c", "#d59bf6", "#f7768e", "#7dcfff", "#e0c46c", "#a0a8b8")
_INK, _FAINT, _CURVE, _EVENT, _BASE = "#e9ebee", "#8b94a3", "#7fb2ff", "#ff6f7d", "#171c24"


def height_of(overview: Overview) -> int:
    """Pixels that the rows take."""
    return (ROW + GAP) * min(len(overview.columns), MOST_ROWS) + 2 * GAP


def draw_sections(axes: Axes, overview: Overview, duration: float) -> None:
    """Over the waveform: sections as a coloured edge with their labels, beats as faint lines, hits as marks on top."""
    starts = [section.start for section in overview.sections]
    labels = list(dict.fromkeys(section.label for section in overview.sections))
    top = axes.get_ylim()[1]
    for section, start, stop in zip(overview.sections, starts, [*starts[1:], duration], strict=True):
        colour = _BANDS[labels.index(section.label) % len(_BANDS)]
        axes.axvspan(start, stop, facecolor=colour, alpha=0.07, linewidth=0, zorder=0)
        axes.plot([start, stop], [top, top], color=colour, linewidth=6, solid_capstyle="butt", clip_on=False)
        if stop - start > duration / 60:
            axes.annotate(
                section.label, (start, top), (4, -11), textcoords="offset points", color=colour, fontsize=9,
                family=_FONT, va="center", parse_math=False,
            )  # fmt: skip
    for times in (overview.beats, overview.downbeats):
        if len(times) <= FEW_LINES:
            axes.vlines(times, *axes.get_ylim(), color=_FAINT, alpha=0.28, linewidth=0.6, zorder=1)
            break
    _marks(axes, overview.hits, duration, base=0.90, reach=0.10)


def draw_rows(figure: Figure, overview: Overview, duration: float, left: float, width: float) -> None:
    """A row for each used curve or list of events, from the figure's bottom up to where the curve's axes begin."""
    high = figure.get_figheight() * figure.dpi
    shown = list(overview.columns.items())[:MOST_ROWS]
    for index, (name, column) in enumerate(shown):
        bottom = GAP + (ROW + GAP) * (len(shown) - 1 - index)
        axes = figure.add_axes((left, bottom / high, width, ROW / high), facecolor=_BASE)
        if column.ndim == 2:
            _marks(axes, column, duration, base=0.0, reach=1.0)
        else:
            edges = np.arange(min(len(column), 4 * BINS)) * len(column) // min(len(column), 4 * BINS)
            values, times = np.maximum.reduceat(column, edges), edges * duration / len(column)
            axes.fill_between(times, 0, values, facecolor=_CURVE, alpha=0.75, linewidth=0, step="post")
        axes.set(xlim=(0, duration), ylim=(0, max(1.0, float(column.max(initial=1.0)) if column.ndim == 1 else 1.0)))
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.text(
            0.004, 0.86, name[:110], transform=axes.transAxes, color=_INK, fontsize=8.5, family=_FONT, va="top",
            parse_math=False,
        )  # fmt: skip


def _marks(axes: Axes, events: Floats, duration: float, base: float, reach: float) -> None:
    """Events [n, 2] as lines from `base`, as high as they are strong; the strongest of those that share a place."""
    if not len(events):
        return
    bins = np.clip((events[:, 0] / duration * BINS).astype(int), 0, BINS - 1)
    strongest = np.zeros(BINS)
    np.maximum.at(strongest, bins, events[:, 1])
    if len(events) <= BINS // 2:  # few enough to stand where they are
        times, strengths = events[:, 0], events[:, 1]
    else:
        used = np.flatnonzero(strongest)
        times, strengths = (used + 0.5) * duration / BINS, strongest[used]
    axes.vlines(times, base, base + reach * np.clip(strengths, 0.04, 1.0), color=_EVENT, linewidth=1.1, zorder=6)
