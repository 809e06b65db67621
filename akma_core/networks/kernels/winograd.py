"""3x3 convolution on a CPU by Winograd's minimal filtering, F(6x6, 3x3): a fifth of the multiplications.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. Tiles of 8x8 samples, six apart, are
transformed, multiplied by the transformed weights as 64 matrix products over channels, and transformed back into 6x6
results. Channels last, float32; the largest error is about 2e-5 of the largest value.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .epilogue import Epilogue
from .tiles import Tiles
from .winograd_tiles import STEP, transformed

LANES = 16  # channels at least: what the compiled form works on at once

B = np.array(
    [
        [1, 0, -21 / 4, 0, 21 / 4, 0, -1, 0],
        [0, 1, 1, -17 / 4, -17 / 4, 1, 1, 0],
        [0, -1, 1, 17 / 4, -17 / 4, -1, 1, 0],
        [0, 1 / 2, 1 / 4, -5 / 2, -5 / 4, 2, 1, 0],
        [0, -1 / 2, 1 / 4, 5 / 2, -5 / 4, -2, 1, 0],
        [0, 2, 4, -5 / 2, -5, 1 / 2, 1, 0],
        [0, -2, 4, 5 / 2, -5, -1 / 2, 1, 0],
        [0, -1, 0, 21 / 4, 0, -21 / 4, 0, 1],
    ]
)  # transposed, of the input
A = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 1 / 2, -1 / 2, 0],
        [0, 1, 1, 4, 4, 1 / 4, 1 / 4, 0],
        [0, 1, -1, 8, -8, 1 / 8, -1 / 8, 0],
        [0, 1, 1, 16, 16, 1 / 16, 1 / 16, 0],
        [0, 1, -1, 32, -32, 1 / 32, -1 / 32, 1],
    ]
)  # of the result

TILES = Tiles(STEP, B, A)
NOTHING = Epilogue()


def transform_weight(weight: Tensor, compiled: bool) -> Tensor:
    """[C_out, C_in, 3, 3] -> what `conv3x3` takes, compiled or not."""
    if compiled:
        from . import winograd_numba

        return winograd_numba.pack(weight)
    return transformed(weight).transpose(1, 2).contiguous()


def conv3x3(
    x: Tensor,
    weight: Tensor,
    out_channels: int,
    padding: int,
    compiled: bool,
    epilogue: Epilogue = NOTHING,
    *,
    style: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Convolve [B, C_in, H, W] (channels last, float32) with `transform_weight(...)`, zeros around it.

    Returns [B, C_out, H + 2 padding - 2, W + 2 padding - 2], channels last: `out`, where given. `style` [B, C_in]
    multiplies the input, and `epilogue` is applied to the result. Each picture is computed by itself. `compiled` is
    faster; otherwise plain torch does it, the transforms being matrix products too, 64x64 and 36x64.
    """
    batch, _, height, width = x.shape
    high, wide = height + 2 * padding - 2, width + 2 * padding - 2
    if out is None:
        out = torch.empty((batch, out_channels, high, wide), memory_format=torch.channels_last)
    if compiled:
        from . import winograd_numba

        return winograd_numba.conv3x3(x, weight, padding, style, epilogue, out)
    down, across = -(-high // STEP), -(-wide // STEP)
    beyond = (across * STEP + 2 - width - padding, down * STEP + 2 - height - padding)
    for k, result in enumerate(out.permute(0, 2, 3, 1)):
        picture = x[k] if style is None else x[k] * style[k, :, None, None]
        padded = F.pad(picture.permute(1, 2, 0), (0, 0, padding, beyond[0], padding, beyond[1]))
        for row, y in enumerate(TILES.multiplied(padded, weight)):
            first, last = row * STEP, min(row * STEP + STEP, high)
            part = result[first:last]
            part[:] = y.reshape(STEP, -1, out_channels)[: last - first, :wide]
            epilogue.part(k, first, last)(part.permute(2, 0, 1)[None])
    return out
