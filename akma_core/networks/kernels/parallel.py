"""Threads for kernels that release Python's lock. (Numba's own pool may not be entered from two threads at once.)"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    del process  # a fork inherits no threads: the process is part of the key
    return ThreadPoolExecutor(threads, "kernel")


def run(work: Callable[[T], object], tasks: Sequence[T], threads: int) -> None:
    """Call `work` on each of `tasks`, up to `threads` at once; returns when all are done."""
    if threads == 1 or len(tasks) == 1:
        for task in tasks:
            work(task)
    else:
        list(_pool(os.getpid(), threads).map(work, tasks))
