"""3x3 convolution on a CPU by Winograd's minimal filtering, F(6x6, 3x3): a fifth of the multiplications.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. Tiles of 8x8 samples, six apart, are
transformed, multiplied by the transformed weights as 64 matrix products over channels, and transformed back into 6x6
results. Channels last, float32; the largest error is about 2e-5 of the largest value.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .compiled import mkldnn
from .epilogue import Epilogue
from .winograd_tiles import POINTS, STEP, TILE, transformed

LANES = 16  # channels at least: what the compiled form works on at once
BLOCK = 512  # tiles that plain torch transforms together

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


NOTHING = Epilogue()


def transform_weight(weight: Tensor, compiled: bool) -> Tensor:
    """[C_out, C_in, 3, 3] -> what `conv3x3` takes, compiled or not."""
    if compiled:
        from . import winograd_numba

        return winograd_numba.pack(weight)
    return transformed(weight).reshape(-1, weight.shape[1], 1, 1)


def products(v: Tensor, weight: Tensor) -> Tensor:
    """The 64 matrix products of a block of tiles, [T, 64, C_in] -> [T, 64, C_out], as one grouped 1x1 convolution."""
    x = v.reshape(1, len(v), 1, -1).permute(0, 3, 1, 2)
    if mkldnn():
        y: Tensor = torch.mkldnn_convolution(x, weight, None, [0, 0], [1, 1], [1, 1], POINTS)
    else:
        y = F.conv2d(x, weight, groups=POINTS)
    return y.permute(0, 2, 3, 1).reshape(len(v), POINTS, -1)


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
    batch, channels, height, width = x.shape
    high, wide = height + 2 * padding - 2, width + 2 * padding - 2
    if out is None:
        out = torch.empty((batch, out_channels, high, wide), memory_format=torch.channels_last)
    if compiled:
        from . import winograd_numba

        return winograd_numba.conv3x3(x, weight, padding, style, epilogue, out)
    if style is not None:
        x = x * style[:, :, None, None]
    down, across = -(-high // STEP), -(-wide // STEP)
    beyond = (across * STEP + 2 - width - padding, down * STEP + 2 - height - padding)
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, beyond[0], padding, beyond[1]))
    tiles = padded.unfold(1, TILE, STEP).unfold(2, TILE, STEP)  # [B, down, across, C, 8, 8], a view
    into, back = (torch.from_numpy(np.kron(m, m)).float() for m in (B, A))
    rows = max(1, BLOCK // across)
    for picture, result in zip(tiles, out, strict=True):
        for top in range(0, down, rows):
            part = picture[top : top + rows]
            v = into @ part.permute(0, 1, 3, 4, 2).reshape(-1, POINTS, channels)
            y = (back @ products(v, weight)).reshape(len(part), across, STEP, STEP, out_channels)
            y = y.permute(4, 0, 2, 1, 3).reshape(out_channels, -1, across * STEP)[:, : high - top * STEP, :wide]
            result[:, top * STEP : top * STEP + y.shape[1]] = y
    return epilogue(out)
