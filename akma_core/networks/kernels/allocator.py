"""Keep large activations mapped.

glibc gives large blocks back to the kernel at every free, and the page faults of the next allocation then cost several
times the arithmetic: a network of ink's shape took 2.4 s a frame by default and 0.65 s kept mapped. Threads get arenas
of their own, from which large blocks are always given back: one arena for all saved R-256 another 15 %. An arena whose
thread has ended goes to the next thread, so that this must be said before any other thread begins: no page faults a
picture then, 150,000 otherwise, whatever MALLOC_* variables say (benchmarks/allocator.py).
Where it cannot be, MALLOC_ARENA_MAX=1 in the process's environment does the same: `akma serve` sets it for its workers.

A limit on what is kept is no use, however high: where it is passed, ALL of the heap's end is given back. With one of
2 GiB, 2.2 GiB freed and taken again cost 573,000 page faults and 2 s each time, without one none.
"""

import ctypes
import platform
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8  # malloc.h
NEVER = -1  # as M_TRIM_THRESHOLD: see mallopt(3)
SETTINGS = ((M_MMAP_THRESHOLD, 1 << 30), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER), (M_ARENA_MAX, 1))


@cache
def keep_mapped() -> bool:
    """Tell this process's allocator to keep freed memory for reuse; False where the allocator is not glibc's.

    Called when a command that renders begins and when a network is loaded, never on import: it changes all the process.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(setting, value) == 1 for setting, value in SETTINGS)
