"""The upsampling convolution in AMX against the library's in float64, over the space of shapes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from akma_core.networks.kernels import compiled
from akma_core.networks.kernels.epilogue import Epilogue
from tests.support.convolutions import upsampled
from tests.support.threads import by_threads

TAPS = (0.1, 0.2, 0.3, 0.4)

LEFT_OUT = 2**-16  # of each term at most: see matmul_amx.py

pytestmark = pytest.mark.skipif(not compiled.has_amx(), reason="no AMX")


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(16, 80),
    out_channels=st.integers(16, 200),
    height=st.integers(1, 25),
    width=st.integers(1, 40),
    noises=st.integers(0, 2),
    clamp=st.sampled_from([None, 0.5]),
)
def test_any_shape(channels: int, out_channels: int, height: int, width: int, noises: int, clamp: float | None) -> None:
    from akma_core.networks.stylegan2 import transposed_amx

    torch.manual_seed(1)
    x, weight = torch.randn(2, channels, height, width), torch.randn(out_channels, channels, 3, 3)
    style, scale, bias = torch.randn(2, channels), torch.randn(2, out_channels), torch.randn(out_channels)
    noise = torch.randn(noises, 2 * height, 2 * width) if noises else None
    epilogue, packed = Epilogue(scale, bias, noise, 0.2, clamp), transposed_amx.pack(weight)
    out = transposed_amx.upsample3x3(x, packed, out_channels, TAPS, style, epilogue)
    y = upsampled(x, weight, TAPS, style, scale, noise) + bias[:, None, None]
    expected = F.leaky_relu(y, 0.2).clamp(-(clamp or 1e9), clamp or 1e9)
    assert out.shape == expected.shape
    terms = upsampled(x.abs(), weight.abs(), TAPS, style.abs(), scale.abs(), None)
    assert ((out - expected).abs() < LEFT_OUT * (1 + terms)).all()


@pytest.mark.parametrize("size", [(9, 11), (300, 90)])
@pytest.mark.parametrize("batch", [1, 3])
def test_threads_change_nothing(size: tuple[int, int], batch: int) -> None:
    from akma_core.networks.stylegan2 import transposed_amx

    torch.manual_seed(0)
    x, packed = torch.randn(batch, 32, *size), transposed_amx.pack(torch.randn(70, 32, 3, 3))
    style = torch.randn(batch, 32)
    results = list(by_threads(lambda: transposed_amx.upsample3x3(x, packed, 70, TAPS, style, Epilogue()), 1, 2, 5))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    alone = transposed_amx.upsample3x3(x[:1], packed, 70, TAPS, style[:1], Epilogue())
    assert (alone == results[0][:1]).all()
