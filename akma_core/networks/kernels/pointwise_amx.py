"""1x1 convolution on a CPU with AMX: a product of matrices, pixels by channels."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from . import amx
from .epilogue_numba import store_lanes
from .matmul_amx import BAND, COLUMNS, LINE, ROWS, STEP, packed, products, split
from .parallel import run
from .simd import LANES, jit, load, room_for


def pack(weight: Tensor) -> Tensor:
    """[C_out, C_in, 1, 1] -> see matmul_amx.packed."""
    return packed(weight[None, :, :, 0, 0])


def conv1x1(x: Tensor, weight: Tensor, out_channels: int) -> Tensor:
    """[B, C_in, H, W] float32 of 16 channels at least -> [B, C_out, H, W], channels last; `weight` is from `pack`."""
    x = x.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = x.shape
    out = torch.empty((batch, out_channels, height, width), memory_format=torch.channels_last)
    numbers, into = (t.permute(0, 2, 3, 1).reshape(-1).numpy() for t in (x, out))
    u, pixels, threads = weight.reshape(-1).numpy(), batch * height * width, torch.get_num_threads()
    most = max(1, BAND // channels // ROWS) * ROWS
    edges = [pixels * k // threads for k in range(threads + 1)]

    def work(span: tuple[int, int]) -> None:
        _pixels(numbers, channels, u, into, out_channels, *span, most)

    run(work, list(pairwise(edges)), threads)
    return out


@jit()
def _pixels(x, channels, u, out, out_channels, first, last, most):
    """Pixels first..last of `out`, at most `most` of them at once."""
    groups, panels = -(-channels // amx.DEPTH), -(-out_channels // COLUMNS)
    plane = most * LINE
    high, low = room_for(groups * plane), room_for(groups * plane)
    made, shifts = room_for(most * COLUMNS), np.zeros(1, np.int64)
    amx.begin()
    for start in range(first, last, most):
        count = min(most, last - start)
        split(x, start * channels, channels, count, channels, None, high, low, 0, plane)
        for k in range(panels):
            into, columns = start * out_channels + k * COLUMNS, min(COLUMNS, out_channels - k * COLUMNS)
            w = k * groups * STEP
            if columns == COLUMNS and count % ROWS == 0:
                products(high, low, 0, plane, groups, count, shifts, u, w, out, into, out_channels)
            else:
                products(high, low, 0, plane, groups, count, shifts, u, w, made, 0, COLUMNS)
                _copy(made, count, columns, out, into, out_channels)
    amx.end()


@jit()
def _copy(made, count, columns, out, into, pixel):
    """`columns` of each of `count` rows of `made`, COLUMNS apart, into `out`, `pixel` apart."""
    room = room_for(LANES)
    for k in range(count):
        at, to = k * COLUMNS, into + k * pixel
        for c in range(0, columns, LANES):
            store_lanes(out, to + c, load(made, at + c), min(LANES, columns - c), room)
