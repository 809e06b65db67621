"""3x3 convolution on a CPU with AMX, its nine products as they are; a style on the way in, the epilogue on the way out.

Zeros between rows of the input let pixels of many rows follow one another: a result's neighbour below is a row on.
"""

import numpy as np
import torch
from torch import Tensor

from . import amx
from .epilogue import Epilogue
from .epilogue_numba import activated, finish_of, flat, store_lanes, vectors
from .matmul_amx import BAND, COLUMNS, LINE, ROWS, STEP, Span, empty, packed, products, shared_out, split
from .parallel import run
from .simd import LANES, fma, jit, load, room_for, spread, zeros

TAPS = 3


def pack(weight: Tensor) -> Tensor:
    """[C_out, C_in, 3, 3] -> see matmul_amx.packed."""
    return packed(weight.flatten(2).permute(2, 0, 1))


def conv3x3(
    x: Tensor, weight: Tensor, out_channels: int, padding: int, epilogue: Epilogue, *, style: Tensor | None = None
) -> Tensor:
    """As winograd.conv3x3, of 16 channels at least, `weight` being from `pack`."""
    x = x.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = x.shape
    high, wide = height + 2 * padding - 2, width + 2 * padding - 2
    out = torch.empty((batch, out_channels, high, wide), memory_format=torch.channels_last)
    u = weight.reshape(-1).numpy()
    pictures = [(flat(a), flat(o)) for a, o in zip(x, out, strict=True)]
    styles = [None if style is None else vectors(style[k]) for k in range(batch)]
    finishes = [finish_of(epilogue, k, len(weight) * COLUMNS) for k in range(batch)]
    noise = None if epilogue.noise is None else epilogue.noise.contiguous().numpy()

    def work(task: tuple[int, Span, Span]) -> None:
        k, strip, panels = task
        field = None if noise is None else noise[k % len(noise)]
        source, result = pictures[k]
        _bands(source, u, styles[k], finishes[k], field, result, padding, strip, rows, panels)

    threads = torch.get_num_threads()
    rows = max(1, BAND // ((width + padding) * channels))
    run(work, shared_out(batch, high, rows, len(weight), max(1, threads // batch)), threads)
    return out


@jit()
def _bands(source, u, style, finish, noise, result, padding, strip, rows, panels):
    """The rows of `result` in `strip`, at most `rows` of them at once, the channels of some panels of the weights."""
    x, height, width, channels, pixel = source
    across = width + padding
    first, last = strip
    groups = -(-channels // amx.DEPTH)
    rows = min(rows, last - first)
    plane = ((rows + TAPS - 1) * across + padding + TAPS + ROWS) * LINE
    high, low = zeros(groups * plane), zeros(groups * plane)
    shifts = np.array([i * across + j for i in range(TAPS) for j in range(TAPS)])
    made = room_for((rows * across + ROWS) * COLUMNS)
    amx.begin()
    for row in range(first, last, rows):
        count = min(rows, last - row)
        for r in range(count + TAPS - 1):
            y, into = row - padding + r, (padding + r * across) * LINE
            if 0 <= y < height:
                split(x, y * width * pixel, pixel, width, channels, style, high, low, into, plane)
            else:
                empty(high, low, width, groups, into, plane)
        for k in range(panels[0], panels[1]):
            w = k * groups * TAPS * TAPS * STEP
            products(high, low, 0, plane, groups, count * across, shifts, u, w, made, 0, COLUMNS)
            for r in range(count):
                _finish_row(made, r * across * COLUMNS, finish, noise, result, row + r, k * COLUMNS)
    amx.end()


@jit()
def _finish_row(made, at, finish, noise, result, y, first):
    """Row y of the result, at most COLUMNS channels from `first` on <- the epilogue of `made` from `at` on."""
    out, _, width, channels, pixel = result
    narrow = room_for(LANES)
    for c in range(first, min(first + COLUMNS, channels), LANES):
        g, b, s, limit = load(finish.scale, c), load(finish.bias, c), load(finish.slope, c), finish.clamp
        lanes = min(LANES, channels - c)
        start, into = at + c - first, y * width * pixel + c
        for x in range(width):
            v = fma(load(made, start + x * COLUMNS), g, b)
            if noise is not None:
                v = v + spread(noise, y * width + x)
            v = activated(v, s, limit)
            store_lanes(out, into + x * pixel, v, lanes, narrow)
