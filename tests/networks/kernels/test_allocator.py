"""Freed memory stays mapped, and only once somebody asks for it."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from akma_core.networks.kernels.allocator import keep_mapped
import akma_core.networks.stylegan3.generator
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(1 << 24).fill_(1.0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
first = faults()
assert keep_mapped() and keep_mapped()
faults()
print(first, faults())
"""

KEPT = """
import ctypes
from akma_core.networks.kernels.allocator import keep_mapped
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.sbrk.restype, libc.sbrk.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t], [ctypes.c_void_p]
assert keep_mapped()
blocks = [libc.malloc(280 << 20) for _ in range(8)]
end = libc.sbrk(0)
for block in reversed(blocks):
    libc.free(block)
print(end - libc.sbrk(0))
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")


@glibc
def test_keep_mapped_saves_page_faults() -> None:
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    before, after = map(int, run.stdout.split())
    assert before > 1000, "importing changes nothing"
    assert after < before / 10


@glibc
@pytest.mark.parametrize("environ", [{}, {"MALLOC_MMAP_THRESHOLD_": "10000000000", "MALLOC_TRIM_THRESHOLD_": "65536"}])
def test_nothing_is_given_back_beyond_2_gib(environ: dict[str, str]) -> None:
    """Blocks that nobody writes to: they take addresses, and no memory."""
    run = subprocess.run(
        [sys.executable, "-c", KEPT], capture_output=True, text=True, check=True, env=os.environ | environ
    )
    assert run.stdout == "0\n"
