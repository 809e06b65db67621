"""The 3x3 convolution with constant weights against the library's, whichever way it takes."""

import pytest
import torch
from torch.nn import functional as F

from akma_core.networks.kernels.convolution import Conv3x3


@pytest.mark.parametrize("channels", [3, 16, 33])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.inference_mode()
def test_as_the_library(channels: int, dtype: torch.dtype) -> None:
    torch.manual_seed(channels)
    conv = Conv3x3(channels, 20).to(dtype)
    x = torch.randn(2, channels, 19, 13, dtype=dtype)
    slope = torch.randn(20, dtype=dtype)
    expected = F.conv2d(x, conv.weight, conv.bias, padding=1)
    assert torch.allclose(conv(x), expected, atol=2e-5)
    buffer = torch.full((2, 50, 19, 13), 7.0, dtype=dtype).contiguous(memory_format=torch.channels_last)
    conv(x, slope, buffer[:, 10:30])
    assert torch.allclose(buffer[:, 10:30], F.prelu(expected, slope), atol=2e-5)
    assert (buffer[:, :10] == 7).all()
    assert (buffer[:, 30:] == 7).all()


@torch.inference_mode()
def test_loaded_weights_are_used() -> None:
    torch.manual_seed(0)
    conv, other = Conv3x3(16, 16), Conv3x3(16, 16)
    x = torch.randn(1, 16, 9, 9)
    before = conv(x)
    conv.load_state_dict(other.state_dict())
    assert (conv(x) == other(x)).all()
    assert not torch.allclose(conv(x), before)
