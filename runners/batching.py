"""Pictures in portions: as many at once as memory takes, fewer after it ran out, and that is told."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.errors import FailureError
from akma_core.modulation.inputs import Inputs

T = TypeVar("T")
Part = TypeVar("Part", Inputs, NDArray[np.float32])
SHARE = 0.5  # of a card's memory: the rest is for weights, for other programs and for what was reckoned too low
WORKSPACE = 1.5  # activations with what the convolution library takes beside them
MOST_PIXELS = 1 << 23  # of a batch: 8 pictures of 1024 x 1024 keep an H100 busy, and more only wait longer
MOST_PICTURES = 32


def ran_out(error: BaseException) -> bool:
    """True where `error` says that memory ran out, of a card or of the machine."""
    # torch raises a plain RuntimeError where malloc fails: "DefaultCPUAllocator: can't allocate memory: ..."
    allocator = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return allocator or isinstance(error, MemoryError | torch.OutOfMemoryError)


def batch_for(picture_bytes: int, pixels: int, total_bytes: int) -> int:
    """Pictures to compute at once on a card: a power of two, from its whole memory.

    Not from what happens to be free: the batch decides bits, so that the same command must find the same one.
    """
    room = int(total_bytes * SHARE / (picture_bytes * WORKSPACE))
    most = max(1, min(room, MOST_PIXELS // pixels, MOST_PICTURES))
    return 1 << (most.bit_length() - 1)


class BatchSplitter:
    """Splits batches that memory does not hold, from `size` down to 1; `notes` gets a line when that changes."""

    def __init__(self, size: int, notes: list[str]) -> None:
        self.size = size
        self._notes = notes

    def each(self, work: Callable[[Part], T], w: Part) -> Iterator[T]:
        """work(part) for consecutive parts of `w`, none longer than `size`.

        A part for which memory runs out is tried again in halves, as is all that follows. FailureError where memory
        does not hold one picture.
        """
        while len(w):
            failed = False
            try:
                result = work(w[: self.size])
            except Exception as error:
                if not ran_out(error):
                    raise
                failed = True
            # Out here, where the error no longer holds what the failed work had allocated.
            if failed:
                self._halve()
            else:
                yield result
                w = w[self.size :]

    def _halve(self) -> None:
        if self.size == 1:
            message = "out of memory for a single picture: close other programs, or choose a smaller network"
            raise FailureError(message, code="out_of_memory")
        self.size = (self.size + 1) // 2
        self._notes.append(
            f"memory ran out: from then on {self.size} pictures at once; a tenth of the values may be off by one or two"
        )
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()
