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
    """The worst second: opposing transitions in it, when it begins (s), and where (left, top, width, height; pixels)."""

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
        cells = grid.rows * grid.columns
        self._sources: dict[Kind, Luminance | Redness] = {"general": Luminance(cells), "red": Redness(cells)}
        areas = {standard.area for standard in standards}
        self._counters = {(kind, area): _Counter(grid, area, fps) for kind in self._sources for area in areas}

    def add(self, small: NDArray[np.uint8]) -> None:
        """Count pictures made small by `grid`, uint8 [n, rows, columns, 3], in the order of showing."""
        shape = (self.grid.rows, self.grid.columns)
        for picture in small:
            for kind, source in self._sources.items():
                up, down = (flags.reshape(shape) for flags in source.add(picture.reshape(-1, 3)))
                for (other, _), counter in self._counters.items():
                    if other == kind:
                        counter.add(self.pictures, (up, down))
            self.pictures += 1

    def verdicts(self) -> dict[Name, Verdict]:
        """Each standard's verdict on the pictures so far."""
        return {standard.name: self._verdict(standard) for standard in self.standards}

    def _verdict(self, standard: Standard) -> Verdict:
        general, red = (self._counters[kind, standard.area] for kind in self._sources)
        prolonged = max(general.prolonged, red.prolonged) / self.fps
        return Verdict(standard.name, general.worst, red.worst, prolonged)


class _Counter:
    """Transitions in the last second, cell by cell, that enough of a field made together; of one kind, for one area."""

    def __init__(self, grid: Grid, area: Area | None, fps: float) -> None:
        self.worst = Worst()
        self.prolonged = 0
        """Longest run of pictures at which the second up to then held two flashes."""
        self._grid, self._fps, self._field = grid, fps, Field(grid, area)
        self._second = max(1, round(fps))
        self._counts = np.zeros((grid.rows, grid.columns), np.int16)
        self._counted: deque[tuple[int, NDArray[np.intp]]] = deque()  # picture, and the cells counted with it
        together = 1 + round(TOGETHER * fps)
        self._waiting = [deque[Flags](maxlen=together) for _ in range(2)]  # changed, and not yet enough; by direction
        self._run = 0

    def add(self, picture: int, changes: tuple[Flags, Flags]) -> None:
        """changes: cells that went up and that went down with this picture, bool [rows, columns]."""
        counts = self._counts.reshape(-1)
        while self._counted and self._counted[0][0] <= picture - self._second:
            counts[self._counted.popleft()[1]] -= 1
        for waiting, changed in zip(self._waiting, changes, strict=True):
            waiting.append(changed.copy())
            if not changed.any():
                continue
            enough = self._field.exceeded(np.logical_or.reduce(waiting))
            if enough.any():
                for flags in waiting:
                    flags &= ~enough
                cells = np.flatnonzero(enough)
                counts[cells] += 1
                self._counted.append((picture, cells))
        self._judge()

    def _judge(self) -> None:
        """Compare the second up to now with the worst one."""
        flashing = bool(self._counted) and self._fullest(WARNING) is not None
        self._run = self._run + 1 if flashing else 0
        self.prolonged = max(self.prolonged, self._run)
        while self._counted and (place := self._fullest(self.worst.transitions + 1)):
            self.worst = Worst(self.worst.transitions + 1, self._counted[0][0] / self._fps, self._pixels(place))

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
