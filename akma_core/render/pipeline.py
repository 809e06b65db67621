"""Chunks of a plan to segments: w -> pictures -> planes -> H.264, the encoder in a thread beside the network.

Nothing here grows with the song: w is computed a batch at a time, and a short queue holds what waits for the encoder.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from akma_core.media.encoder import Encoder, SegmentWriter
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.modulation.walk import Walk, blend
from akma_core.render.plan import Chunk, NetworkPart, RenderPlan

QUEUE = 4  # batches that may wait for the encoder


class FrameSource(Protocol):
    """A network on a device, as a runner gives it."""

    batch: int
    """Pictures that are computed together: the plan's."""
    step: int
    """Pictures worth asking for at once."""
    notes: list[str]
    """What went otherwise than planned so far, for the manifest."""

    def mapping(self, network: NetworkPart, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Seeds -> w [n, w_dim], of the plan's class, truncated once."""

    def pictures(self, w: NDArray[np.float32]) -> Tensor:
        """w [n <= step, w_dim] -> uint8 [n, H, W, 3] on the device."""


@runtime_checkable
class YuvSource(Protocol):
    """Pictures that come as the encoder's planes too: a device may then compute a batch while it copies the last."""

    def planes(self, ws: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.uint8]]:
        """w [n <= step, w_dim] each -> I420 planes, uint8 [m, H * 3 / 2, W], in order, of pictures cut to even sizes.

        There may be more pieces than `ws`, and the next of those may be taken before what comes of the last is given.
        """


class Trajectory:
    """w of every frame of a plan: two walks blended by the curve, computed when asked for."""

    def __init__(self, plan: RenderPlan, curve: NDArray[np.float64], pictures: FrameSource) -> None:
        if len(curve) != plan.total_frames:
            raise ValueError(f"a curve of {len(curve)} values for {plan.total_frames} frames")
        mapping = partial(pictures.mapping, plan.network)
        self._curve = curve
        self._top = Walk(plan.seeds_top, plan.total_frames, mapping)
        self._bottom = Walk(plan.seeds_bottom, plan.total_frames, mapping)

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        """w of frames start..stop of the song, [stop - start, w_dim]."""
        return blend(self._bottom(start, stop), self._top(start, stop), self._curve[start:stop])


def render_chunks(
    plan: RenderPlan,
    chunks: Iterable[Chunk],
    trajectory: Trajectory,
    pictures: FrameSource,
    path: Callable[[Chunk], Path],
    on_frames: Callable[[int], None] = lambda _: None,
    *,
    turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Render `chunks` in order, each into the segment `path(chunk)`; `on_frames` hears of each batch encoded.

    The network of a chunk runs within `turn()`, what is left to encode comes after; `between` is called before each
    batch. A segment is there whole or not at all: an exception, here or in one of these (to cancel), leaves the
    finished ones and none half written. Raises what the network or the encoder raised.
    """
    if pictures.batch != plan.device.batch:
        raise ValueError(f"a runner of batch {pictures.batch} cannot match a plan of batch {plan.device.batch}")
    with Encoding(plan.make_encoder(), path, on_frames) as encoding:
        for chunk in chunks:
            with turn():
                for planes in _planes(plan, chunk, trajectory, pictures, between):
                    encoding.put(chunk, planes)


def _planes(
    plan: RenderPlan, chunk: Chunk, trajectory: Trajectory, pictures: FrameSource, between: Callable[[], None]
) -> Iterator[NDArray[np.uint8]]:
    """I420 planes of a chunk, a batch at a time, uint8 [n, H * 3 / 2, W]."""

    def batches() -> Iterator[NDArray[np.float32]]:
        stop = chunk.start + chunk.frames
        for start in range(chunk.start, stop, pictures.step):
            between()
            yield trajectory(start, min(start + pictures.step, stop))

    ws = batches()
    if isinstance(pictures, YuvSource):
        yield from pictures.planes(ws)
        return
    for w in ws:
        rgb = pictures.pictures(w)[:, : plan.height, : plan.width]
        yield rgb_to_yuv420(rgb).cpu().numpy()


class Encoding:
    """The encoder's thread: takes planes from a short queue, opens and closes segments, keeps its first error."""

    def __init__(self, encoder: Encoder, path: Callable[[Chunk], Path], on_frames: Callable[[int], None]) -> None:
        self._encoder = encoder
        self._path = path
        self._on_frames = on_frames
        self._queue: queue.Queue[tuple[Chunk, NDArray[np.uint8]] | None] = queue.Queue(QUEUE)
        self._abandoned = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)

    def __enter__(self) -> "Encoding":
        self._thread.start()
        return self

    def put(self, chunk: Chunk, planes: NDArray[np.uint8]) -> None:
        """Hand over a batch; waits while the queue is full. Raises the encoder's error once there is one."""
        self._offer((chunk, planes))
        if self._error:
            raise self._error

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._abandoned.set()
        self._offer(None)
        self._thread.join()
        if self._error and kind is None:
            raise self._error

    def _offer(self, item: tuple[Chunk, NDArray[np.uint8]] | None) -> None:
        while self._thread.is_alive():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            break

    def _run(self) -> None:
        try:
            item = self._queue.get()
            while item is not None:
                item = self._segment(item)
        except _AbandonedError:
            pass
        except BaseException as error:
            self._error = error

    def _segment(self, item: tuple[Chunk, NDArray[np.uint8]]) -> tuple[Chunk, NDArray[np.uint8]] | None:
        """Encode one chunk from its first batch on; returns the first batch of the next."""
        chunk, planes = item
        missing = chunk.frames
        with SegmentWriter(self._path(chunk), self._encoder) as segment:
            while True:
                segment.write(planes)
                missing -= len(planes)
                self._on_frames(len(planes))
                if missing == 0:
                    break
                following = self._queue.get()
                if following is None or self._abandoned.is_set():
                    raise _AbandonedError
                _, planes = following
        return self._queue.get()


class _AbandonedError(Exception):
    """The render ended before the chunk did."""
