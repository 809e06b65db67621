"""Winograd's convolution against the library's in float64, over the space of shapes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from akma_core.networks.kernels import winograd
from akma_core.networks.kernels.epilogue import Epilogue
from tests.support.threads import by_threads


@settings(max_examples=80, deadline=None)
@given(
    batch=st.integers(1, 2),
    channels=st.integers(1, 40),
    out_channels=st.integers(1, 70),
    height=st.integers(1, 21),
    width=st.integers(1, 21),
    padding=st.integers(1, 2),
    seed=st.integers(0, 9),
    compiled=st.booleans(),
)
def test_any_shape(
    batch: int, channels: int, out_channels: int, height: int, width: int, padding: int, seed: int, compiled: bool
) -> None:
    torch.manual_seed(seed)
    x, weight = torch.randn(batch, channels, height, width), torch.randn(out_channels, channels, 3, 3)
    out = winograd.conv3x3(x, winograd.transform_weight(weight, compiled), out_channels, padding, compiled)
    expected = F.conv2d(x.double(), weight.double(), padding=padding)
    assert out.shape == expected.shape
    assert (out - expected).abs().max() < 2e-5 * (1 + expected.abs().max())


@pytest.mark.parametrize("compiled", [True, False])
def test_bias_and_slope_on_slices_of_one_buffer(compiled: bool) -> None:
    torch.manual_seed(0)
    buffer = torch.randn(2, 90, 23, 31).contiguous(memory_format=torch.channels_last)
    before = buffer.clone()
    weight, bias, slope = torch.randn(37, 20, 3, 3), torch.randn(37), torch.randn(37)
    u = winograd.transform_weight(weight, compiled)
    out = winograd.conv3x3(buffer[:, 5:25], u, 37, 1, compiled, Epilogue(bias=bias, slope=slope), out=buffer[:, 40:77])
    expected = F.prelu(F.conv2d(before[:, 5:25].double(), weight.double(), bias.double(), padding=1), slope.double())
    assert (out - expected).abs().max() < 2e-5 * expected.abs().max()
    assert out.data_ptr() == buffer[:, 40:].data_ptr()
    assert (buffer[:, :40] == before[:, :40]).all()
    assert (buffer[:, 77:] == before[:, 77:]).all()


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 40),
    out_channels=st.integers(1, 40),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    noises=st.integers(0, 2),
    clamp=st.sampled_from([None, 0.5]),
    compiled=st.booleans(),
)
def test_style_and_epilogue(
    channels: int, out_channels: int, height: int, width: int, noises: int, clamp: float | None, compiled: bool
) -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(2, channels, height, width), torch.randn(out_channels, channels, 3, 3)
    style, scale, bias = torch.randn(2, channels), torch.randn(2, out_channels), torch.randn(out_channels)
    noise = torch.randn(noises, height, width) if noises else None
    epilogue = Epilogue(scale, bias, noise, 0.2, clamp)
    u = winograd.transform_weight(weight, compiled)
    out = winograd.conv3x3(x, u, out_channels, 1, compiled, epilogue, style=style)
    expected = F.conv2d(x.double() * style[:, :, None, None], weight.double(), padding=1) * scale[:, :, None, None]
    close = 2e-5 * (1 + expected.abs().max())
    expected = F.leaky_relu(expected + (0 if noise is None else noise[:, None]) + bias[:, None, None], 0.2)
    assert (out - expected.clamp(-(clamp or 1e9), clamp or 1e9)).abs().max() < close


def test_many_blocks_of_tiles_and_threads() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 17, 130, 101), torch.randn(19, 17, 3, 3)
    u = winograd.transform_weight(weight, True)
    out, again = by_threads(lambda: winograd.conv3x3(x, u, 19, 2, True), 3, 1)
    expected = F.conv2d(x.double(), weight.double(), padding=2)
    close = 2e-5 * expected.abs().max()
    assert (out - expected).abs().max() < close
    assert (out == again).all()
    assert (winograd.conv3x3(x[:1], u, 19, 2, True) == out[:1]).all()
    plain = winograd.conv3x3(x, winograd.transform_weight(weight, False), 19, 2, False)
    assert (plain - expected).abs().max() < close
