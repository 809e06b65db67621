"""Threads that ended before a network is loaded leave no arenas that give its memory back, in any environment."""

import platform

import pytest

from benchmarks import allocator

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc's allocator")


def test_memory_stays_mapped_in_any_environment() -> None:
    lost = allocator.measured("late", {})
    assert lost > 20_000, "else this measures nothing"
    assert allocator.measured("early", {}) < lost / 10
    assert allocator.measured("early", allocator.HUGE) < lost / 10
    assert allocator.measured("late", {"MALLOC_ARENA_MAX": "1"}) < lost / 10
