"""The convolution that doubles a picture's size, in plain torch: transposed, of stride 2, and then filtered.

Along an axis a transposed convolution of three taps makes even samples of two of them and odd samples of one:
E[i] = W0 x[i] + W2 x[i - 1], O[i] = W1 x[i]. In two dimensions these are nine products of matrices, pixels by channels,
of which four sum up in one call where samples are even along both axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from akma_core.networks.kernels.epilogue import Epilogue

PIXELS = 512  # of the input at least, worked on together: what suits the caches


def arranged(weight: Tensor) -> Tensor:
    """[C_out, C_in, 3, 3] -> [C_in, 9 C_out], as `upsample3x3` takes it.

    First what multiplies x[i, j] in the results (even, odd), (even, even), (odd, even) and (odd, odd), then x[i - 1, j]
    in the first two, x[i, j - 1] in those in the middle, and x[i - 1, j - 1] in the second.
    """
    order = [(0, 1), (0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (0, 2), (1, 2), (2, 2)]
    return torch.cat([weight[:, :, i, j].t() for i, j in order], 1).contiguous()


def upsample3x3(x: Tensor, weight: Tensor, taps: Sequence[float], style: Tensor, epilogue: Epilogue) -> Tensor:
    """[B, C_in, h, w] float32 times `style` [B, C_in] -> [B, C_out, 2h, 2w], channels last.

    `weight` is `arranged`, `taps` are the filter's (their sum 1). Each picture is computed by itself.
    """
    batch, channels, height, width = x.shape
    out_channels, length = weight.shape[1] // 9, len(taps)
    out = torch.empty((batch, out_channels, 2 * height, 2 * width), memory_format=torch.channels_last)
    # A row and a column of zeros after the picture, and as much before it: neighbours are so many pixels away.
    across, lead = width + 1, width + 2
    grid = torch.empty(lead + (height + 1) * across, channels)
    square = grid[lead:].view(height + 1, across, channels)
    grid[:lead], square[height], square[:, width] = 0, 0, 0
    before = (length + 1) // 2 - 1
    size = [max(before + 2 * side + 2, 2 * side + length - 1) for side in (height, width)]
    spread = torch.empty(1, *size, out_channels)  # what the filter reads, zeros around it
    spread[:, :before], spread[:, before + 2 * height + 2 :] = 0, 0
    spread[:, :, :before], spread[:, :, before + 2 * across :] = 0, 0
    inner = spread[0, before : before + 2 * height + 2, before : before + 2 * across]
    axis = torch.tensor(taps[::-1]) * 2
    kernel = torch.outer(axis, axis).expand(out_channels, 1, length, length)
    rows = -(-PIXELS // across)
    for k in range(batch):
        torch.mul(x[k].permute(1, 2, 0), style[k], out=square[:height, :width])
        scaled = kernel if epilogue.scale is None else kernel * epilogue.scale[k, :, None, None, None]
        done = 0
        for top in range(0, height + 1, rows):
            stop = min(top + rows, height + 1)
            inner[2 * top : 2 * stop] = _results(grid, weight, across, top, stop)
            ready = 2 * height if stop > height else max(done, before + 2 * stop - length + 1)
            if ready == done:
                continue
            # The filter of each channel is scaled instead of its result, while what it reads is in the cache.
            band = spread[:, done : ready + length - 1].permute(0, 3, 1, 2)
            y = F.conv2d(band, scaled, epilogue.bias, groups=out_channels)[..., : 2 * width]
            out[k, :, done:ready] = epilogue.rest(k, done, ready)(y)[0]
            done = ready
    return out


def _results(grid: Tensor, weight: Tensor, across: int, top: int, stop: int) -> Tensor:
    """[2 (stop - top), 2 across, C_out] of the transposed convolution."""
    here, above, left, both = (grid[at + top * across : at + stop * across] for at in (across + 1, 1, across, 0))
    n = weight.shape[1] // 9
    y = here @ weight[:, : 4 * n]
    y[:, : 2 * n].addmm_(above, weight[:, 4 * n : 6 * n])
    y[:, n : 3 * n].addmm_(left, weight[:, 6 * n : 8 * n])
    y[:, n : 2 * n].addmm_(both, weight[:, 8 * n :])
    even_odd, even, odd_even, odd = y.view(stop - top, across, 4, n).unbind(2)
    by_turns = torch.stack([torch.stack([even, even_odd], 2), torch.stack([odd_even, odd], 2)], 1)
    return by_turns.view(2 * (stop - top), 2 * across, n)
