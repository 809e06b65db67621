"""The hold: keeps parts of the picture from changing their brightness once they flashed as often as may be in a second.

It knows no more than the frames of its own chunk, so that chunks stay independent, and costs no frame besides. A second
that two chunks share may hold what both allow: each may have one transition, and four by how much of that second is its
own. Parts of four add up to three where neither is whole, so that six are left, one of them between the chunks.
Pictures that flash less are left alone to the bit.

Where more of a field would flash than a guideline allows, the picture takes as much of the new frame as keeps each
pixel's brightness within a transition's step, and the rest from the frame shown before, as a soft dissolve; afterwards
it comes back by and by, as a leap would be a transition again.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Self

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.media.flash.area import Field
from akma_core.media.flash.counter import AreaCounter
from akma_core.media.flash.grid import Grid
from akma_core.media.flash.mix import Bounds, Weights, enlarged, mixed, soft
from akma_core.media.flash.standards import MOST_TRANSITIONS, STANDARDS, Area, Name
from akma_core.media.flash.transitions import Flags, Luminance, Redness, luminances

SHARED = MOST_TRANSITIONS - 2  # of a second over a join, shared by length; both sides may have one besides
STEP = 0.0975  # of luminance that is counted: a decoder's picture is not the encoder's to the last level
SHARE = 0.85  # of a guideline's area that may flash: some pixels stand for all
# Share of a transition's step that a pixel may go, and how far beyond the cells that are too many it is held, in cells;
# at last the whole frame before is shown again.
ATTEMPTS = ((0.9, 3), (0.7, 5), (0.5, 8), (0.25, 12), (0.0, 1 << 10))
FADE = 0.9  # of a pixel's share of the frame before, from frame to frame at 30 a second
FADED = 0.05  # share that is none

HELD: tuple[Name, ...] = ("trace24", "ofcom2017", "itu_r1702_4", "iso")
"""Standards that are held to by default. WCAG's own field is smaller than trace24's, which measures the same rule, and
forms that only move exceed its count: to hold them would cost a tenth of the hits."""
STRICT: tuple[Name, ...] = (*HELD, "wcag2_2")
MORE = 1  # of small fields: forms that move are counted there, and would be stopped before every join

Rule = tuple[float, int]
Planes = NDArray[np.uint8]
Small = NDArray[np.uint8]


class Hold(ABC):
    """Takes the frames of one chunk in order, as planes, gives them back, held where they must be; keeps them small."""

    def __init__(self, grid: Grid, fps: float, frames: int, *, limit: bool) -> None:
        """`frames` of the chunk. Without `limit` frames are only made small."""
        self.held = 0
        """Frames that were changed."""
        self._grid, self._fps, self._frames, self._limit = grid, fps, frames, limit
        self._before = np.zeros((0, 0), np.uint8)
        self._small: list[Small] = []

    @property
    def small(self) -> Small:
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

    def rules(self, frame: int, more: int = 0) -> list[Rule]:
        """Since when, s from the chunk's start, how many transitions may be counted up to a frame of the chunk.

        `more`: in seconds over a join, on either side.
        """
        now, end = frame / self._fps, self._frames / self._fps
        rules = [(now - 1, MOST_TRANSITIONS)]
        if now < 1:
            rules.append((0.0, min(MOST_TRANSITIONS, 1 + more + math.floor(SHARED * now))))
        # The last quarter of a second may hold one, the last two quarters two, and so on: what follows has the rest.
        rules += [(end - k / SHARED, k + more) for k in range(1, SHARED + 1) if end - k / SHARED <= now]
        return rules

    @abstractmethod
    def _next(self, planes: Planes, small: Small) -> tuple[Planes, Small]:
        """A frame as it is shown, `planes` itself if it may be, and that made small."""


class _Counts:
    """Transitions so far of one chunk, for some areas."""

    def __init__(self, grid: Grid, fps: float, areas: Sequence[Area | None]) -> None:
        cells = grid.rows * grid.columns
        self._luminance, self._redness = Luminance(cells, STEP), Redness(cells)
        self._fields = [Field(grid, area, SHARE) for area in areas]
        self._general = [AreaCounter(field, fps) for field in self._fields]
        self._red = [AreaCounter(field, fps) for field in self._fields]

    def copied(self) -> Self:
        """A copy that goes on by itself."""
        copied = copy.copy(self)
        copied._luminance, copied._redness = copy.deepcopy((self._luminance, self._redness))
        copied._general, copied._red = ([each.copied() for each in kind] for kind in (self._general, self._red))
        return copied

    def add(self, time: float, small: Small) -> None:
        rgb = small.reshape(-1, 3)
        general, red = self._luminance.add(luminances(rgb)), self._redness.add(rgb)
        for counter in self._general:
            counter.add(time, general)
        for counter in self._red:
            counter.add(time, red)

    def near(self, rules: list[list[Rule]]) -> bool:
        """True if the next frame may exceed a rule of an area: it adds two at most, its own, and what waited for it."""
        return any(
            counter.exceeds(counter.since(since), most - 2)
            for counters in (self._general, self._red)
            for counter, own in zip(counters, rules, strict=True)
            for since, most in own
        )

    def over(self, rules: list[list[Rule]]) -> tuple[Flags, Flags]:
        """Cells that flash more often than a rule of an area allows, generally and red, where they are too many."""
        general, red = (np.zeros(self._fields[0].shape, np.bool_) for _ in range(2))
        for counters, found in ((self._general, general), (self._red, red)):
            for counter, field, own in zip(counters, self._fields, rules, strict=True):
                for since, most in own:
                    found |= field.exceeded((counter.since(since) > most).reshape(field.shape))
        return general, red


class PixelHold(Hold):
    """Holds what single pixels show, for the areas of some standards, as they are counted on a grid of points."""

    def __init__(self, grid: Grid, fps: float, frames: int, *, limit: bool, standards: Collection[Name] = HELD) -> None:
        super().__init__(grid, fps, frames, limit=limit)
        self._areas = tuple(dict.fromkeys(standard.area for standard in STANDARDS if standard.name in standards))
        self._counts, self._bounds = _Counts(grid, fps, self._areas), Bounds(grid.width, grid.height)
        self._fade = FADE ** (30 / fps)
        self._left: Weights | None = None  # shares of the frame before that the next frame begins with

    def _next(self, planes: Planes, small: Small) -> tuple[Planes, Small]:
        time = len(self._small) / self._fps
        rules = [self.rules(len(self._small), 0 if area is None else MORE) for area in self._areas]
        shown, seen = planes, small
        if self._left is None and not self._counts.near(rules):
            self._counts.add(time, small)
        else:
            shown, seen = self._kept(planes, small, time, rules)
        self._bounds.add(shown)
        self.held += shown is not planes
        return shown, seen

    def _kept(self, planes: Planes, small: Small, time: float, rules: list[list[Rule]]) -> tuple[Planes, Small]:
        """The frame so that `rules` are kept."""
        counted, weights = self._counts, self._left
        shown, seen = (planes, small) if weights is None else self._mixed(planes, weights)
        general, red = (np.zeros(small.shape[:2], np.bool_) for _ in range(2))
        for leeway, reach in ATTEMPTS:
            self._counts = counted.copied()
            self._counts.add(time, seen)
            over = self._counts.over(rules)
            if not (over[0].any() or over[1].any()):
                break
            general, red = general | over[0], red | over[1]
            weights = self._weights(planes, _around(general, reach), leeway)
            # Reds leap when they are let go: mixtures on the way would be reds and others in turn.
            whole = soft(_around(red, reach).astype(np.float32), red.shape)
            shown, seen = self._mixed(planes, np.maximum(weights, whole))
        else:
            self._counts = counted.copied()
            self._counts.add(time, seen)
        self._left = None
        if weights is not None:
            left = np.where(weights * self._fade < FADED, 0, weights * self._fade).astype(np.float32)
            self._left = left if left.any() else None
        return shown, seen

    def _weights(self, planes: Planes, cells: Flags, leeway: float) -> Weights:
        """Shares of the frame before: about `cells` as few as keep the step's `leeway`, all where that is none."""
        if not leeway:
            return np.ones(cells.shape, np.float32)
        within = soft(cells.astype(np.float32), cells.shape)
        weights = soft(self._bounds.weights(planes, self._before, leeway), cells.shape) * within
        return weights if self._left is None else np.maximum(weights, self._left)

    def _mixed(self, planes: Planes, weights: Weights) -> tuple[Planes, Small]:
        shown = mixed(planes, self._before, enlarged(weights, self._grid.height, self._grid.width))
        return shown, self._grid.small(shown[None])[0]


def _around(flags: Flags, reach: int) -> Flags:
    """Flagged cells and those up to `reach` cells beside them."""
    if not flags.any():
        return flags
    sides = [min(2 * reach + 1, 2 * size + 1) for size in flags.shape]
    around: Flags = scipy.ndimage.maximum_filter(flags, sides, mode="constant")
    return around
