"""The picture of a block on a CPU, compiled by Numba: colours of its activations and the block below's, made larger.

Activations are read once, in order, which is what takes the time.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from akma_core.networks.kernels.epilogue_numba import flat
from akma_core.networks.kernels.parallel import run
from akma_core.networks.kernels.simd import LANES, added, fma, jit, load, splat

F32 = np.float32
TAPS = 4


def picture(
    x: Tensor, weights: Tensor, bias: Tensor, clamp: float | None, below: Tensor | None, taps: Sequence[float]
) -> Tensor:
    """[B, C, H, W], weights [B, colours, C], bias [colours] -> [B, colours, H, W]; float32, C at least 16.

    clamp(weights x + bias) + `below` [B, colours, H / 2, W / 2] made twice as large by the filter of `taps`, four of
    sum 1: see filters.py.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = x.shape
    colours = weights.shape[1]
    whole = channels // LANES * LANES
    packed = np.zeros((batch, colours, -(-channels // LANES) * LANES), F32)
    packed[..., :whole] = weights[..., :whole].numpy()
    if whole < channels:
        packed[..., whole + LANES - channels + whole :] = weights[..., whole:].numpy()
    out = np.empty((batch, colours, height, width), F32)
    small = None if below is None else below.contiguous().numpy()
    filter_taps, most = np.array(taps[::-1], F32) * 2, F32(np.inf if clamp is None else clamp)
    sources, offset = [flat(picture) for picture in x], bias.numpy()

    def work(task: tuple[int, int, int]) -> None:
        k, first, last = task
        smaller = None if small is None else small[k]
        _rows(sources[k], packed[k], offset, most, smaller, filter_taps, out[k], first, last)

    threads = torch.get_num_threads()
    strips = max(1, min(threads // batch, height // 8))
    edges = [height * k // strips for k in range(strips + 1)]
    run(work, [(k, edges[s], edges[s + 1]) for k in range(batch) for s in range(strips)], threads)
    return torch.from_numpy(out)


@jit()
def _rows(source, weights, bias, clamp, below, taps, out, first, last):
    """Rows first..last of `out` [colours, H, W]."""
    x, _, width, channels, pixel = source
    for y in range(first, last):
        for j in range(width):
            at = (y * width + j) * pixel
            for k in range(len(out)):
                total = splat(F32(0))
                for block in range(0, channels, LANES):
                    # The last block overlaps the one before, with weights of zero.
                    c = min(block, channels - LANES)
                    total = fma(load(x, at + c), load(weights[k], block), total)
                out[k, y, j] = min(max(added(total) + bias[k], -clamp), clamp)
        if below is not None:
            for k in range(len(out)):
                _add_larger(below[k], taps, out[k, y], y)


@jit()
def _add_larger(below, taps, line, y):
    """line += row y of `below` made twice as large; what lies outside is zero."""
    width = below.shape[1]
    upper, phase = (y + 1) // 2 - 1, y % 2
    before = F32(0)
    here = _between(below, taps[phase], taps[phase + 2], upper, 0)
    for j in range(width):
        after = _between(below, taps[phase], taps[phase + 2], upper, j + 1) if j + 1 < width else F32(0)
        line[2 * j] += taps[0] * before + taps[2] * here
        line[2 * j + 1] += taps[1] * here + taps[3] * after
        before, here = here, after


@jit(inline="always")
def _between(below, a, b, upper, j):
    value = F32(0)
    if upper >= 0:
        value += a * below[upper, j]
    if upper + 1 < len(below):
        value += b * below[upper + 1, j]
    return value
