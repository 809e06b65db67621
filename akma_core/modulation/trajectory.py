"""Inputs of the network for each frame: w of every layer, camera and colour, computed when asked for.

    w0(f)   = B(pB(f)) (1 - b(f)) + T(pT(f)) b(f)
    w1(f)   = w_avg + psi(f) (w0(f) - w_avg)
    ws(f,l) = w1(f), then every hit k that is felt, in time order: ws[rows] += a s_k e_k(f) (w(seed_k) - ws[rows]),
              then direction and mix rows

All in float64, cast once. A frame depends on few hits and on no other frame, so that chunks stay independent.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .classes import ClassWalk, class_weights, classes_of
from .columns import CURVE
from .directions import direction_of, w_average
from .inputs import Inputs
from .layers import Mix, Pull, Push, row_slice
from .make_walk import make_walk
from .positions import driven
from .resolve import Modulation
from .ring_walk import Ring, RingWalk
from .rows import Row
from .targets import CAMERA, COLOUR
from .types import Columns, Floats, Path
from .walk import BOTTOM_PER_SECOND

LayerChange = Callable[[Floats, int, int], None]


class MappingNetwork(Protocol):
    """The part of a network that the trajectory needs."""

    key: str
    """The network's digest and class: what its directions depend on."""
    rates: Sequence[float]
    """Sampling rate that each row of ws feeds: see layers.row_slice."""

    class_index: int
    """The render's own class; 0 where there are none."""

    def __call__(self, seeds: Sequence[int], psi: float | None = None, class_index: int | None = None) -> Floats:
        """w of each seed, [n, w_dim], truncated by `psi`; None: by the render's own, as its class."""


class Trajectory:
    """Inputs of every frame of a song."""

    def __init__(
        self,
        modulation: Modulation,
        columns: Columns,
        seeds: tuple[Sequence[int], Sequence[int]],
        frames: int,
        fps: Fraction,
        psi: float,
        network: MappingNetwork,
    ) -> None:
        """`seeds`: of the loud and of the quiet walk. `frames`: of the whole song. `psi`: as the render's settings."""
        self._rows = modulation.rows
        self._columns, self._frames, self._fps, self._network = columns, frames, fps, network
        psi_rows = self._of("psi")
        # With psi rows truncation is theirs, once; without them seeds are truncated before the spline, as AKMA's.
        walked = partial(network, psi=1.0) if psi_rows else network
        self._top, self._bottom = (
            self._walk(side, own, modulation, walked) for side, own in zip(("top", "bottom"), seeds, strict=True)
        )
        self._blend = self._driven(self._of("walk.blend"), columns[CURVE].astype(np.float64))
        self._psi = self._driven(psi_rows, psi) if psi_rows else None
        self._w_avg = w_average(network) if psi_rows else np.zeros(1)
        self._changes = self._layer_changes(modulation)
        camera = self._of(*CAMERA)
        self._camera = Camera(camera, columns, frames, fps) if camera else None
        self._seconds = self._times(self._of("time"))
        self._colour: NDArray[np.float32] | None = None
        if self._of(*COLOUR):
            moved = [1 + self._driven(self._of(name), 0.0) for name in COLOUR]
            self._colour = np.stack(moved, axis=1).astype(np.float32)

    def __call__(self, start: int, stop: int) -> Inputs:
        """Inputs of frames start..stop of the song."""
        top, bottom = self._top(start, stop), self._bottom(start, stop)
        weight = self._blend[start:stop, None]
        w = bottom * (1 - weight) + top * weight
        if self._psi is not None:
            w = self._w_avg + self._psi[start:stop, None] * (w - self._w_avg)
        ws = np.repeat(w[:, None], len(self._network.rates), axis=1) if self._by_layer else w[:, None]
        for change in self._changes:
            change(ws, start, stop)
        return Inputs(
            ws.astype(np.float32),
            self._camera(start, stop) if self._camera else None,
            None if self._colour is None else self._colour[start:stop],
            self._seconds[start:stop],
        )

    def _times(self, rows: Sequence[Row]) -> Floats:
        """Time of each frame in seconds, float64 [frames]: rows drive its pace, which is 1 without them."""
        if not rows:
            return np.arange(self._frames) / float(self._fps)
        pace = self._driven(rows, 1.0) / float(self._fps)
        return np.concatenate([[0.0], np.cumsum(pace[:-1])])

    def _walk(self, side: str, seeds: Sequence[int], modulation: Modulation, mapping: Callable[..., Floats]) -> Path:
        """The walk of `side`, of the render's class or by the weights of several."""
        make = partial(make_walk, side, modulation, self._columns, seeds, self._frames, self._fps)
        if not (rows := self._of("class")):
            return make(mapping)
        own = self._network.class_index
        others = [index for index in classes_of(rows) if index != own]
        walks = [make(partial(mapping, class_index=index)) for index in (own, *others)]
        return ClassWalk(walks, class_weights(rows, own, self._columns, self._frames, self._fps))

    def _of(self, *targets: str) -> list[Row]:
        return [row for row in self._rows if row.target in targets]

    def _driven(self, rows: Sequence[Row], base: float | Floats) -> Floats:
        return driven(rows, self._columns, self._frames, self._fps, base, replace=True)

    def _layer_changes(self, modulation: Modulation) -> list[LayerChange]:
        """Apply pull, direction and mix rows, in that order; sets whether layers get different w."""
        network, columns, frames, fps = self._network, self._columns, self._frames, self._fps
        rows = [*self._of("pull"), *self._of("direction", "mix")]
        self._by_layer = any(len(row_slice(row.rows, network.rates)) < len(network.rates) for row in rows)
        changes: list[LayerChange] = []
        for row in rows:
            chosen = row_slice(row.rows, network.rates) if self._by_layer else [0]
            if row.target == "pull":
                changes.append(Pull(row, columns, chosen, modulation.seeds_pull, fps, network))
            elif row.target == "direction":
                along = direction_of(row, columns, network, self._top, self._bottom)
                changes.append(Push(row, columns, chosen, frames, fps, along))
            else:
                ring = Ring(tuple(modulation.seeds_pull), network)
                gone = np.linspace(0.0, BOTTOM_PER_SECOND * (frames - 1) / float(fps), frames)
                changes.append(Mix(row, columns, chosen, frames, fps, RingWalk(ring, gone)))
        return changes
