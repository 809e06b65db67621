"""SRVGGNetCompact, the small network of Real-ESRGAN (realesr-animevideov3, realesr-general-x4v3), for inference.

Parameter names are upstream's, so that official weights load as they are.
"""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from akma_core.networks.kernels.convolution import Conv3x3


class SRVGGNetCompact(nn.Module):
    """3x3 convolutions with PReLU at the input's size, a pixel shuffle, plus the input repeated.

    `num_conv`: 16 in animevideov3, 32 in general-x4v3.
    """

    modulus: ClassVar[int] = 1
    """Height and width of the input must be multiples of it."""

    def __init__(self, num_feat: int = 64, num_conv: int = 16, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.overlap = num_conv + 2
        """Input pixels on each side that an output pixel depends on: one a convolution."""
        self.numbers_held = 3 * num_feat + 12 * scale**2
        """Numbers in memory at once for an input pixel: activations, then the output with its 8-bit conversion."""
        layers: list[nn.Module] = [Conv3x3(3, num_feat), nn.PReLU(num_feat)]
        for _ in range(num_conv):
            layers += [Conv3x3(num_feat, num_feat), nn.PReLU(num_feat)]
        self.body = nn.ModuleList([*layers, Conv3x3(num_feat, 3 * scale**2)])

    def forward(self, x: Tensor) -> Tensor:
        """RGB [n, 3, h, w] in 0..1 -> [n, 3, scale * h, scale * w], about 0..1."""
        *activated, last = self.body
        y = x
        for conv, prelu in zip(activated[::2], activated[1::2], strict=True):
            y = conv(y, prelu.weight)
        y = last(y)
        # Adding a pixel to all its scale^2 sub-pixels before the shuffle is nearest-neighbour enlargement after it.
        n, _, h, w = y.shape
        y.view(n, 3, self.scale**2, h, w).add_(x.unsqueeze(2))
        return F.pixel_shuffle(y, self.scale)
