"""3x3 convolution on a CPU by Winograd's minimal filtering, F(4x4, 3x3): a quarter of the multiplications.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. Tiles of 6x6 samples, four apart, are
transformed, multiplied by the transformed weights as 36 matrix products over channels (the library's), and transformed
back into 4x4 results. Channels last, float32; the largest error is about 1e-5 of the largest value.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .compiled import mkldnn

LANES = 16  # channels at least: what the compiled form works on at once
TILE, STEP = 6, 4  # samples of a tile, and from one tile to the next
BLOCK = 512  # tiles transformed together: enough to amortise reading the weights, few enough to stay in the cache

G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)  # of the weights, for the points 0, 1, -1, 2, -2 and infinity


B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)  # transposed, of the input
A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])  # of the result


def transform_weight(weight: Tensor) -> Tensor:
    """[C_out, C_in, 3, 3] -> [36 C_out, C_in, 1, 1], with fewer than 16 channels filled up to 16 by zeros."""
    out_channels, in_channels = weight.shape[:2]
    g = torch.from_numpy(G)
    u = torch.einsum("ai,ocij,bj->aboc", g, weight.double(), g).reshape(36, out_channels, in_channels)
    full = torch.zeros(36, max(out_channels, LANES), max(in_channels, LANES))
    full[:, :out_channels, :in_channels] = u.float()
    return full.reshape(-1, full.shape[2], 1, 1)


def products(v: Tensor, weight: Tensor) -> Tensor:
    """The 36 matrix products of a block of tiles, [T, 36, C_in] -> [T, 36, C_out], as one grouped 1x1 convolution."""
    x = v.reshape(1, len(v), 1, -1).permute(0, 3, 1, 2)
    if mkldnn():
        y: Tensor = torch.mkldnn_convolution(x, weight, None, [0, 0], [1, 1], [1, 1], 36)
    else:
        y = F.conv2d(x, weight, groups=36)
    return y.permute(0, 2, 3, 1).reshape(len(v), 36, -1)


def conv3x3(x: Tensor, weight: Tensor, out_channels: int, padding: int, compiled: bool) -> Tensor:
    """Convolve [B, C_in, H, W] (channels last, float32) with `transform_weight(...)`, zeros around it.

    Returns [B, C_out, H + 2 padding - 2, W + 2 padding - 2], channels last. Each picture is computed by itself.
    `compiled` is faster; otherwise plain torch does it, the transforms being matrix products too, 36x36 and 16x36.
    """
    if compiled:
        from . import winograd_kernel

        return winograd_kernel.conv3x3(x, weight, out_channels, padding)
    batch, channels, height, width = x.shape
    high, wide = height + 2 * padding - 2, width + 2 * padding - 2
    down, across = -(-high // STEP), -(-wide // STEP)
    more_channels = weight.shape[1] - channels
    beyond = (across * STEP + 2 - width - padding, down * STEP + 2 - height - padding)
    padded = F.pad(x.permute(0, 2, 3, 1), (0, more_channels, padding, beyond[0], padding, beyond[1]))
    tiles = padded.unfold(1, TILE, STEP).unfold(2, TILE, STEP)  # [B, down, across, C, 6, 6], a view
    into, back = (torch.from_numpy(np.kron(m, m)).float() for m in (B, A))
    out = x.new_empty(batch, down * STEP, across * STEP, out_channels)
    rows = max(1, BLOCK // across)
    for picture, result in zip(tiles, out, strict=True):
        for top in range(0, down, rows):
            part = picture[top : top + rows]
            v = into @ part.permute(0, 1, 3, 4, 2).reshape(-1, 36, weight.shape[1])
            y = (back @ products(v, weight))[..., :out_channels]
            y = y.reshape(len(part), across, STEP, STEP, out_channels).transpose(1, 2)
            result[top * STEP : (top + len(part)) * STEP] = y.reshape(-1, across * STEP, out_channels)
    return out[:, :high, :wide].permute(0, 3, 1, 2)
