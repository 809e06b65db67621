"""Winograd's transforms compiled by Numba, sixteen channels at once; see winograd.py."""

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .parallel import run
from .vector import LANES, fma, jit, load, splat, store
from .winograd import BLOCK, STEP, TILE, products

F32 = np.float32


def conv3x3(x: Tensor, weight: Tensor, out_channels: int, padding: int) -> Tensor:
    """As winograd.conv3x3."""
    batch, channels, height, width = x.shape
    high, wide = height + 2 * padding - 2, width + 2 * padding - 2
    out = np.empty((batch, high, wide, out_channels), F32)
    pixel = x.stride(3)  # numbers from one pixel to the next: more than the channels in a slice of them
    if x.stride(1) != 1 or x.stride(2) != width * pixel:
        x, pixel = x.contiguous(memory_format=torch.channels_last), channels
    numbers = (height * width - 1) * pixel + channels
    across = -(-wide // STEP)
    tiles = -(-high // STEP) * across
    threads = torch.get_num_threads()
    for picture, result in zip(x, out, strict=True):
        source = _Source(picture.as_strided((numbers,), (1,)).numpy(), height, width, channels, pixel)
        for first in range(0, tiles, BLOCK):
            count = min(BLOCK, tiles - first)
            v = torch.empty(count, 36, weight.shape[1])
            edges = [count * k // threads for k in range(threads + 1)]
            parts = [(first + a, first + b, first) for a, b in pairwise(edges)]
            run(partial(_tiles_in, source, v, across, padding), parts, threads)
            m = products(v, weight)
            run(partial(_tiles_out, m, result, across), parts, threads)
    return torch.from_numpy(out).permute(0, 3, 1, 2)


class _Source(NamedTuple):
    numbers: NDArray[F32]
    height: int
    width: int
    channels: int
    pixel: int


def _tiles_in(source: _Source, v: Tensor, across: int, padding: int, part: tuple[int, int, int]) -> None:
    _transform_in(*source, v.reshape(-1).numpy(), v.shape[2], across, padding, *part)


def _tiles_out(m: Tensor, out: NDArray[F32], across: int, part: tuple[int, int, int]) -> None:
    _transform_out(m.reshape(-1).numpy(), m.shape[2], out.reshape(-1), *out.shape, across, *part)


@jit(inline="always")
def _six(d0, d1, d2, d3, d4, d5):
    """B^T d."""
    two, four, five = splat(F32(2)), splat(F32(4)), splat(F32(-5))
    minus, minus_two, minus_four = splat(F32(-1)), splat(F32(-2)), splat(F32(-4))
    even, odd = fma(minus_four, d2, d4), fma(minus_four, d1, d3)  # of +-1
    near, far = fma(minus, d2, d4), fma(minus, d1, d3)  # of +-2
    return (
        fma(four, d0, fma(five, d2, d4)),
        even + odd,
        fma(minus, odd, even),
        fma(two, far, near),
        fma(minus_two, far, near),
        fma(four, d1, fma(five, d3, d5)),
    )


@jit(inline="always")
def _four(m0, m1, m2, m3, m4, m5):
    """A^T m."""
    minus, two, four, eight = splat(F32(-1)), splat(F32(2)), splat(F32(4)), splat(F32(8))
    a, b = m1 + m2, fma(minus, m2, m1)
    c, d = m3 + m4, fma(minus, m4, m3)
    return m0 + a + c, fma(two, d, b), fma(four, c, a), fma(eight, d, b) + m5


@jit()
def _transform_in(x, height, width, channels, step, v, filled, across, padding, start, stop, first):
    """v [tiles, 36, filled] <- tiles start..stop of x [height, width, channels], pixels `step` apart."""
    tile = np.zeros(TILE * TILE * LANES, F32)
    half = np.zeros(TILE * TILE * LANES, F32)
    for t in range(start, stop):
        top, left = (t // across) * STEP - padding, (t % across) * STEP - padding
        inside = top >= 0 and left >= 0 and top + TILE <= height and left + TILE <= width
        for block in range(0, filled, LANES):
            c = min(block, filled - LANES)  # the last block overlaps the one before: the same values twice
            lanes = min(LANES, channels - c)
            source, base, row, pixel = x, (top * width + left) * step + c, width * step, step
            if not inside or lanes < LANES:
                tile[:] = 0
                for i in range(TILE):
                    for j in range(TILE):
                        if 0 <= top + i < height and 0 <= left + j < width:
                            at = ((top + i) * width + left + j) * step + c
                            for k in range(lanes):
                                tile[(i * TILE + j) * LANES + k] = x[at + k]
                source, base, row, pixel = tile, 0, TILE * LANES, LANES
            for j in range(TILE):
                at = base + j * pixel
                h0, h1, h2, h3, h4, h5 = _six(
                    load(source, at), load(source, at + row), load(source, at + 2 * row),
                    load(source, at + 3 * row), load(source, at + 4 * row), load(source, at + 5 * row),
                )  # fmt: skip
                into = j * LANES
                store(half, into, h0)
                store(half, into + 1 * TILE * LANES, h1)
                store(half, into + 2 * TILE * LANES, h2)
                store(half, into + 3 * TILE * LANES, h3)
                store(half, into + 4 * TILE * LANES, h4)
                store(half, into + 5 * TILE * LANES, h5)
            for i in range(TILE):
                at = i * TILE * LANES
                h0, h1, h2, h3, h4, h5 = _six(
                    load(half, at), load(half, at + LANES), load(half, at + 2 * LANES),
                    load(half, at + 3 * LANES), load(half, at + 4 * LANES), load(half, at + 5 * LANES),
                )  # fmt: skip
                into = ((t - first) * 36 + i * TILE) * filled + c
                store(v, into, h0)
                store(v, into + filled, h1)
                store(v, into + 2 * filled, h2)
                store(v, into + 3 * filled, h3)
                store(v, into + 4 * filled, h4)
                store(v, into + 5 * filled, h5)


@jit()
def _transform_out(m, filled, out, height, width, channels, across, start, stop, first):
    """Tiles start..stop of out [height, width, channels] <- m [tiles, 36, filled]; m's first tile is `first`."""
    half = np.zeros(STEP * TILE * LANES, F32)
    tile = np.zeros(STEP * STEP * LANES, F32)
    for t in range(start, stop):
        top, left = (t // across) * STEP, (t % across) * STEP
        inside = top + STEP <= height and left + STEP <= width
        for block in range(0, filled, LANES):
            c = min(block, filled - LANES)
            lanes = min(LANES, channels - c)
            for j in range(TILE):
                at = ((t - first) * 36 + j) * filled + c
                row = TILE * filled
                o0, o1, o2, o3 = _four(
                    load(m, at), load(m, at + row), load(m, at + 2 * row),
                    load(m, at + 3 * row), load(m, at + 4 * row), load(m, at + 5 * row),
                )  # fmt: skip
                store(half, j * LANES, o0)
                store(half, (TILE + j) * LANES, o1)
                store(half, (2 * TILE + j) * LANES, o2)
                store(half, (3 * TILE + j) * LANES, o3)
            direct = inside and lanes == LANES
            into, base, row, pixel = out, (top * width + left) * channels + c, width * channels, channels
            if not direct:
                into, base, row, pixel = tile, 0, STEP * LANES, LANES
            for i in range(STEP):
                at = i * TILE * LANES
                o0, o1, o2, o3 = _four(
                    load(half, at), load(half, at + LANES), load(half, at + 2 * LANES),
                    load(half, at + 3 * LANES), load(half, at + 4 * LANES), load(half, at + 5 * LANES),
                )  # fmt: skip
                store(into, base + i * row, o0)
                store(into, base + i * row + pixel, o1)
                store(into, base + i * row + 2 * pixel, o2)
                store(into, base + i * row + 3 * pixel, o3)
            if not direct:
                for i in range(min(STEP, height - top)):
                    for j in range(min(STEP, width - left)):
                        at = ((top + i) * width + left + j) * channels + c
                        for k in range(lanes):
                            out[at + k] = tile[(i * STEP + j) * LANES + k]
