"""StyleGAN2's convolutions by the library in float64: what the fast ones are compared with."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from akma_core.networks.stylegan2 import filters


def upsampled(
    x: Tensor, weight: Tensor, taps: Sequence[float], style: Tensor, scale: Tensor | None, noise: Tensor | None
) -> Tensor:
    """The transposed convolution of x * style, filtered, times `scale`, with noise; before bias and activation."""
    styled = x.double() * style[:, :, None, None]
    y = filters.blur(F.conv_transpose2d(styled, weight.double().transpose(0, 1), stride=2), taps)
    return y * (1 if scale is None else scale[:, :, None, None]) + (0 if noise is None else noise[:, None])
