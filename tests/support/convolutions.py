"""StyleGAN2's convolutions by the library in float64: what the fast ones are compared with."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from akma_core.networks.kernels import compiled
from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.stylegan2 import filters

LEFT_OUT_BY_AMX = 2**-16  # of each term at most: see matmul_amx.py

needs_amx = pytest.mark.skipif(not compiled.has_amx(), reason="no AMX")


def upsampled(
    x: Tensor, weight: Tensor, taps: Sequence[float], style: Tensor, scale: Tensor | None, noise: Tensor | None
) -> Tensor:
    """The transposed convolution of x * style, filtered, times `scale`, with noise; before bias and activation."""
    styled = x.double() * style[:, :, None, None]
    y = filters.blur(F.conv_transpose2d(styled, weight.double().transpose(0, 1), stride=2), taps)
    return y * (1 if scale is None else scale[:, :, None, None]) + (0 if noise is None else noise[:, None])


class Upsampling(NamedTuple):
    """What an upsampling convolution is given, and what it is to make of it."""

    x: Tensor
    weight: Tensor
    style: Tensor
    epilogue: Epilogue
    linear: Tensor
    """The result before activation and clamp."""
    expected: Tensor


def upsampling(
    channels: int, out_channels: int, height: int, width: int, noises: int, clamp: float | None, taps: Sequence[float]
) -> Upsampling:
    """Two random pictures, with `noises` fields of noise."""
    torch.manual_seed(1)
    x, weight = torch.randn(2, channels, height, width), torch.randn(out_channels, channels, 3, 3)
    style, scale, bias = torch.randn(2, channels), torch.randn(2, out_channels), torch.randn(out_channels)
    noise = torch.randn(noises, 2 * height, 2 * width) if noises else None
    linear = upsampled(x, weight, taps, style, scale, noise) + bias[:, None, None]
    expected = F.leaky_relu(linear, 0.2).clamp(-(clamp or 1e9), clamp or 1e9)
    return Upsampling(x, weight, style, Epilogue(scale, bias, noise, 0.2, clamp), linear, expected)
