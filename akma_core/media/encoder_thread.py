"""The encoder's thread: planes of frames to segments, beside whatever computes them.

A short queue holds what waits for the encoder, so that memory does not grow with the video.
"""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core.media.encoder import Encoder
from akma_core.media.segment import SegmentWriter
from akma_core.timeline import Chunk

QUEUE = 4  # batches that may wait for the encoder


class EncoderThread:
    """Takes planes from a short queue, opens and closes segments, keeps its first error."""

    def __init__(self, encoder: Encoder, path: Callable[[Chunk], Path], on_frames: Callable[[int], None]) -> None:
        self._encoder = encoder
        self._path = path
        self._on_frames = on_frames
        self._queue: queue.Queue[tuple[Chunk, NDArray[np.uint8]] | None] = queue.Queue(QUEUE)
        self._abandoned = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)

    def __enter__(self) -> "EncoderThread":
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
