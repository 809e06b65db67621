"""The flash meter: counts flashes in a stream of small pictures and says what each standard makes of them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.area import Field, Flags
from akma_core.media.flash.grid import Grid
from akma_core.media.flash.standards import MOST_TRANSITIONS, STANDARDS, Area, Name, Standard
from akma_core.media.flash.transitions import Luminance, Redness

Kind = Literal["general", "red"]

# Changes a thirtieth of a second apart are one: two pictures at 30 a second. The test media of Jordan 2025 keep what
# is not to be taken together two such pictures apart.
TOGETHER = 1 / 30
WARNING = 4  # transitions in a second: two flashes, from which EA's IRIS passes with a warning
PROLONGED = 5.0  # ITU-R BT.1702: flashing for longer than 5 s may be a risk though it complies


@dataclass(frozen=True)
class Worst:
    """The worst second: its opposing transitions, when it begins (s), where (left, top, width, height in pixels)."""

    transitions: int = 0
    second: float = 0.0
    where: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Verdict:
    """What a standard says of a video; two transitions are a flash."""

    standard: Name
    general: Worst
    red: Worst
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


class FlashMeter:
    """Counts flashes, one small picture after another; holds a second of them, however long the video."""

    def __init__(self, grid: Grid, fps: float, standards: Sequence[Standard] = STANDARDS) -> None:
        self.grid, self.fps, self.standards = grid, fps, tuple(standards)
        self.pictures = 0
        self._last: NDArray[np.uint8] | None = None
        cells = grid.rows * grid.columns
        self._sources: dict[Kind, Luminance | Redness] = {"general": Luminance(cells), "red": Redness(cells)}
        areas = {standard.area for standard in standards}
        self._counters = {(kind, area): _Counter(grid, area, fps) for kind in self._sources for area in areas}

    def add(self, small: NDArray[np.uint8], times: Sequence[float] | None = None) -> None:
        """Count pictures that `grid` made small, uint8 [n, rows, columns, 3], in the order of showing.

        times: when each shows, s, rising from call to call; by default one every 1 / fps.
        """
        shape = (self.grid.rows, self.grid.columns)
        for index, picture in enumerate(small):
            time = self.pictures / self.fps if times is None else times[index]
            self.pictures += 1
            if self._last is not None and np.array_equal(picture, self._last):
                continue  # nothing changes, and what is past the second is dropped with the next that does
            self._last = picture.copy()
            for kind, source in self._sources.items():
                up, down = (flags.reshape(shape) for flags in source.add(picture.reshape(-1, 3)))
                for (other, _), counter in self._counters.items():
                    if other == kind:
                        counter.add(time, (up, down))

    def verdicts(self) -> dict[Name, Verdict]:
        """Each standard's verdict on the pictures so far."""
        return {standard.name: self._verdict(standard) for standard in self.standards}

    def _verdict(self, standard: Standard) -> Verdict:
        general, red = (self._counters[kind, standard.area] for kind in self._sources)
        return Verdict(standard.name, general.worst, red.worst, max(general.prolonged, red.prolonged))


class _Counter:
    """Transitions in the last second, cell by cell, that enough of a field made together; of one kind, for one area."""

    def __init__(self, grid: Grid, area: Area | None, fps: float) -> None:
        self.worst = Worst()
        self.prolonged = 0.0
        """Longest time, s, in which the second up to each picture held two flashes."""
        self._grid, self._field = grid, Field(grid, area)
        # Half a picture's time less or more, as containers round when a picture shows.
        self._second = 1 - 0.5 / fps
        self._together = (round(TOGETHER * fps) + 0.5) / fps
        self._counts = np.zeros((grid.rows, grid.columns), np.int16)
        self._counted: deque[tuple[float, NDArray[np.intp]]] = deque()  # time, and the cells counted with that picture
        # Cells that changed of late, of which there were not enough, by direction.
        self._waiting: tuple[deque[tuple[float, Flags]], deque[tuple[float, Flags]]] = (deque(), deque())
        self._since: float | None = None  # since when the second up to now has held two flashes

    def add(self, time: float, changes: tuple[Flags, Flags]) -> None:
        """changes: cells that went up and that went down with the picture shown then, bool [rows, columns]."""
        less = False
        while self._counted and self._counted[0][0] < time - self._second:
            self._counts.reshape(-1)[self._counted.popleft()[1]] -= 1
            less = True
        more = [self._count(time, *both) for both in zip(self._waiting, changes, strict=True)]
        if any(more) or less:
            flashing = self._fullest(WARNING) is not None
            self._since = (time if self._since is None else self._since) if flashing else None
        if self._since is not None:
            self.prolonged = max(self.prolonged, time - self._since)
        while any(more) and (place := self._fullest(self.worst.transitions + 1)):
            self.worst = Worst(self.worst.transitions + 1, self._counted[0][0], self._pixels(place))

    def _count(self, time: float, waiting: deque[tuple[float, Flags]], changed: Flags) -> bool:
        """Count the cells of which there are enough with this picture's; says whether there were any."""
        if not changed.any():
            return False
        while waiting and waiting[0][0] < time - self._together:
            waiting.popleft()
        waiting.append((time, changed.copy()))
        enough = self._field.exceeded(np.logical_or.reduce([flags for _, flags in waiting]))
        cells = np.flatnonzero(enough)
        if not len(cells):
            return False
        for _, flags in waiting:
            flags &= ~enough
        self._counts.reshape(-1)[cells] += 1
        self._counted.append((time, cells))
        return True

    def _fullest(self, transitions: int) -> tuple[int, int] | None:
        """Where the field holds most cells with so many transitions; None where they are too few."""
        flags = self._counts >= transitions
        if np.count_nonzero(flags) < self._field.least:
            return None
        cells, place = self._field.fullest(flags)
        return place if cells >= self._field.least else None

    def _pixels(self, place: tuple[int, int]) -> tuple[int, int, int, int]:
        grid, (top, left) = self._grid, place
        bottom, right = top + self._field.rows, left + self._field.columns
        x, y = left * grid.width // grid.columns, top * grid.height // grid.rows
        return x, y, right * grid.width // grid.columns - x, bottom * grid.height // grid.rows - y
