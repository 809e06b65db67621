"""Rows of ws: which layers are coarse, middle and fine, and what hits, directions and other walks do to them."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from .columns import key_of
from .hits import answer, frames_of
from .positions import contribution
from .rows import LAYERS, Layers, Row
from .types import Columns, Floats, Path
from .walk import Mapping

COARSE, MIDDLE = 32, 128  # highest sampling rates, samples a picture width
PULL_CACHE = 256  # seeds


def row_slice(layers: Layers, rates: Sequence[float]) -> list[int]:
    """Indices of the rows of ws that `layers` names.

    `rates`: sampling rate of the layer that each row feeds, 0 for the input's and inf for ToRGB's. By rate, not by
    number, so that networks of 10 and of 14 layers agree.
    """
    if isinstance(layers, tuple):
        return list(range(layers[0], min(layers[1] + 1, len(rates))))
    groups = [0 if rate <= COARSE else 1 if rate <= MIDDLE else 2 for rate in rates]
    wanted = set(range(3)) if layers == "all" else {LAYERS.index(name) for name in layers.split("+")}
    return [index for index, group in enumerate(groups) if group in wanted]


class Pull:
    """ws[rows] += amount strength answer (w(seed_k) - ws[rows]) for each hit k that is still felt, in time order."""

    def __init__(
        self, row: Row, columns: Columns, rows: list[int], seeds: Sequence[int], fps: Fraction, mapping: Mapping
    ) -> None:
        """`seeds`: where hit k pulls to is seeds[k mod n]."""
        events = columns[key_of(row)]
        values, self._ahead = answer(row.shape, fps)
        self._first = frames_of(events, fps) - self._ahead
        self._amounts = row.weight * events[:, 1]
        self._answer = values
        self._rows, self._seeds = rows, seeds
        self._w = lru_cache(PULL_CACHE)(lambda seed: mapping([seed])[0])

    def __call__(self, ws: Floats, start: int, stop: int) -> None:
        """Change `ws` [stop - start, n, w_dim] of frames start..stop in place."""
        length = len(self._answer)
        # Sorted by frame, so that only those that are felt are looked at.
        k, last = np.searchsorted(self._first, [start - length + 1, stop])
        for hit in range(int(k), int(last)):
            first = int(self._first[hit])
            lo, hi = max(first, start), min(first + length, stop)
            if lo >= hi:
                continue
            e = (self._amounts[hit] * self._answer[lo - first : hi - first])[:, None, None]
            w = self._w(self._seeds[hit % len(self._seeds)])
            frames = slice(lo - start, hi - start)
            for rows in _runs(self._rows):
                part = ws[frames, rows]
                part += e * (w - part)


class Push:
    """ws[rows] += amount D d: along a direction d, |d| = 1, in mean distances D of a w from w_avg; or `raw`."""

    def __init__(
        self,
        row: Row,
        columns: Columns,
        rows: list[int],
        frames: int,
        fps: Fraction,
        direction: Path,
    ) -> None:
        """`direction`: of frames start..stop, [stop - start or 1, w_dim], times D unless raw."""
        if row.raw:
            lo, hi = row.range or (-1.0, 1.0)
            v = columns[key_of(row)].astype(np.float64)
            self._amount = (lo + (hi - lo) * v) * row.weight
        else:
            self._amount = np.clip(contribution(row, columns, frames, fps), *row.limits)
        self._rows, self._direction = rows, direction

    def __call__(self, ws: Floats, start: int, stop: int) -> None:
        """Change `ws` [stop - start, n, w_dim] of frames start..stop in place."""
        step = self._amount[start:stop, None] * self._direction(start, stop)
        for rows in _runs(self._rows):
            ws[:, rows] += step[:, None]


class Mix:
    """ws[rows] blended with the w of another walk: style mixing."""

    def __init__(
        self,
        row: Row,
        columns: Columns,
        rows: list[int],
        frames: int,
        fps: Fraction,
        walk: Path,
    ) -> None:
        self._amount = np.clip(contribution(row, columns, frames, fps), *row.limits)
        self._rows, self._walk = rows, walk

    def __call__(self, ws: Floats, start: int, stop: int) -> None:
        """Change `ws` [stop - start, n, w_dim] of frames start..stop in place."""
        m = self._amount[start:stop, None, None]
        w = self._walk(start, stop)[:, None]
        for rows in _runs(self._rows):
            ws[:, rows] = (1 - m) * ws[:, rows] + m * w


def _runs(rows: list[int]) -> list[slice]:
    """Rows as slices, which are changed in place without a copy."""
    breaks = [k for k in range(1, len(rows)) if rows[k] != rows[k - 1] + 1]
    return [slice(rows[a], rows[b - 1] + 1) for a, b in zip([0, *breaks], [*breaks, len(rows)], strict=True) if rows]
