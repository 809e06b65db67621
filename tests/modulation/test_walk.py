from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import interp1d

from akma_core.modulation.walk import (
    BLOCK,
    BOTTOM_PER_SECOND,
    MARGIN,
    TOP_PER_SECOND,
    Walk,
    blend,
    draw_seeds,
    latent,
    seed_count,
)

Floats = NDArray[np.float64]
DIM = 5


def mapping(seeds: Sequence[int]) -> Floats:
    return np.stack([latent(seed, DIM) for seed in seeds])


def akma(seeds: Sequence[int], frames: int) -> Floats:
    """The original's walk: one cubic interp1d over the whole song."""
    knots = np.linspace(0, frames, len(seeds))
    return np.asarray(interp1d(knots, mapping(seeds), kind="cubic", axis=0)(np.arange(frames)), np.float64)


def some_seeds(count: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(count).integers(0, 300, count).tolist())


@given(count=st.integers(4, 420), frames=st.integers(1, 900))
@settings(max_examples=40, deadline=None)
def test_walk_is_scipys_cubic(count: int, frames: int) -> None:
    seeds = some_seeds(count)
    assert np.abs(Walk(seeds, frames, mapping)(0, frames) - akma(seeds, frames)).max() < 1e-9


@pytest.mark.parametrize("count", [BLOCK, BLOCK + 1, BLOCK + 2, BLOCK + MARGIN, BLOCK + 2 * MARGIN + 1, 145, 2880])
def test_walk_of_many_blocks_is_scipys_cubic(count: int) -> None:
    seeds, frames = some_seeds(count), 4001
    assert np.abs(Walk(seeds, frames, mapping)(0, frames) - akma(seeds, frames)).max() < 1e-9


@given(count=st.integers(4, 300), frames=st.integers(1, 700), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_frame_does_not_depend_on_the_range_it_is_asked_in(count: int, frames: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, frames - 1))
    stop = data.draw(st.integers(start + 1, frames))
    seeds = some_seeds(count)
    whole = Walk(seeds, frames, mapping)(0, frames)
    assert np.array_equal(Walk(seeds, frames, mapping)(start, stop), whole[start:stop])


def test_frames_one_by_one_are_the_whole() -> None:
    walk = Walk(some_seeds(200), 300, mapping)
    assert np.array_equal(np.concatenate([walk(f, f + 1) for f in reversed(range(300))])[::-1], walk(0, 300))


def test_a_range_maps_only_the_seeds_near_it() -> None:
    asked: list[int] = []

    def counting(seeds: Sequence[int]) -> Floats:
        asked.extend(seeds)
        return mapping(seeds)

    Walk(tuple(range(10_000)), 50_000, counting)(25_000, 25_010)
    assert len(asked) <= BLOCK + 2 * MARGIN + 1
    assert 5000 in asked


def test_a_walk_starts_at_its_first_seed_and_repeats_no_mapping() -> None:
    asked: list[Sequence[int]] = []

    def counting(seeds: Sequence[int]) -> Floats:
        asked.append(seeds)
        return mapping(seeds)

    walk = Walk((7, 7, 3, 7, 3), 40, counting)
    assert np.allclose(walk(0, 1)[0], latent(7, DIM), atol=1e-12)
    walk(10, 40)
    assert asked == [[3, 7]]


def test_three_seeds_are_too_few() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        Walk((1, 2, 3), 10, mapping)


def test_latent_is_what_every_stylegan_tool_makes() -> None:
    assert np.array_equal(latent(85, 6), np.random.RandomState(85).randn(1, 6)[0])


def test_blend_is_akmas_formula() -> None:
    rng = np.random.default_rng(0)
    bottom, top, curve = rng.normal(size=(9, DIM)), rng.normal(size=(9, DIM)), rng.uniform(-0.2, 1, 9)
    expected = np.array([bottom[f] * (1 - curve[f]) + top[f] * curve[f] for f in range(9)])
    got = blend(bottom, top, curve)
    assert got.dtype == np.float32
    assert np.array_equal(got, expected.astype(np.float32))


@given(
    choices=st.lists(st.integers(0, 40), min_size=0, max_size=12),
    count=st.integers(1, 100),
    seed=st.integers(0, 2**32),
)
def test_draws(choices: list[int], count: int, seed: int) -> None:
    drawn = draw_seeds(count, choices, np.random.default_rng(seed))
    pool = set(choices) or set(range(1001))
    assert len(drawn) == count
    assert set(drawn) <= pool
    assert len(set(drawn)) == min(count, len(pool))  # all before any comes again
    assert len(pool) == 1 or all(a != b for a, b in pairwise(drawn))
    assert drawn == draw_seeds(count, choices, np.random.default_rng(seed))


@pytest.mark.parametrize(("seconds", "top", "bottom"), [(0.1, 4, 4), (5, 4, 4), (45, 36, 12), (3600, 2880, 972)])
def test_default_counts_keep_the_originals_pace(seconds: float, top: int, bottom: int) -> None:
    assert (seed_count(seconds, TOP_PER_SECOND), seed_count(seconds, BOTTOM_PER_SECOND)) == (top, bottom)
