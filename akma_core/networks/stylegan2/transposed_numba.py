"""The convolution that doubles a picture's size on a CPU, compiled by Numba: transposed, filtered and finished at once.

A transposed 3x3 convolution of stride 2 makes, along an axis, even samples of two taps and odd samples of one:
E[i] = W0 x[i] + W2 x[i - 1], O[i] = W1 x[i]. Winograd's F(3, 2) does three even samples with four products, the odd
ones take three: 49 products a tile of 3x3 samples of the input, 36 of the result, where the direct form takes 81 and
four ordinary convolutions by F(6x6, 3x3) 64. A band of the result before the filter stays in the cache; four taps
across, four along and the epilogue (kernels/epilogue.py) are applied while it is written out.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.kernels.epilogue_numba import finish_of, flat, vectors
from akma_core.networks.kernels.matmul import COLUMNS, ROWS, at_once, packed, product
from akma_core.networks.kernels.parallel import run
from akma_core.networks.kernels.simd import LANES, jit, load, room_for, store, zeros

from .filter_numba import filter_row

F32 = np.float32
STEP, TILE = 3, 4  # samples of the input from one tile to the next, and in a tile
SIDE = 7  # products a tile and axis: of four points, then of three odd samples
POINTS = SIDE * SIDE
MADE = 2 * STEP  # samples of the result a tile and axis
TAPS = 4
CARRY = TAPS - 1  # rows that two bands share
BLOCK = 66  # tiles of a band at most, but at least a row of them
UNIQUE = TILE + 1  # transformed weights an axis: of four points, and of every odd sample
G = np.array([[0, 0, 1], [0.5, 0, 0.5], [-0.5, 0, 0.5], [1, 0, 0], [0, 1, 0]])


def pack(weight: Tensor) -> Tensor:
    """[C_out, C_in, 3, 3] -> transformed [25, panels, C_in, COLUMNS], see matmul.packed."""
    g = torch.from_numpy(G)
    return packed(
        weight,
        UNIQUE * UNIQUE,
        lambda part: torch.einsum("ai,ocij,bj->abco", g, part.double(), g).flatten(0, 1),
    )


def upsample3x3(
    x: Tensor, weight: Tensor, out_channels: int, taps: Sequence[float], style: Tensor, epilogue: Epilogue
) -> Tensor:
    """[B, C_in, h, w] float32 times `style` [B, C_in] -> [B, C_out, 2h, 2w], channels last.

    `weight` is from `pack`, `taps` are the filter's four (their sum 1). Both numbers of channels are at least 16. Each
    picture is computed by itself, whatever the number of threads.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    batch, _, height, width = x.shape
    out = torch.empty((batch, out_channels, 2 * height, 2 * width), memory_format=torch.channels_last)
    down, across = height // STEP + 1, width // STEP + 1
    bands = -(-down // max(1, BLOCK // across))
    rows = -(-down // bands)
    size = at_once(rows * across, x.shape[1])
    u, filter_taps = weight.reshape(-1).numpy(), np.array(taps[::-1], F32) * 2
    pictures = [(flat(a), flat(o)) for a, o in zip(x, out, strict=True)]
    finishes = [finish_of(epilogue, k, weight.shape[1] * COLUMNS) for k in range(batch)]
    noise = None if epilogue.noise is None else epilogue.noise.contiguous().numpy()

    def work(task: tuple[int, int, int]) -> None:
        k, first, last = task
        field = None if noise is None else noise[k % len(noise)]
        source, result = pictures[k]
        _bands(source, u, vectors(style[k]), finishes[k], field, filter_taps, result, first, last, rows, size)

    threads = torch.get_num_threads()
    strips = max(1, min(threads // batch, down // 4))  # each repeats a row of tiles
    edges = [down * k // strips for k in range(strips + 1)]
    run(work, [(k, edges[s], edges[s + 1]) for k in range(batch) for s in range(strips)], threads)
    return out


@jit()
def _bands(source, u, style, finish, noise, taps, result, first, last, rows, size):
    """Rows of `result` that rows first..last of tiles finish, at most `rows` of them and `size` tiles at once."""
    across = source.width // STEP + 1
    panels = -(-result.channels // COLUMNS)
    # A line more in a row of v, in a plane of v and in one of m: else their vectors would share places in the cache.
    step = -(-source.channels // LANES) * LANES + LANES
    room = -(-size // ROWS) * ROWS
    plane, plane_out = room * step + LANES, room * COLUMNS + LANES
    v, m = room_for(POINTS * plane), room_for(panels * POINTS * plane_out)
    line = (MADE * across + 1) * COLUMNS
    band = zeros(panels * (CARRY + MADE * rows) * line).reshape(panels, -1)
    row = max(first - 1, 0)
    while row < last:
        count = 1 if row < first else min(rows, last - row)
        end = (row + count) * across
        for start in range(row * across, end, size):
            stop = min(start + size, end)
            _transform_in(source, style, v, plane, step, start, stop)
            for p in range(POINTS):
                unique = min(p // SIDE, TILE) * UNIQUE + min(p % SIDE, TILE)
                for k in range(panels):  # while a point's tiles are in the cache
                    weight = (unique * panels + k) * source.channels * COLUMNS
                    into = (k * POINTS + p) * plane_out
                    product(v, p * plane, step, stop - start, u, weight, source.channels, m, into)
            for k in range(panels):
                part = m[k * POINTS * plane_out : (k + 1) * POINTS * plane_out]
                _transform_out(part, plane_out, band[k], line, across, row, start, stop)
        for k in range(panels):
            if row >= first:
                for y in range(max(MADE * row - 2, 0), min(MADE * (row + count) - 2, result.height)):
                    top = (y + 2 - MADE * row) * line
                    four = (top, top + line, top + 2 * line, top + 3 * line)
                    filter_row(band[k], four, taps, finish, noise, result, y, k * COLUMNS)
            band[k, : CARRY * line] = band[k, MADE * count * line : (MADE * count + CARRY) * line]
        row += count


@jit(inline="always")
def _seven(d0, d1, d2, d3):
    """Factors of the seven products of an axis: four points, and the samples themselves."""
    return d0 - d2, d1 + d2, d2 - d1, d3 - d1, d1, d2, d3


# A function of its own, as in kernels/winograd_numba.py.
@jit()
def _columns(a, base, down, right, style, c, half):
    """half [7, 4, 16] <- the columns of a tile of `a`, times `style`."""
    s = load(style, c)
    for j in range(TILE):
        at = base + j * right
        h0, h1, h2, h3, h4, h5, h6 = _seven(
            load(a, at) * s, load(a, at + down) * s, load(a, at + 2 * down) * s, load(a, at + 3 * down) * s
        )  # fmt: skip
        at, below = j * LANES, TILE * LANES
        store(half, at, h0)
        store(half, at + below, h1)
        store(half, at + 2 * below, h2)
        store(half, at + 3 * below, h3)
        store(half, at + 4 * below, h4)
        store(half, at + 5 * below, h5)
        store(half, at + 6 * below, h6)


@jit()
def _transform_in(source, style, v, plane, step, start, stop):
    """v [49, plane] <- tiles start..stop, times `style`."""
    x, height, width, channels, pixel = source
    across = width // STEP + 1
    tile, half = room_for(TILE * TILE * LANES), room_for(SIDE * TILE * LANES)
    for t in range(start, stop):
        top, left = (t // across) * STEP - 1, (t % across) * STEP - 1
        inside = top >= 0 and left >= 0 and top + TILE <= height and left + TILE <= width
        for block in range(0, channels, LANES):
            c = min(block, channels - LANES)  # the last block overlaps the one before: the same values twice
            if inside:
                _columns(x, (top * width + left) * pixel + c, width * pixel, pixel, style, c, half)
            else:
                tile[:] = 0
                for i in range(max(0, -top), min(TILE, height - top)):
                    for j in range(max(0, -left), min(TILE, width - left)):
                        store(tile, (i * TILE + j) * LANES, load(x, ((top + i) * width + left + j) * pixel + c))
                _columns(tile, 0, TILE * LANES, LANES, style, c, half)
            for i in range(SIDE):
                at = i * TILE * LANES
                h0, h1, h2, h3, h4, h5, h6 = _seven(
                    load(half, at), load(half, at + LANES), load(half, at + 2 * LANES), load(half, at + 3 * LANES)
                )  # fmt: skip
                at = i * SIDE * plane + (t - start) * step + c
                store(v, at, h0)
                store(v, at + plane, h1)
                store(v, at + 2 * plane, h2)
                store(v, at + 3 * plane, h3)
                store(v, at + 4 * plane, h4)
                store(v, at + 5 * plane, h5)
                store(v, at + 6 * plane, h6)


@jit(inline="always")
def _six(m0, m1, m2, m3, m4, m5, m6):
    """Three even samples and three odd ones, by turns."""
    both = m1 + m2
    return m0 + both, m4, m1 - m2, m5, both + m3, m6


@jit()
def _transform_out(m, plane, band, line, across, row, start, stop):
    """Tiles start..stop of `band`, whose first row of tiles is `row`, after what was carried over <- m [49, plane]."""
    half = room_for(MADE * SIDE * LANES)
    for t in range(start, stop):
        into = (CARRY + (t // across - row) * MADE) * line + (1 + (t % across) * MADE) * COLUMNS
        for c in range(0, COLUMNS, LANES):
            for j in range(SIDE):
                at, down = (t - start) * COLUMNS + c + j * plane, SIDE * plane
                o0, o1, o2, o3, o4, o5 = _six(
                    load(m, at), load(m, at + down), load(m, at + 2 * down), load(m, at + 3 * down),
                    load(m, at + 4 * down), load(m, at + 5 * down), load(m, at + 6 * down),
                )  # fmt: skip
                at, below = j * LANES, SIDE * LANES
                store(half, at, o0)
                store(half, at + below, o1)
                store(half, at + 2 * below, o2)
                store(half, at + 3 * below, o3)
                store(half, at + 4 * below, o4)
                store(half, at + 5 * below, o5)
            for i in range(MADE):
                at = i * SIDE * LANES
                o0, o1, o2, o3, o4, o5 = _six(
                    load(half, at), load(half, at + LANES), load(half, at + 2 * LANES), load(half, at + 3 * LANES),
                    load(half, at + 4 * LANES), load(half, at + 5 * LANES), load(half, at + 6 * LANES),
                )  # fmt: skip
                at = into + i * line + c
                store(band, at, o0)
                store(band, at + COLUMNS, o1)
                store(band, at + 2 * COLUMNS, o2)
                store(band, at + 3 * COLUMNS, o3)
                store(band, at + 4 * COLUMNS, o4)
                store(band, at + 5 * COLUMNS, o5)
