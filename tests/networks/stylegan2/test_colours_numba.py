"""The compiled picture of a block against plain torch in float64, over the space of shapes."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.networks.stylegan2 import colours_numba, filters
from tests.support.threads import by_threads

TAPS = (0.1, 0.2, 0.3, 0.4)


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(16, 50),
    colours=st.integers(1, 40),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    has_below=st.booleans(),
    clamp=st.sampled_from([None, 2.0]),
)
def test_any_shape(channels: int, colours: int, height: int, width: int, has_below: bool, clamp: float | None) -> None:
    torch.manual_seed(2)
    x, weights, bias = (
        torch.randn(2, channels, 2 * height, 2 * width),
        torch.randn(2, colours, channels),
        torch.ones(colours),
    )
    below = torch.randn(2, colours, height, width) if has_below else None
    picture = colours_numba.picture(x, weights, bias, clamp, below, TAPS)
    expected = torch.einsum("boc,bchw->bohw", weights.double(), x.double()) + 1
    expected = expected.clamp(-(clamp or 1e9), clamp or 1e9)
    if below is not None:
        expected += filters.upsample(below.double(), TAPS)
    assert picture.shape == expected.shape
    assert (picture - expected).abs().max() < 2e-5


def test_threads_change_nothing() -> None:
    torch.manual_seed(0)
    x, weights, below = torch.randn(3, 20, 70, 34), torch.randn(3, 3, 20), torch.randn(3, 3, 35, 17)
    results = list(by_threads(lambda: colours_numba.picture(x, weights, torch.zeros(3), None, below, TAPS), 1, 2, 5))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    alone = colours_numba.picture(x[:1], weights[:1], torch.zeros(3), None, below[:1], TAPS)
    assert (alone == results[0][:1]).all()
