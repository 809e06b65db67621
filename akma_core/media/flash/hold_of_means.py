"""The hold of plans made before points were counted: of cells' means, which fine forms that flash escape.

Kept to the bit, so that those plans give the videos they gave. Held to is the broadcast rule alone.
"""

import copy

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.area import Field
from akma_core.media.flash.counter import AreaCounter
from akma_core.media.flash.grid import LINEAR, Grid
from akma_core.media.flash.hold import Hold, Planes, Rule
from akma_core.media.flash.mix import enlarged
from akma_core.media.flash.standards import LUMINANCE_STEP
from akma_core.media.flash.transitions import Flags, Luminance, Redness, luminances

MARGIN = 0.8  # of a transition's step that a held cell may go: neighbours' light spreads into it
ATTEMPTS = 4  # until the frame before is shown again
CODE = 1 / 2.2  # light to sRGB's codes, roughly: exact where the factor is near one
NEARLY_RED = 0.6  # share of red from which a colour may become a saturated red
_DARK = 1e-3


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


class MeanHold(Hold):
    """Holds the brightness of cells whose means are counted."""

    def __init__(self, grid: Grid, fps: float, frames: int, *, limit: bool) -> None:
        super().__init__(grid, fps, frames, limit=limit)
        self._state = _State(grid, fps)

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
    factor = enlarged(codes, height, width)
    luma = (planes[:height].astype(np.float32) - 16) * factor + 16
    half = enlarged(codes * colour, height // 2, width // 2)
    chroma = (planes[height:].reshape(2, height // 2, width // 2).astype(np.float32) - 128) * half + 128
    out = np.concatenate([np.clip(luma, 16, 235).reshape(-1), np.clip(chroma, 16, 240).reshape(-1)])
    scaled: Planes = np.rint(out).astype(np.uint8).reshape(planes.shape)
    return scaled
