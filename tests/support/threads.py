"""The same work by several numbers of torch's threads."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

T = TypeVar("T")


def by_threads(make: Callable[[], T], *counts: int) -> Iterator[T]:
    """`make()` by each number of threads; afterwards there are as many as before."""
    before = torch.get_num_threads()
    try:
        for count in counts:
            torch.set_num_threads(count)
            yield make()
    finally:
        torch.set_num_threads(before)
