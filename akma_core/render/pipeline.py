"""Chunks of a plan to segments: w -> pictures -> planes -> H.264, the encoders in threads beside the network.

Nothing here grows with the song: w is computed a batch at a time, and short queues hold what waits for the encoders.
The network works at the first chunk whose encoder has room, so that it goes on with the next chunk where it is faster
than one encoder; a chunk's frames stay in order, and its batches the same.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core.files import write_whole
from akma_core.media.encoder_pool import EncoderPool
from akma_core.media.flash.hold import Hold
from akma_core.media.flash.track import pack
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.render.flashes import hold_of, track_path
from akma_core.render.interfaces import FrameSource, YuvSource
from akma_core.render.plan import RenderPlan
from akma_core.render.trajectory import Inputs, Trajectory
from akma_core.timeline import Chunk


def render_chunks(
    plan: RenderPlan,
    chunks: Iterable[Chunk],
    trajectory: Trajectory,
    pictures: FrameSource,
    path: Callable[[Chunk], Path],
    on_frames: Callable[[int], None] = lambda _: None,
    *,
    acquire: Callable[[], AbstractContextManager[object]] = nullcontext,
    between: Callable[[], None] = lambda: None,
) -> float:
    """Render `chunks`, each into the segment `path(chunk)`; `on_frames` hears of each batch encoded.

    The network runs within `acquire()`, which is given back while no encoder has room, and for what is left to encode;
    `between` is called before each batch. A segment is there whole or not at all: an exception, here or in one of these
    (to cancel), leaves the finished ones and none half written. Raises what the network or an encoder raised. Where the
    plan counts flashes, each segment's track lies beside it, and is there first. Returns the share of the time, 0..1,
    that the network had to wait for encoders.
    """
    if pictures.batch != plan.device.batch:
        raise ValueError(f"a runner of batch {pictures.batch} cannot match a plan of batch {plan.device.batch}")
    began = time.monotonic()
    gpu = plan.device.kind == "cuda"
    with EncoderPool(plan.make_encoder(), path, on_frames, gpu=gpu, step=pictures.step) as encoding:
        order, flashes = Order(chunks, pictures.step, encoding), Flashes(plan, path)
        while order.unfinished:
            with acquire():
                for planes in _planes(plan, order, trajectory, pictures, between):
                    chunk = order.owner(len(planes))
                    encoding.put(chunk, flashes.held(chunk, planes))
            if order.unfinished:
                encoding.wait(order.unfinished)
        computed = time.monotonic() - began
    return encoding.waited / max(computed, 1e-9)


class Order:
    """Batches of several chunks as they are computed: the first chunk that has room goes on, or the next begins."""

    def __init__(self, chunks: Iterable[Chunk], step: int, pool: EncoderPool) -> None:
        self.unfinished = list(chunks)
        """Chunks with frames that are not computed, in order."""
        self._step, self._pool = step, pool
        self._done: dict[int, int] = {}
        self._owners: deque[tuple[Chunk, int]] = deque()

    def next(self) -> tuple[int, int] | None:
        """First frame of the next batch, and the one after its last; None where no encoder has room."""
        for chunk in self.unfinished:
            if self._pool.has_room(chunk):
                break
            if chunk.index not in self._done:  # the pool is full, and those behind would have to be begun too
                return None
        else:
            return None
        done = self._done.get(chunk.index, 0)
        frames = min(self._step, chunk.frames - done)
        self._pool.reserve(chunk, frames)
        self._done[chunk.index] = done + frames
        self._owners.append((chunk, frames))
        if done + frames == chunk.frames:
            self.unfinished.remove(chunk)
        return chunk.start + done, chunk.start + done + frames

    def owner(self, frames: int) -> Chunk:
        """The chunk of the next `frames` frames that come: batches may come in pieces, but in order."""
        chunk, left = self._owners.popleft()
        if left > frames:
            self._owners.appendleft((chunk, left - frames))
        return chunk


class Flashes:
    """Holds flashes of the chunks in work, and writes the track of each before its last frames go on."""

    def __init__(self, plan: RenderPlan, path: Callable[[Chunk], Path]) -> None:
        self._plan, self._path = plan, path
        self._holds: dict[int, Hold | None] = {}

    def held(self, chunk: Chunk, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The next planes of `chunk` as they are shown."""
        if chunk.index not in self._holds:
            self._holds[chunk.index] = hold_of(self._plan, chunk)
        hold = self._holds[chunk.index]
        if hold is None:
            return planes
        shown = hold(planes)
        if hold.done:
            write_whole(track_path(self._path(chunk)), partial(_write, data=pack(hold.small)))
            del self._holds[chunk.index]
        return shown


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _planes(
    plan: RenderPlan, order: Order, trajectory: Trajectory, pictures: FrameSource, between: Callable[[], None]
) -> Iterator[NDArray[np.uint8]]:
    """I420 planes, a batch at a time, uint8 [n, H * 3 / 2, W], as long as there is room for them."""

    def batches() -> Iterator[Inputs]:
        while frames := order.next():
            between()
            yield trajectory(*frames)

    if isinstance(pictures, YuvSource):
        yield from pictures.planes(batches())
        return
    for inputs in batches():
        rgb = pictures.pictures(inputs)[:, : plan.height, : plan.width]
        yield rgb_to_yuv420(rgb).cpu().numpy()
