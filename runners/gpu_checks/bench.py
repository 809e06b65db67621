"""Bench that a check works with: the device, a folder of its own, and a clock that waits for the device."""

import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import torch


@dataclass(frozen=True)
class Bench:
    """On a CPU everything is small: the same code, so that the first run on a card finds faults of the card."""

    device: torch.device
    folder: Path
    """For files; removed afterwards."""
    versus: Path | None = None
    """A checkout of the published code to compare with."""

    @property
    def small(self) -> bool:
        return self.device.type == "cpu"

    @property
    def dtype_name(self) -> Literal["float32", "float16"]:
        """Type that pictures are computed in."""
        return "float32" if self.small else "float16"

    @property
    def memory(self) -> int:
        """Bytes of the device's whole memory."""
        if self.small:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return torch.cuda.mem_get_info(self.device)[1]

    def wait(self) -> None:
        """Return when the device has done all that it was given."""
        if not self.small:
            torch.cuda.synchronize(self.device)

    def seconds(self, work: Callable[[], object], runs: int = 5) -> float:
        """Median time of `work`, the device's work included; once before to warm up."""
        work()
        self.wait()
        times = []
        for _ in range(runs):
            began = time.perf_counter()
            work()
            self.wait()
            times.append(time.perf_counter() - began)
        return median(times)

    def forget_peak(self) -> int:
        """Begin to measure the peak of memory; returns the bytes held now."""
        if self.small:
            return _resident()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        return torch.cuda.memory_allocated(self.device)

    def peak(self) -> int:
        """Most bytes held since then; on a CPU the process's since it began."""
        return _resident() if self.small else torch.cuda.max_memory_allocated(self.device)


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
