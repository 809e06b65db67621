"""Area of a field of view that flashes at once, for every place of the field on the picture."""

import math

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.standards import Area

Flags = NDArray[np.bool_]
Rectangle = tuple[int, int, int, int]


class Field:
    """A field of view that slides over the picture cell by cell, or the whole picture."""

    def __init__(self, grid: Grid, area: Area | None, share: float = 1.0) -> None:
        """`share` of the standard's area that counts as too much; less than 1 leaves a margin."""
        self._grid = grid
        height, width = grid.cell
        self.shape = (grid.rows, grid.columns)
        self.rows, self.columns = self.shape
        limit = grid.rows * grid.columns / 4
        if area is not None:
            self.rows = min(grid.rows, max(1, round(area.height / height)))
            self.columns = min(grid.columns, max(1, round(area.width / width)))
            limit = area.limit / (height * width)
        self.steps = max(1, self.rows // 8), max(1, self.columns // 8)
        self.least = math.floor(limit * share + 1e-9) + 1
        """Fewest cells that exceed the standard's area."""

    def fullest(self, flags: Flags) -> tuple[int, tuple[int, int]]:
        """Most flagged cells in any place, and that place's top row and left column; flags: bool [rows, columns]."""
        counts = _sums(flags, self.rows, self.columns)
        place = int(counts.argmax())
        return int(counts.flat[place]), divmod(place, counts.shape[1])

    def exceeded(self, flags: Flags) -> Flags:
        """Those flagged cells that lie in a place which holds too many of them."""
        if np.count_nonzero(flags) < self.least:
            return np.zeros_like(flags)
        if (self.rows, self.columns) == self.shape:
            return flags
        places = _sums(flags, self.rows, self.columns) >= self.least
        if not places.any():
            return np.zeros_like(flags)
        # A cell lies in as many places as there are within the field's size before it.
        down, across = self.rows - 1, self.columns - 1
        around = np.zeros((self.shape[0] + down, self.shape[1] + across), np.bool_)
        around[down : down + places.shape[0], across : across + places.shape[1]] = places
        return flags & (_sums(around, self.rows, self.columns) > 0)

    def means(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean in places an eighth of the field apart, float32 [down, across]; values: float32 [rows, columns]."""
        table = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
        np.cumsum(values, axis=0, dtype=np.float64, out=table[1:, 1:])
        np.cumsum(table[1:, 1:], axis=1, out=table[1:, 1:])
        down, across = self.steps
        upper, lower = (rows[::down] for rows in (table[: -self.rows], table[self.rows :]))
        left, right = np.s_[:, : -self.columns : across], np.s_[:, self.columns :: across]
        sums = lower[right] - lower[left] - upper[right] + upper[left]
        return (sums / (self.rows * self.columns)).astype(np.float32)

    def pixels(self, place: tuple[int, int]) -> Rectangle:
        """Left, top, width and height of the field at a top row and left column, in pixels."""
        grid, (top, left) = self._grid, place
        bottom, right = top + self.rows, left + self.columns
        x, y = left * grid.width // grid.columns, top * grid.height // grid.rows
        return x, y, right * grid.width // grid.columns - x, bottom * grid.height // grid.rows - y


def _sums(flags: Flags, rows: int, columns: int) -> NDArray[np.int32]:
    """Flagged cells in each rectangle of that size inside the picture, from the summed-area table."""
    table = np.zeros((flags.shape[0] + 1, flags.shape[1] + 1), np.int32)
    np.cumsum(flags, axis=0, dtype=np.int32, out=table[1:, 1:])
    np.cumsum(table[1:, 1:], axis=1, out=table[1:, 1:])
    return table[rows:, columns:] - table[:-rows, columns:] - table[rows:, :-columns] + table[:-rows, :-columns]
