"""Freed memory stays mapped, and only once somebody asks for it."""

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_keep_mapped_saves_page_faults() -> None:
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    before, after = map(int, run.stdout.split())
    assert before > 1000, "importing changes nothing"
    assert after < before / 10
