"""The convolution that doubles a picture's size on a CPU with AMX: its nine products as they are, then the filter.

Along an axis a transposed convolution of three taps makes even samples of two of them and odd samples of one:
E[i] = W0 x[i] + W2 x[i - 1], O[i] = W1 x[i]. A line of zeros between rows lets pixels of many rows follow one another.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from akma_core.networks.kernels import amx
from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.kernels.epilogue_numba import finish_of, flat, vectors
from akma_core.networks.kernels.matmul_amx import (
    BAND,
    COLUMNS,
    LINE,
    ROWS,
    STEP,
    Span,
    empty,
    packed,
    products,
    shared_out,
    split,
)
from akma_core.networks.kernels.parallel import run
from akma_core.networks.kernels.simd import jit, zeros

from .filter_numba import filter_row

F32 = np.float32
# Of the results (odd, odd), (odd, even), (even, odd), (even, even): the taps, each of one pixel x[i - a, j - b].
TAPS = [[(1, 1)], [(1, 0), (1, 2)], [(0, 1), (2, 1)], [(0, 0), (0, 2), (2, 0), (2, 2)]]
PRODUCTS = sum(map(len, TAPS))
BEFORE = 2  # rows of the input that are made again where a strip begins, and whose results a band keeps of the last


def pack(weight: Tensor) -> Tensor:
    """[C_out, C_in, 3, 3] -> the products of each of TAPS, one after the other, see matmul_amx.packed."""
    parts = [packed(torch.stack([weight[:, :, i, j] for i, j in taps])) for taps in TAPS]
    return torch.cat([part.flatten(1) for part in parts], 1)


def upsample3x3(
    x: Tensor, weight: Tensor, out_channels: int, taps: Sequence[float], style: Tensor, epilogue: Epilogue
) -> Tensor:
    """As transposed_numba.upsample3x3."""
    x = x.contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = x.shape
    out = torch.empty((batch, out_channels, 2 * height, 2 * width), memory_format=torch.channels_last)
    u, filter_taps = weight.reshape(-1).numpy(), np.array(taps[::-1], F32) * 2
    pictures = [(flat(a), flat(o)) for a, o in zip(x, out, strict=True)]
    finishes = [finish_of(epilogue, k, len(weight) * COLUMNS) for k in range(batch)]
    noise = None if epilogue.noise is None else epilogue.noise.contiguous().numpy()
    across = width + 1
    rows = max(1, BAND // (across * channels))
    # From the pixel above and before x[i, j] on: a third tap is of the one above, or before.
    shifts = tuple(np.array([(1 - i // 2) * across + 1 - j // 2 for i, j in phase]) for phase in TAPS)

    def work(task: tuple[int, Span, Span]) -> None:
        k, strip, panels = task
        field = None if noise is None else noise[k % len(noise)]
        source, result = pictures[k]
        _bands(source, u, shifts, vectors(style[k]), finishes[k], field, filter_taps, result, strip, rows, panels)

    threads = torch.get_num_threads()
    run(work, shared_out(batch, height + 1, rows, len(weight), max(1, threads // batch)), threads)
    return out


@jit()
def _bands(source, u, shifts, style, finish, noise, taps, result, strip, rows, panels):
    """Rows of `result` that those of `source` in `strip` finish, at most `rows` at once, of some panels."""
    x, height, width, channels, pixel = source
    across = width + 1
    first, last = strip
    groups = -(-channels // amx.DEPTH)
    rows = min(rows, last - max(first - BEFORE, 0))
    plane = ((rows + 1) * across + 1 + ROWS) * LINE
    high, low = zeros(groups * plane), zeros(groups * plane)
    # Even and odd rows of the result before the filter are apart, so that theirs too follow one another.
    line = 2 * across * COLUMNS
    half = (BEFORE + rows) * line + 2 * ROWS * COLUMNS
    band = zeros((panels[1] - panels[0]) * 2 * half).reshape((panels[1] - panels[0]), -1)
    amx.begin()
    row = max(first - BEFORE, 0)
    while row < last:
        count = min(rows, (first if row < first else last) - row)
        for r in range(count + 1):
            y, into = row - 1 + r, (1 + r * across) * LINE
            if 0 <= y < height:
                split(x, y * width * pixel, pixel, width, channels, style, high, low, into, plane)
            else:
                empty(high, low, width, groups, into, plane)
        for k in range(panels[0], panels[1]):
            w, z_rows = k * groups * PRODUCTS * STEP, band[k - panels[0]]
            for phase in range(len(shifts)):
                odd_row, odd_column = 1 - phase // 2, 1 - phase % 2
                into = odd_row * half + COLUMNS + BEFORE * line + odd_column * COLUMNS
                products(high, low, 0, plane, groups, count * across, shifts[phase], u, w, z_rows, into, 2 * COLUMNS)
                w += groups * len(shifts[phase]) * STEP
            if row >= first:
                for y in range(max(2 * row - 2, 0), min(2 * (row + count) - 2, result.height)):
                    z = y - 1 - 2 * (row - BEFORE)
                    a = (z % 2) * half + z // 2 * line
                    b = ((z + 1) % 2) * half + (z + 1) // 2 * line
                    filter_row(z_rows, (a, b, a + line, b + line), taps, finish, noise, result, y, k * COLUMNS)
            for odd in range(2):
                start = odd * half + COLUMNS
                z_rows[start : start + BEFORE * line] = z_rows[start + count * line : start + (count + BEFORE) * line]
        row += count
    amx.end()
