"""Processes that draw pictures of the sea beside the training, without end."""

import itertools
import multiprocessing
import os
import queue
from multiprocessing.queues import Queue

import numpy as np
import torch
from numpy.typing import NDArray

from .sea_pictures import SeaPictures

Batch = tuple[list[int], NDArray[np.uint8]]
"""Seeds, and their pictures [n, size, size, 3]."""
BATCH = 8
AHEAD = 4
"""Batches that wait at most, a process."""


class Renderers:
    """`count` processes that draw the pictures of the seeds from `first` on; none is no error."""

    def __init__(self, count: int, size: int, first: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready: Queue[Batch] = context.Queue(max(1, count * AHEAD))
        arguments = [(self._ready, size, first + k, count, os.getpid()) for k in range(count)]
        self._processes = [context.Process(target=_draw, args=each, daemon=True) for each in arguments]
        for process in self._processes:
            process.start()

    def take(self, wait: float = 0) -> Batch | None:
        """The next batch, None where there is none within `wait` seconds."""
        try:
            return self._ready.get(wait > 0, wait)
        except queue.Empty:
            return None

    @property
    def alive(self) -> int:
        return sum(process.is_alive() for process in self._processes)

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()


def _draw(ready: "Queue[Batch]", size: int, first: int, step: int, parent: int) -> None:
    os.nice(10)
    torch.set_num_threads(1)
    pictures = SeaPictures(size)
    ready.cancel_join_thread()
    for start in itertools.count(first, step * BATCH):
        seeds = [start + step * k for k in range(BATCH)]
        drawn = np.stack([pictures.draw(seed) for seed in seeds])
        while True:
            if os.getppid() != parent:
                return
            try:
                ready.put((seeds, drawn), timeout=1)
                break
            except queue.Full:
                continue
