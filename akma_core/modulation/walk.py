"""The two walks: from lists of seeds to one w a frame (AKMA, 2022).

Each list is a cubic spline through its seeds' w, knots evenly spaced over the song (not-a-knot, as scipy's
interp1d(kind="cubic")); the curve blends the quiet walk into the loud one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

MIN_SEEDS = 4  # the least that a cubic needs
TOP_PER_SECOND, BOTTOM_PER_SECOND = 0.8, 0.27  # the original's pace: 36 and 12 seeds on 45 s
ORIGINAL_SEEDS = 1000  # seeds were drawn from 0..1000
BLOCK = 64  # knot intervals solved together
# A knot's influence on the spline fades by 2 - sqrt(3) = 0.27 an interval: 0.27 ** 40 is below float64's resolution.
MARGIN = 40

Mapping = Callable[[Sequence[int]], NDArray[np.float64]]
Spline = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def latent(seed: int, z_dim: int) -> NDArray[np.float64]:
    """z of a seed, [z_dim], as every StyleGAN tool makes it."""
    return np.random.RandomState(seed).randn(z_dim)


def seed_count(duration: float, per_second: float) -> int:
    """Default number of seeds on a walk over `duration` seconds."""
    return max(MIN_SEEDS, round(duration * per_second))


def draw_seeds(count: int, choices: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """`count` seeds from `choices` (none: from 0..1000), all different until they run out, never one twice in a row."""
    pool = np.asarray(list(dict.fromkeys(choices)) or range(ORIGINAL_SEEDS + 1))
    drawn: list[int] = []
    while len(drawn) < count:
        shuffled = rng.permutation(pool).tolist()
        if drawn and len(shuffled) > 1 and shuffled[0] == drawn[-1]:
            shuffled.append(shuffled.pop(0))
        drawn.extend(shuffled)
    return tuple(drawn[:count])


@dataclass(frozen=True)
class Walk:
    """A spline through the w of `seeds`, spread over `frames` frames; any part is computed when asked for.

    The spline is solved in blocks of knots with a margin beyond which nothing is felt, so that a frame's w depends
    neither on the range it is asked in nor on the length of the song in memory.
    """

    seeds: tuple[int, ...]
    frames: int
    mapping: Mapping
    """Seeds -> [n, w_dim], truncated once."""

    def __post_init__(self) -> None:
        if len(self.seeds) < MIN_SEEDS:
            raise ValueError(f"a walk needs at least {MIN_SEEDS} seeds")
        object.__setattr__(self, "_spline", lru_cache(maxsize=4)(self._solve))

    def __call__(self, start: int, stop: int) -> NDArray[np.float64]:
        """w of frames start..stop, [stop - start, w_dim], float64."""
        t = np.arange(start, stop, dtype=np.float64)
        interval = np.minimum((t * (len(self.seeds) - 1) / self.frames).astype(np.int64), len(self.seeds) - 2)
        block = interval // BLOCK
        parts = [self._spline(int(b))(t[block == b]) for b in np.unique(block)]  # type: ignore[attr-defined]
        return np.concatenate(parts)

    def _solve(self, block: int) -> Spline:
        last = len(self.seeds) - 1
        first, stop = max(block * BLOCK - MARGIN, 0), min((block + 1) * BLOCK + MARGIN, last) + 1
        knots = np.linspace(0, self.frames, last + 1)[first:stop]
        seeds = self.seeds[first:stop]
        different, where = np.unique(seeds, return_inverse=True)
        spline: Spline = scipy.interpolate.make_interp_spline(knots, self.mapping(different.tolist())[where], k=3)
        return spline


def blend(bottom: NDArray[np.float64], top: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float32]:
    """w of each frame, [n, w_dim] float32: the quiet walk where `curve` [n] is 0, the loud one where it is 1."""
    weight = curve[:, None]
    return (bottom * (1 - weight) + top * weight).astype(np.float32)
