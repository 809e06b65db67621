"""Processes that draw pictures of the sea beside the training, without end."""

import itertools
import multiprocessing
import os
import queue
import signal
from multiprocessing.context import SpawnProcess
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
        self._processes: list[SpawnProcess] = []
        if count:
            self._ready: Queue[Batch] = context.Queue(count * AHEAD)
        for k in range(count):
            arguments = self._ready, size, first + k, count, os.getpid()
            self._processes.append(context.Process(target=_draw, args=arguments, daemon=True))
            self._processes[-1].start()

    def take(self, wait: float = 0) -> Batch | None:
        """The next batch, None where there is none within `wait` seconds."""
        if not self._processes:
            return None
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the training's, which ends this one
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
