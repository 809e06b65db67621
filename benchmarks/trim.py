"""Page faults of large blocks that are freed and taken again, in a process that keeps freed memory mapped.

    python benchmarks/trim.py                 as networks have it: nothing is ever given back
    python benchmarks/trim.py --limit 2147483647   with glibc's M_TRIM_THRESHOLD of so many bytes

Takes 2.2 GiB of memory. Run it with MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ set, or not: it is the same.
"""

import argparse
import ctypes
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.networks.kernels.allocator import M_TRIM_THRESHOLD, keep_mapped

BLOCKS, SIZE, ROUNDS = 8, 280 << 20, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="bytes (default: none)")
    limit = parser.parse_args().limit
    if not keep_mapped():
        sys.exit("the allocator is not glibc's")
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    if limit is not None:
        libc.mallopt(M_TRIM_THRESHOLD, limit)
    for number in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_SELF)
        blocks = [libc.malloc(SIZE) for _ in range(BLOCKS)]
        for block in blocks:
            libc.memset(block, 1, SIZE)
        for block in reversed(blocks):
            libc.free(block)
        after = resource.getrusage(resource.RUSAGE_SELF)
        faults, seconds = after.ru_minflt - before.ru_minflt, after.ru_stime - before.ru_stime
        print(f"round {number}: {faults} page faults, {seconds:.2f} s of system time")


if __name__ == "__main__":
    main()
