"""Keep large activations mapped.

glibc gives large blocks back to the kernel at every free, and the page faults of the next allocation then cost several
times the arithmetic (a network of ink's shape: 2.4 s a frame by default, 0.65 s kept mapped).
"""

import ctypes
import platform
from functools import cache

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -2, -3, -4  # malloc.h


@cache
def keep_mapped() -> bool:
    """Tell this process's allocator to keep freed memory for reuse; False where the allocator is not glibc's.

    Called when a network is loaded, never on import: it changes the whole process.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(
        mallopt(*setting) == 1
        for setting in ((M_MMAP_THRESHOLD, 1 << 30), (M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1))
    )
