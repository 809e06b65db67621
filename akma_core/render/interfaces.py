"""Interfaces between the core and the runners that implement them: a network on a device, and the device itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from akma_core.audio.reader import AudioReader
from akma_core.modulation.inputs import Inputs
from akma_core.modulation.song import Heard
from akma_core.render.curves import Planned
from akma_core.render.plan import NetworkPart, RenderPlan
from akma_core.settings import RenderSettings


class FrameSource(Protocol):
    """A network on a device, as a runner gives it."""

    batch: int
    """Pictures that are computed together: the plan's."""
    step: int
    """Pictures worth asking for at once."""
    notes: list[str]
    """Notes on what went otherwise than planned so far, for the manifest."""
    rates: tuple[float, ...]
    """Sampling rate of the layer that each row of ws feeds: see modulation.layers.row_slice."""

    def mapping(self, network: NetworkPart, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Seeds -> w [n, w_dim], of the plan's class, truncated once."""

    def pictures(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
        """Inputs of n <= step frames, or their w [n, w_dim] alone -> uint8 [n, H, W, 3] on the device."""


@runtime_checkable
class YuvSource(Protocol):
    """Pictures that come as the encoder's planes too: a device may then compute a batch while it copies the last."""

    def planes(self, batches: Iterable[Inputs | NDArray[np.float32]]) -> Iterator[NDArray[np.uint8]]:
        """Inputs of n <= step frames each -> I420 planes, uint8 [m, H * 3 / 2, W], in order, of even sizes.

        There may be more pieces than `batches`, and the next of those may be taken before what comes of the last is
        given.
        """


class Device(Protocol):
    """A device with the networks on it, as a runner gives it."""

    @property
    def profile(self) -> str:
        """Kind of the device: workers of one profile make the same bytes. Small letters, digits and -."""

    def plan(self, settings: RenderSettings, reader: AudioReader, song: str) -> RenderPlan:
        """Decide a render of the song with SHA-256 `song` for this device. RequestError where that cannot be."""

    def complete(
        self, plan: RenderPlan, reader: AudioReader, heard: Heard | None = None, files: Mapping[str, Path] | None = None
    ) -> Planned:
        """The plan with what the song's analysis decides, and its columns. RequestError where a row cannot be had."""

    def pictures(self, plan: RenderPlan) -> FrameSource:
        """The plan's network, loaded; the same object for the same network as long as it stays loaded."""

    def reserved(self, order: tuple[float, ...]) -> AbstractContextManager[None]:
        """Keep the place of `order`, for a while, until its last `acquire`: those behind it wait."""

    def acquire(self, order: tuple[float, ...] = ..., *, last: bool = False) -> AbstractContextManager[None]:
        """Have the device to oneself; smaller orders first. `last`: the reserved place is given up with it."""

    def give_way(self) -> None:
        """Let in who goes first, urgent callers and smaller orders; called by the holder, between two batches."""
