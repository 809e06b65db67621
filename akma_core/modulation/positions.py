"""Positions of the two walks in seeds: the pace summed over the frames, and what hits add at once."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .columns import BEATS, key_of
from .hits import curve_of_events, steps
from .resolve import Loop
from .rows import Row
from .types import Columns, Floats


def driven(
    rows: Sequence[Row], columns: Columns, frames: int, fps: Fraction, base: float | Floats, *, replace: bool = False
) -> Floats:
    """The sum of `rows` on one target at each frame, float64 [frames], on top of `base`, kept in the last row's limits.

    `replace`: where curves drive the target `base` does not count; events always add to what is there.
    """
    curves = [row for row in rows if columns[key_of(row)].ndim == 1]
    total = np.zeros(frames) + (0.0 if replace and curves else base)
    for row in rows:
        total += contribution(row, columns, frames, fps)
    if rows:
        total = np.clip(total, max(row.limits[0] for row in rows), min(row.limits[1] for row in rows))
    return total


def contribution(row: Row, columns: Columns, frames: int, fps: Fraction) -> Floats:
    """Contribution of one row to its target at each frame, float64 [frames]."""
    column = columns[key_of(row)]
    if column.ndim == 2:
        weights = _golden(row, len(column)) if row.golden else None
        return row.weight * curve_of_events(column, row.shape, frames, fps, weights)
    offset, amount = row.sweep
    if row.beats_per_seed is not None:
        return column.astype(np.float64) * columns[BEATS].astype(np.float64) / row.beats_per_seed
    return offset + amount * column.astype(np.float64)


def _golden(row: Row, count: int) -> Floats:
    """Part of the k-th push that goes along the row's axis: each is turned on by the golden angle."""
    angle = np.arange(count) * np.pi * (3 - np.sqrt(5))
    part: Floats = np.cos(angle) if row.target == "camera.x" else np.sin(angle)
    return part


def position(pace: Floats, step_rows: Sequence[Row], columns: Columns, fps: Fraction) -> Floats:
    """Seeds gone at each frame, float64 [frames]: `pace` [frames] in seeds a second, and the steps of events.

    Float64 throughout: a float32 position has steps of 2e-4 seeds after an hour, which is visible jitter.
    """
    gone = np.cumsum(pace) / float(fps)
    for row in step_rows:
        gone += row.weight * steps(columns[key_of(row)], row.shape, len(pace), fps)
    return gone


def closed(gone: Floats, loop: Loop, most: int) -> tuple[Floats, int]:
    """The position scaled so that whole rounds of a ring fill the loop, and the ring's number of seeds, 4 to `most`.

    The ring is as long as the way within the loop, or the way is several rounds of it.
    """
    stop = loop.first + loop.frames
    start = gone[loop.first - 1] if loop.first else 0.0
    way = float(gone[stop - 1] - start)
    seeds = min(max(4, round(abs(way))), most)
    if way == 0:
        return gone - start, seeds
    rounds = max(1, round(abs(way) / seeds))
    return (gone - start) * (np.sign(way) * rounds * seeds / way), seeds
