"""Transitions in the last second: of cells that enough of a field change together with, and of the field's mean."""

import copy
from collections import deque
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.area import Field, Flags, Rectangle
from akma_core.media.flash.transitions import Luminance, Values

# Changes a thirtieth of a second apart are one: two pictures at 30 a second. The test media of Jordan 2025 keep what
# is not to be taken together two such pictures apart.
TOGETHER = 1 / 30
WARNING = 4  # transitions in a second: two flashes, from which EA's IRIS passes with a warning


@dataclass(frozen=True)
class Worst:
    """The worst second: its opposing transitions, when it begins (s), where (left, top, width, height in pixels)."""

    transitions: int = 0
    second: float = 0.0
    where: Rectangle | None = None


class _LastSecond:
    """Times that each cell was counted in the second up to now."""

    def __init__(self, cells: int, fps: float) -> None:
        self.counts = np.zeros(cells, np.int16)
        self.counted: deque[tuple[float, NDArray[np.intp]]] = deque()  # when, and which cells
        self._second = 1 - 0.5 / fps  # half a picture's time less, as containers round when a picture shows

    def copied(self) -> Self:
        """A copy that goes on by itself."""
        copied = copy.copy(self)
        copied.counts, copied.counted = self.counts.copy(), self.counted.copy()
        return copied

    def move(self, time: float) -> bool:
        """Drop what is more than a second before; says whether there was any."""
        before = len(self.counted)
        while self.counted and self.counted[0][0] < time - self._second:
            self.counts[self.counted.popleft()[1]] -= 1
        return len(self.counted) < before

    def count(self, time: float, flags: Flags) -> bool:
        """Count the flagged cells once more; says whether there were any."""
        cells = np.flatnonzero(flags)
        if len(cells):
            self.counts[cells] += 1
            self.counted.append((time, cells))
        return len(cells) > 0

    @property
    def begins(self) -> float:
        """Time of the first that was counted."""
        return self.counted[0][0]


class AreaCounter:
    """Transitions, cell by cell, that more than the standard's area made together; of one kind, for one field."""

    def __init__(self, field: Field, fps: float) -> None:
        self.worst = Worst()
        self.prolonged = 0.0
        """Longest time, s, in which the second up to each picture held two flashes."""
        self._field, self._last = field, _LastSecond(field.shape[0] * field.shape[1], fps)
        self._together = (round(TOGETHER * fps) + 0.5) / fps
        # Cells that changed of late, of which there were not enough, by direction.
        self._waiting: tuple[deque[tuple[float, Flags]], deque[tuple[float, Flags]]] = (deque(), deque())
        self._since: float | None = None  # since when the second up to now has held two flashes

    def copied(self) -> Self:
        """A copy that goes on by itself."""
        copied = copy.copy(self)
        copied._last = self._last.copied()
        up, down = (deque((time, flags.copy()) for time, flags in waiting) for waiting in self._waiting)
        copied._waiting = up, down
        return copied

    def add(self, time: float, changes: tuple[Flags, Flags]) -> None:
        """changes: cells that went up and that went down with the picture shown then, bool [rows * columns]."""
        less = self._last.move(time)
        more = [self._count(time, *both) for both in zip(self._waiting, changes, strict=True)]
        if any(more) or less:
            flashing = self._fullest(WARNING) is not None
            self._since = (time if self._since is None else self._since) if flashing else None
        if self._since is not None:
            self.prolonged = max(self.prolonged, time - self._since)
        while any(more) and (place := self._fullest(self.worst.transitions + 1)):
            self.worst = Worst(self.worst.transitions + 1, self._last.begins, self._field.pixels(place))

    def since(self, time: float) -> NDArray[np.int16]:
        """Counts of each cell from `time` on, which is at most a second ago."""
        counts = self._last.counts.copy()
        for counted, cells in self._last.counted:
            if counted < time:
                counts[cells] -= 1
        return counts

    def exceeds(self, counts: NDArray[np.int16], most: int) -> bool:
        """True if there is a place in which cells enough were counted more than `most` times."""
        flags = counts > most
        if np.count_nonzero(flags) < self._field.least:
            return False
        return self._field.fullest(flags.reshape(self._field.shape))[0] >= self._field.least

    def _count(self, time: float, waiting: deque[tuple[float, Flags]], changed: Flags) -> bool:
        """Count the cells of which there are enough with this picture's; says whether there were any."""
        if not changed.any():
            return False
        while waiting and waiting[0][0] < time - self._together:
            waiting.popleft()
        waiting.append((time, changed.copy()))
        together = np.logical_or.reduce([flags for _, flags in waiting])
        enough = self._field.exceeded(together.reshape(self._field.shape)).reshape(-1)
        counted = self._last.count(time, enough)
        for _, flags in waiting if counted else ():
            flags &= ~enough
        return counted

    def _fullest(self, transitions: int) -> tuple[int, int] | None:
        """Place where the field holds most cells with so many transitions; None where they are too few."""
        flags = self._last.counts >= transitions
        if np.count_nonzero(flags) < self._field.least:
            return None
        cells, place = self._field.fullest(flags.reshape(self._field.shape))
        return place if cells >= self._field.least else None


class MeanCounter:
    """Transitions of a field's mean luminance, in places an eighth of it apart.

    EA's IRIS counts those of the whole picture. Where forms move, cells change and the mean stays; where it flashes,
    the mean does.
    """

    def __init__(self, field: Field, fps: float) -> None:
        self.worst = Worst()
        self._field = field
        self._across = len(range(0, field.shape[1] - field.columns + 1, field.steps[1]))
        places = self._across * len(range(0, field.shape[0] - field.rows + 1, field.steps[0]))
        self._luminance, self._last = Luminance(places), _LastSecond(places, fps)

    def add(self, time: float, values: Values) -> None:
        """values: relative luminances of the picture shown then, float32 [rows * columns]."""
        self._last.move(time)
        up, down = self._luminance.add(self._field.means(values.reshape(self._field.shape)).reshape(-1))
        if not self._last.count(time, up | down):
            return
        place = int(self._last.counts.argmax())
        if (most := int(self._last.counts[place])) > self.worst.transitions:
            row, column = divmod(place, self._across)
            where = self._field.pixels((row * self._field.steps[0], column * self._field.steps[1]))
            self.worst = Worst(most, self._last.begins, where)
