"""The convolution in AMX against the library's in float64, over the space of shapes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from akma_core.networks.kernels.epilogue import Epilogue
from tests.support.convolutions import LEFT_OUT_BY_AMX, needs_amx
from tests.support.threads import by_threads

pytestmark = needs_amx


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(16, 80),
    out_channels=st.integers(1, 70),
    height=st.integers(1, 21),
    width=st.integers(1, 40),
    padding=st.integers(1, 2),
    noises=st.integers(0, 2),
    clamp=st.sampled_from([None, 0.5]),
    styled=st.booleans(),
)
def test_any_shape(
    channels: int,
    out_channels: int,
    height: int,
    width: int,
    padding: int,
    noises: int,
    clamp: float | None,
    styled: bool,
) -> None:
    from akma_core.networks.kernels import convolution_amx

    torch.manual_seed(1)
    x, weight = torch.randn(2, channels, height, width), torch.randn(out_channels, channels, 3, 3)
    style, scale, bias = torch.randn(2, channels), torch.randn(2, out_channels), torch.randn(out_channels)
    given = (x * style[:, :, None, None] if styled else x).double()
    y = F.conv2d(given, weight.double(), padding=padding) * scale[:, :, None, None]
    terms = F.conv2d(given.abs(), weight.double().abs(), padding=padding) * scale.abs()[:, :, None, None]
    noise = torch.randn(noises, *y.shape[2:]) if noises else None
    epilogue, packed = Epilogue(scale, bias, noise, 0.2, clamp), convolution_amx.pack(weight)
    out = convolution_amx.conv3x3(x, packed, out_channels, padding, epilogue, style=style if styled else None)
    expected = F.leaky_relu(y + (0 if noise is None else noise[:, None]) + bias[:, None, None], 0.2)
    assert out.shape == expected.shape
    assert ((out - expected.clamp(-(clamp or 1e9), clamp or 1e9)).abs() < LEFT_OUT_BY_AMX * (1 + terms)).all()


@pytest.mark.parametrize("size", [(9, 11), (300, 90)])
@pytest.mark.parametrize("batch", [1, 3])
def test_threads_change_nothing(size: tuple[int, int], batch: int) -> None:
    from akma_core.networks.kernels import convolution_amx

    torch.manual_seed(0)
    x, packed = torch.randn(batch, 32, *size), convolution_amx.pack(torch.randn(70, 32, 3, 3))
    results = list(by_threads(lambda: convolution_amx.conv3x3(x, packed, 70, 1, Epilogue()), 1, 2, 5))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    assert (convolution_amx.conv3x3(x[:1], packed, 70, 1, Epilogue()) == results[0][:1]).all()
