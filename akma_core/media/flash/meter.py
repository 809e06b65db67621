"""The flash meter: counts flashes in a stream of small pictures and says what each standard makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.area import Field
from akma_core.media.flash.counter import WARNING, AreaCounter, MeanCounter, Worst
from akma_core.media.flash.grid import Grid
from akma_core.media.flash.standards import MOST_TRANSITIONS, STANDARDS, Area, Name, Standard
from akma_core.media.flash.transitions import Luminance, Redness, luminances

PROLONGED = 5.0  # s; ITU-R BT.1702: flashing for longer may be a risk though it complies


@dataclass(frozen=True)
class Verdict:
    """Verdict of a standard on a video; two transitions are a flash."""

    standard: Name
    general: Worst
    red: Worst
    mean: Worst
    """Of the mean luminance of the standard's field; for comparison, no part of the verdict."""
    prolonged: float
    """Longest time, s, that every second held two flashes or more."""

    @property
    def passed(self) -> bool:
        return max(self.general.transitions, self.red.transitions) <= MOST_TRANSITIONS

    @property
    def warning(self) -> bool:
        """Near the limit, or flashing for so long that it may be a risk below it."""
        most = max(self.general.transitions, self.red.transitions)
        return self.passed and (most >= WARNING or self.prolonged > PROLONGED)


class _Counters:
    """All that is counted for one area."""

    def __init__(self, grid: Grid, area: Area | None, fps: float) -> None:
        field = Field(grid, area)
        self.general, self.red, self.mean = AreaCounter(field, fps), AreaCounter(field, fps), MeanCounter(field, fps)


class FlashMeter:
    """Counts flashes, one small picture after another; holds a second of them, however long the video."""

    def __init__(self, grid: Grid, fps: float, standards: Sequence[Standard] = STANDARDS) -> None:
        self.grid, self.fps, self.standards = grid, fps, tuple(standards)
        self.pictures = 0
        self._last: NDArray[np.uint8] | None = None
        self._luminance, self._redness = Luminance(grid.rows * grid.columns), Redness(grid.rows * grid.columns)
        self._counters = {area: _Counters(grid, area, fps) for area in {standard.area for standard in standards}}

    def add(self, small: NDArray[np.uint8], times: Sequence[float] | None = None) -> None:
        """Count pictures that `grid` made small, uint8 [n, rows, columns, 3], in the order of showing.

        times: when each shows, s, rising from call to call; by default one every 1 / fps.
        """
        for index, picture in enumerate(small):
            time = self.pictures / self.fps if times is None else times[index]
            self.pictures += 1
            if self._last is not None and np.array_equal(picture, self._last):
                continue  # nothing changes, and what is past the second is dropped with the next that does
            self._last = picture.copy()
            self._count(time, picture.reshape(-1, 3))

    def _count(self, time: float, rgb: NDArray[np.uint8]) -> None:
        values = luminances(rgb)
        general, red = self._luminance.add(values), self._redness.add(rgb)
        for counters in self._counters.values():
            counters.general.add(time, general)
            counters.red.add(time, red)
            counters.mean.add(time, values)

    def verdicts(self) -> dict[Name, Verdict]:
        """Each standard's verdict on the pictures so far."""
        return {standard.name: self._verdict(standard) for standard in self.standards}

    def _verdict(self, standard: Standard) -> Verdict:
        counters = self._counters[standard.area]
        general, red = counters.general, counters.red
        prolonged = max(general.prolonged, red.prolonged)
        return Verdict(standard.name, general.worst, red.worst, counters.mean.worst, prolonged)
