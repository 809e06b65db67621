import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import make_interp_spline

from akma_core.modulation.ring_walk import Ring
from akma_core.modulation.walk import BLOCK, MARGIN

from .analyses import Network

network = Network()


def some_seeds(count: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(count).integers(0, 300, count).tolist())


@pytest.mark.parametrize("count", [4, 6, 100, BLOCK + 2 * MARGIN, BLOCK + 2 * MARGIN + 1, 300])
def test_a_ring_is_the_periodic_cubic(count: int) -> None:
    seeds = some_seeds(count)
    w = network([*seeds, seeds[0]])
    spline = make_interp_spline(np.arange(count + 1), w, k=3, bc_type="periodic")
    u = np.random.default_rng(0).uniform(-2 * count, 3 * count, 500)
    assert np.abs(Ring(seeds, network)(u) - spline(np.mod(u, count))).max() < 1e-9


@given(count=st.integers(4, 200), at=st.integers(-500, 500))
@settings(max_examples=30, deadline=None)
def test_a_whole_position_is_a_seed_exactly(count: int, at: int) -> None:
    seeds = some_seeds(count)
    assert np.array_equal(Ring(seeds, network)(np.array([float(at)]))[0], network.of(seeds[at % count]))


def test_a_position_does_not_depend_on_the_others() -> None:
    ring, u = Ring(some_seeds(333), network), np.random.default_rng(1).uniform(0, 333, 99)
    one_by_one = np.concatenate([ring(u[k : k + 1]) for k in range(99)])
    assert np.array_equal(ring(u), one_by_one)
    assert np.isfinite(ring(np.array([-1e-18, 333 - 1e-14]))).all()


def test_too_few_seeds() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        Ring((1, 2, 3), network)
