"""A closed walk: a periodic cubic spline through the w of a list of seeds, at any position in seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy

from .types import Floats
from .walk import BLOCK, MARGIN, MIN_SEEDS, Mapping


@dataclass(frozen=True)
class Ring:
    """Position k is the k-th seed, len(seeds) the first again. Long rings are solved in blocks, as walk.Walk is."""

    seeds: tuple[int, ...]
    mapping: Mapping
    """Seeds -> [n, w_dim]."""

    def __post_init__(self) -> None:
        if len(self.seeds) < MIN_SEEDS:
            raise ValueError(f"a ring needs at least {MIN_SEEDS} seeds")
        object.__setattr__(self, "_solved", lru_cache(maxsize=4)(self._solve))

    def __call__(self, position: Floats) -> Floats:
        """w at each position [n], in seeds: [n, w_dim], float64; exactly a seed's w at a whole position."""
        count = len(self.seeds)
        u = np.mod(position, count)
        u[u >= count] = 0.0  # np.mod of a tiny negative number
        block = u.astype(np.int64) // self._block
        w: Floats | None = None
        for each in np.unique(block):
            here = block == each
            spline, knots, first = self._solved(int(each))  # type: ignore[attr-defined]
            values = spline(u[here])
            whole = u[here] == np.rint(u[here])
            values[whole] = knots[u[here][whole].astype(np.int64) - first]
            w = np.empty((len(u), values.shape[1])) if w is None else w
            w[here] = values
        assert w is not None
        return w

    @property
    def _block(self) -> int:
        """Knot intervals solved together: all of a short ring."""
        return len(self.seeds) if len(self.seeds) <= BLOCK + 2 * MARGIN else BLOCK

    def _solve(self, block: int) -> tuple[Callable[[Floats], Floats], Floats, int]:
        """Spline of a block, the w of its knots, and the number of the first."""
        count = len(self.seeds)
        if self._block == count:
            first, knots = 0, self._mapped(range(count + 1))
            spline = scipy.interpolate.make_interp_spline(np.arange(count + 1), knots, k=3, bc_type="periodic")
        else:
            first = block * BLOCK - MARGIN
            knots = self._mapped(range(first, first + BLOCK + 2 * MARGIN + 1))
            spline = scipy.interpolate.make_interp_spline(np.arange(first, first + len(knots)), knots, k=3)
        return spline, knots, first

    def _mapped(self, indices: range) -> Floats:
        seeds = [self.seeds[index % len(self.seeds)] for index in indices]
        different, where = np.unique(seeds, return_inverse=True)
        return self.mapping(different.tolist())[where]


class RingWalk:
    """A walk around a ring, at a position a frame."""

    def __init__(self, ring: Ring, position: Floats) -> None:
        """`position` [frames] in seeds."""
        self._ring, self._position = ring, position

    def __call__(self, start: int, stop: int) -> Floats:
        """w of frames start..stop, [stop - start, w_dim], float64."""
        return self._ring(self._position[start:stop])
