"""Encoders side by side: planes of chunks to segments, each chunk's by an encoder of its own, beside the device.

Chunks are independent, so that as many are encoded at once as the cores carry. What waits for an encoder is bounded:
whoever computes asks for room first, and waits only where no encoder has any.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core.machine import cores, memory
from akma_core.media.encoder import NVENC, Encoder
from akma_core.media.segment import SegmentWriter
from akma_core.timeline import Chunk

WAITING = 4  # batches that may wait for one encoder, as far as ROOM goes
ROOM = 1 << 30  # bytes that may wait for all of them; one batch each may always
HELD = 40  # frames that an encoder itself holds: its lookahead and references, with room to spare
SHARE = 0.25  # of the machine's memory, for what encoders hold
SESSIONS = 2  # of NVENC: one is fed while the other ends its segment; the chip is the same for both


def encoders_for(encoder: Encoder, *, gpu: bool) -> int:
    """Encoders to run at once on this machine beside a GPU, or beside the CPU as the device.

    Half as many as cores, for each has two threads; beside a GPU one more that ends its segment meanwhile, which would
    only take memory where the device wants the cores too.
    """
    if encoder.codec == NVENC:
        return SESSIONS
    most = cores() // 2 + (1 if gpu else 0)
    return max(1, min(most, int(memory() * SHARE / (HELD * frame_bytes(encoder)))))


def frame_bytes(encoder: Encoder) -> int:
    """Bytes of a frame's planes."""
    return encoder.width * encoder.height * 3 // 2


class EncoderPool:
    """Opens an encoder for each chunk that begins, closes its segment after its last frame, keeps the first error."""

    def __init__(
        self,
        encoder: Encoder,
        path: Callable[[Chunk], Path],
        on_frames: Callable[[int], None],
        *,
        gpu: bool,
        step: int = 1,
        encoders: int | None = None,
    ) -> None:
        """`gpu`: whether a GPU computes the frames. `step`: frames that are handed over at once, at most.

        `on_frames` is called by one encoder at a time.
        """
        self._encoder, self._path, self._on_frames = encoder, path, on_frames
        self.encoders = encoders or encoders_for(encoder, gpu=gpu)
        share = ROOM // self.encoders // frame_bytes(encoder)
        self._room = max(step, min(WAITING * step, share))
        self._step = step
        self._lanes: dict[int, _Lane] = {}
        self._changed = threading.Condition()
        self._telling = threading.Lock()
        self._abandoned = False
        self._error: BaseException | None = None
        self.waited = 0.0
        """Seconds that whoever computes has waited for room."""

    def __enter__(self) -> "EncoderPool":
        return self

    def has_room(self, chunk: Chunk) -> bool:
        """True where a batch of `chunk` may be computed now. Raises an encoder's error once there is one."""
        with self._changed:
            return self._has_room(chunk)

    def reserve(self, chunk: Chunk, frames: int) -> None:
        """Keep room for frames that are about to be computed; `put` takes it up."""
        with self._changed:
            lane = self._lanes.get(chunk.index)
            if lane is None:
                lane = self._lanes[chunk.index] = _Lane(chunk, self._run)
                lane.thread.start()
            lane.reserved += frames

    def wait(self, chunks: list[Chunk]) -> None:
        """Return when one of `chunks` has room. Raises an encoder's error."""
        began = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: any(self._has_room(chunk) for chunk in chunks))
        self.waited += time.monotonic() - began

    def put(self, chunk: Chunk, planes: NDArray[np.uint8]) -> None:
        """Hand over frames of `chunk`, in order, uint8 [n, H * 3 / 2, W]; for which room was kept, or is waited for."""
        with self._changed:
            lane = self._lanes.get(chunk.index)
            kept = lane is not None and lane.reserved - lane.given >= len(planes)
        if not kept:
            self.wait([chunk])
            self.reserve(chunk, len(planes))
        with self._changed:
            if self._error:
                raise self._error
            lane = self._lanes[chunk.index]
            lane.given += len(planes)
            lane.planes.append(planes)
            self._changed.notify_all()

    def __exit__(self, kind: object, *_: object) -> None:
        with self._changed:
            self._abandoned = self._abandoned or kind is not None
            self._changed.notify_all()
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.thread.join()
        if self._error and kind is None:
            raise self._error

    def _has_room(self, chunk: Chunk) -> bool:
        if self._error:
            raise self._error
        lane = self._lanes.get(chunk.index)
        if lane is None:
            return len(self._lanes) < self.encoders
        return lane.reserved == 0 or lane.reserved + self._step <= self._room

    def _run(self, lane: "_Lane") -> None:
        try:
            self._encode(lane)
        except _AbandonedError:
            pass
        except BaseException as error:
            with self._changed:
                self._error = self._error or error
                self._abandoned = True
        finally:
            with self._changed:
                del self._lanes[lane.chunk.index]
                self._changed.notify_all()

    def _encode(self, lane: "_Lane") -> None:
        missing = lane.chunk.frames
        with SegmentWriter(self._path(lane.chunk), self._encoder) as segment:
            while missing:
                planes = self._next(lane)
                segment.write(planes)
                missing -= len(planes)
                with self._telling:
                    if self._abandoned:
                        raise _AbandonedError
                    self._on_frames(len(planes))
                with self._changed:
                    lane.reserved -= len(planes)
                    lane.given -= len(planes)
                    self._changed.notify_all()

    def _next(self, lane: "_Lane") -> NDArray[np.uint8]:
        with self._changed:
            self._changed.wait_for(lambda: lane.planes or self._abandoned)
            if self._abandoned:
                raise _AbandonedError
            return lane.planes.popleft()


class _Lane:
    """A chunk on its way through its encoder."""

    def __init__(self, chunk: Chunk, run: "Callable[[_Lane], None]") -> None:
        self.chunk = chunk
        self.thread = threading.Thread(target=run, args=(self,), name="encoder", daemon=True)
        self.planes: deque[NDArray[np.uint8]] = deque()
        self.reserved = 0
        """Frames that are computed or will be, and are not encoded."""
        self.given = 0
        """Those of them that have been handed over."""


class _AbandonedError(Exception):
    """The render ended before the chunk did."""
