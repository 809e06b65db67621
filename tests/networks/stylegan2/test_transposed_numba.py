"""The compiled upsampling convolution against the library's in float64, over the space of shapes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.stylegan2 import transposed_numba
from tests.support.convolutions import upsampling
from tests.support.threads import by_threads

TAPS = (0.1, 0.2, 0.3, 0.4)


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(16, 40),
    out_channels=st.integers(16, 200),
    height=st.integers(1, 25),
    width=st.integers(1, 25),
    noises=st.integers(0, 2),
    clamp=st.sampled_from([None, 0.5]),
)
def test_any_shape(channels: int, out_channels: int, height: int, width: int, noises: int, clamp: float | None) -> None:
    case = upsampling(channels, out_channels, height, width, noises, clamp, TAPS)
    packed = transposed_numba.pack(case.weight)
    out = transposed_numba.upsample3x3(case.x, packed, out_channels, TAPS, case.style, case.epilogue)
    assert out.shape == case.expected.shape
    assert (out - case.expected).abs().max() < 1e-5 * (1 + case.linear.abs().max())


@pytest.mark.parametrize("batch", [1, 3])
def test_threads_change_nothing(batch: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(batch, 17, 70, 33), torch.randn(35, 17, 3, 3)
    packed, style = transposed_numba.pack(weight), torch.randn(batch, 17)
    results = list(by_threads(lambda: transposed_numba.upsample3x3(x, packed, 35, TAPS, style, Epilogue()), 1, 2, 5))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    alone = transposed_numba.upsample3x3(x[:1], packed, 35, TAPS, style[:1], Epilogue())
    assert (alone == results[0][:1]).all()
