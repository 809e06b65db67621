"""The hold: keeps parts of the picture from changing their brightness once they flashed as often as may be in a second.

It knows no more than the frames of its own chunk, so that chunks stay independent, and costs no frame besides. A second
that two chunks share may hold what both allow: each may have one transition, and four by how much of that second is its
own. Parts of four add up to three where neither is whole, so that six are left, one of them between the chunks.
Pictures that flash less are left alone to the bit.

Held to is the broadcast rule, a quarter of the picture. Of smaller fields' cells moving forms alone exceed the count.
"""

import copy
import math

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.area import Field
from akma_core.media.flash.counter import AreaCounter
from akma_core.media.flash.grid import LINEAR, Grid
from akma_core.media.flash.standards import LUMINANCE_STEP, MOST_TRANSITIONS
from akma_core.media.flash.transitions import Flags, Luminance, Redness, luminances

SHARED = MOST_TRANSITIONS - 2  # of a second over a join, shared by length; both sides may have one besides
MARGIN = 0.8  # of a transition's step that a held cell may go: neighbours' light spreads into it
ATTEMPTS = 4  # until the frame before is shown again
CODE = 1 / 2.2  # light to sRGB's codes, roughly: exact where the factor is near one
NEARLY_RED = 0.6  # share of red from which a colour may become a saturated red
_DARK = 1e-3

Rule = tuple[float, int]
Planes = NDArray[np.uint8]


class _State:
    """Counts so far of one chunk, for the standard of the smallest area that is held to."""

    def __init__(self, grid: Grid, fps: float) -> None:
        field, cells = Field(grid, None), grid.rows * grid.columns
        self.luminance, self.redness = Luminance(cells), Redness(cells)
        self.general, self.red = AreaCounter(field, fps), AreaCounter(field, fps)

    def add(self, time: float, small: NDArray[np.uint8]) -> None:
        rgb = small.reshape(-1, 3)
        self.general.add(time, self.luminance.add(luminances(rgb)))
        self.red.add(time, self.redness.add(rgb))

    def over(self, rules: list[Rule], leeway: int = 0) -> Flags | None:
        """Cells that were counted as often as one of `rules` allows, less `leeway`, or more; None while it is kept."""
        found = None
        for counter in (self.general, self.red):
            for since, most in rules:
                counts = counter.since(since)
                if counter.exceeds(counts, most - leeway):
                    flags = counts >= max(most - leeway, 1)
                    found = flags if found is None else found | flags
        return found


class Hold:
    """Takes the frames of one chunk in order, as planes, gives them back, held where they must be; keeps them small."""

    def __init__(self, grid: Grid, fps: float, frames: int, *, limit: bool) -> None:
        """`frames` of the chunk. Without `limit` frames are only made small."""
        self.held = 0
        """Frames that were changed."""
        self._grid, self._fps, self._frames, self._limit = grid, fps, frames, limit
        self._state, self._before = _State(grid, fps), np.zeros((0, 0), np.uint8)
        self._small: list[NDArray[np.uint8]] = []

    @property
    def small(self) -> NDArray[np.uint8]:
        """The frames as they are shown, made small, uint8 [n, rows, columns, 3]."""
        return np.stack(self._small)

    @property
    def done(self) -> bool:
        """True if all of the chunk was here."""
        return len(self._small) >= self._frames

    def __call__(self, planes: Planes) -> Planes:
        """I420 planes of the next frames, uint8 [n, H * 3 / 2, W], as they are to be shown."""
        small = self._grid.small(planes)
        if not self._limit:
            self._small.extend(small)
            return planes
        out = planes
        for k in range(len(planes)):
            shown, seen = self._next(planes[k], small[k])
            if shown is not planes[k]:
                out = planes.copy() if out is planes else out
                out[k] = shown
            self._small.append(seen)
            self._before = out[k]
        return out

    def rules(self, frame: int) -> list[Rule]:
        """Since when, s from the chunk's start, how many transitions may be counted up to a frame of the chunk."""
        now, end = frame / self._fps, self._frames / self._fps
        rules = [(now - 1, MOST_TRANSITIONS)]
        if now < 1:
            rules.append((0.0, 1 + math.floor(SHARED * now)))
        # The last quarter of a second may hold one, the last two quarters two, and so on: what follows has the rest.
        rules += [(end - k / SHARED, k) for k in range(1, SHARED + 1) if end - k / SHARED <= now]
        return rules

    def _next(self, planes: Planes, small: NDArray[np.uint8]) -> tuple[Planes, NDArray[np.uint8]]:
        frame = len(self._small)
        time, rules = frame / self._fps, self.rules(frame)
        if self._state.over(rules, leeway=2) is None:  # a frame adds two at most: its own, and what waited for it
            self._state.add(time, small)
            return planes, small
        counted, shown, seen = self._state, planes, small
        for attempt in range(ATTEMPTS):
            self._state = copy.deepcopy(counted)
            self._state.add(time, seen)
            over = self._state.over(rules)
            if over is None:
                self.held += attempt > 0
                return shown, seen
            shown = self._kept(planes, small, counted.luminance, over, 1 - attempt / (ATTEMPTS - 1))
            seen = self._grid.small(shown[None])[0]
        # Nothing flashes in a frame that is shown again.
        self._state = counted
        self.held += 1
        seen = self._small[-1] if self._small else small
        self._state.add(time, seen)
        return (self._before if self._small else planes), seen

    def _kept(
        self, planes: Planes, small: NDArray[np.uint8], luminance: Luminance, cells: Flags, leeway: float
    ) -> Planes:
        """Planes of which `cells` stay within `leeway` of a transition's step; reds among them are taken back."""
        rgb = small.reshape(-1, 3)
        now = luminances(rgb)
        low, high = luminance.within(np.float32(LUMINANCE_STEP * MARGIN * leeway))
        gain = np.where(cells, (np.clip(now, low, high) + _DARK) / (now + _DARK), 1.0)
        light = LINEAR[rgb]
        red = cells & (light[:, 0] / np.maximum(light.sum(1), _DARK) >= NEARLY_RED)
        shape = self._grid.rows, self._grid.columns
        return _scaled(planes, (gain**CODE).reshape(shape), np.where(red, leeway, 1.0).reshape(shape), self._grid)


def _scaled(planes: Planes, codes: NDArray[np.float64], colour: NDArray[np.float64], grid: Grid) -> Planes:
    """I420 planes of one frame, codes times factors of cells [rows, columns] that go over into each other."""
    height, width = grid.height, grid.width
    factor = _enlarged(codes, height, width)
    luma = (planes[:height].astype(np.float32) - 16) * factor + 16
    half = _enlarged(codes * colour, height // 2, width // 2)
    chroma = (planes[height:].reshape(2, height // 2, width // 2).astype(np.float32) - 128) * half + 128
    out = np.concatenate([np.clip(luma, 16, 235).reshape(-1), np.clip(chroma, 16, 240).reshape(-1)])
    scaled: Planes = np.rint(out).astype(np.uint8).reshape(planes.shape)
    return scaled


def _enlarged(cells: NDArray[np.float64], height: int, width: int) -> NDArray[np.float32]:
    """Bilinear between the middles of cells, float32 [height, width]."""
    for axis, size in ((0, height), (1, width)):
        count = cells.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
        first = np.minimum(at.astype(np.intp), max(count - 2, 0))
        second = np.minimum(first + 1, count - 1)
        share = (at - first).reshape((-1, 1) if axis == 0 else (1, -1))
        cells = cells.take(first, axis) * (1 - share) + cells.take(second, axis) * share
    return cells.astype(np.float32)
