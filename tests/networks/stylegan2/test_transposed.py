"""The upsampling convolution in plain torch against the library's in float64, over the space of shapes and filters."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.stylegan2 import transposed
from tests.support.convolutions import upsampled


@settings(max_examples=20, deadline=None)
@given(
    channels=st.integers(1, 20),
    out_channels=st.integers(1, 20),
    height=st.integers(1, 20),
    width=st.integers(1, 40),
    length=st.integers(1, 12),
    noises=st.integers(0, 2),
    has_scale=st.booleans(),
)
def test_any_shape(
    channels: int, out_channels: int, height: int, width: int, length: int, noises: int, has_scale: bool
) -> None:
    torch.manual_seed(1)
    taps = [k + 1.0 for k in range(length)]
    taps = [tap / sum(taps) for tap in taps]
    x, weight = torch.randn(2, channels, height, width), torch.randn(out_channels, channels, 3, 3)
    style, bias = torch.randn(2, channels), torch.randn(out_channels)
    scale = torch.randn(2, out_channels) if has_scale else None
    noise = torch.randn(noises, 2 * height, 2 * width) if noises else None
    epilogue = Epilogue(scale, bias, noise, 0.2, 0.5)
    out = transposed.upsample3x3(x, transposed.arranged(weight), taps, style, epilogue)
    y = upsampled(x, weight, taps, style, scale, noise)
    assert out.shape == y.shape
    expected = F.leaky_relu(y + bias[:, None, None], 0.2).clamp(-0.5, 0.5)
    assert (out - expected).abs().max() < 1e-5 * (1 + y.abs().max())
