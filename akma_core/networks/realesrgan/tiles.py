"""Windows that cover a picture, each with enough surroundings that the pieces join without a seam."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise


@dataclass(frozen=True)
class Span:
    """One window along one axis, in pixels of the input."""

    start: int
    stop: int
    """start..stop is what the network sees."""
    keep_start: int
    keep_stop: int
    """keep_start..keep_stop is what the result takes from it."""


def spans(length: int, count: int, overlap: int) -> list[Span]:
    """`count` windows of one size, evenly placed, that keep at least `overlap` pixels of surroundings everywhere.

    They cut in the middle of what they share. A window ends where the picture does, so that the network's own padding
    falls where it would without tiles.
    """
    window = window_size(length, count, overlap)
    starts = [k * (length - window) // max(count - 1, 1) for k in range(count)]
    cuts = [0, *((a + window + b) // 2 for a, b in pairwise(starts)), length]
    return [Span(s, s + window, a, b) for s, a, b in zip(starts, cuts[:-1], cuts[1:], strict=True)]


def window_size(length: int, count: int, overlap: int) -> int:
    """Smallest window of which `count` cover `length`, neighbours sharing twice the overlap."""
    return length if count == 1 else min(length, -(-(length - 2 * overlap) // count) + 2 * overlap)


@lru_cache(maxsize=64)
def choose(height: int, width: int, overlap: int, pixels: int) -> tuple[int, int] | None:
    """Numbers of windows down and across, of at most `pixels` each, that cost least; None where none is so small.

    For every number down, the least number across that fits is considered.
    """
    best: tuple[int, int, int] | None = None
    for down in range(1, max(1, height - 2 * overlap) + 1):
        tall = window_size(height, down, overlap)
        room = pixels // tall
        if room >= width:
            across = 1
        elif room > 2 * overlap and width > 2 * overlap:
            across = -(-(width - 2 * overlap) // (room - 2 * overlap))
        else:
            continue
        cost = down * tall * across * window_size(width, across, overlap)
        best = min(best or (cost, down, across), (cost, down, across))
    return best[1:] if best else None
