"""Winograd's convolution compiled by Numba, sixteen channels at once; see winograd.py.

A block of tiles is transformed, multiplied and transformed back by one thread, 32 channels of the result at a time, so
that products stay in its cache. A style is applied on the way in; demodulation, noise, bias, leaky ReLU and clamp are
on the way out.
"""

import numpy as np
import torch
from torch import Tensor

from .epilogue import Epilogue
from .epilogue_numba import activated, finish_of, flat, noise_of, vectors
from .matmul import COLUMNS, ROWS, at_once, packed, product
from .parallel import run
from .simd import LANES, fma, jit, load, room_for, splat, spread, store
from .winograd_tiles import POINTS, STEP, TILE, transformed

F32 = np.float32
TURNS = 4  # that a thread takes at least: calls cost tens of microseconds each, in which Python's lock is held


def pack(weight: Tensor) -> Tensor:
    """[C_out, C_in, 3, 3] -> transformed [64, panels, C_in, COLUMNS], see matmul.packed."""
    return packed(weight, POINTS, lambda part: transformed(part).transpose(1, 2))


def conv3x3(x: Tensor, weight: Tensor, padding: int, style: Tensor | None, epilogue: Epilogue, out: Tensor) -> Tensor:
    """As winograd.conv3x3, into `out`."""
    if x.stride(1) != 1 or x.stride(2) != x.shape[3] * x.stride(3):
        x = x.contiguous(memory_format=torch.channels_last)
    batch, _, high, wide = out.shape
    tiles = -(-high // STEP) * -(-wide // STEP)
    size = at_once(tiles, x.shape[1])
    u = weight.reshape(-1).numpy()
    pictures = [(flat(a), flat(o)) for a, o in zip(x, out, strict=True)]
    styles = [None if style is None else vectors(style[k]) for k in range(batch)]
    finishes = [finish_of(epilogue, k, weight.shape[1] * COLUMNS) for k in range(batch)]
    fields = [noise_of(epilogue, k, STEP) for k in range(batch)]

    def work(task: tuple[int, int]) -> None:
        k, first = task
        source, result = pictures[k]
        last = min(first + several, tiles)
        _blocks(source, u, styles[k], finishes[k], fields[k], result, padding, first, last, size)

    threads = torch.get_num_threads()
    several = max(1, round(tiles * batch / size / threads / TURNS)) * size
    run(work, [(k, first) for k in range(batch) for first in range(0, tiles, several)], threads)
    return out


@jit(inline="always")
def _eight(d0, d1, d2, d3, d4, d5, d6, d7):
    """B^T d."""
    a, b, c, d = splat(F32(5.25)), splat(F32(-4.25)), splat(F32(-1.25)), splat(F32(0.25))
    two, four, five = splat(F32(2)), splat(F32(4)), splat(F32(-5))
    half, minus_half, minus_two = splat(F32(0.5)), splat(F32(-0.5)), splat(F32(-2))
    even, odd = fma(b, d4, d2 + d6), fma(b, d3, d1 + d5)  # of +-1
    even2, odd2 = fma(d, d2, fma(c, d4, d6)), fma(d, d1, fma(c, d3, d5))  # of +-2
    even4, odd4 = fma(four, d2, fma(five, d4, d6)), fma(four, d1, fma(five, d3, d5))  # of +-1/2
    return (
        fma(a, d4 - d2, d0 - d6),
        even + odd,
        even - odd,
        fma(two, odd2, even2),
        fma(minus_two, odd2, even2),
        fma(half, odd4, even4),
        fma(minus_half, odd4, even4),
        fma(a, d3 - d5, d7 - d1),
    )


@jit(inline="always")
def _six(m0, m1, m2, m3, m4, m5, m6, m7):
    """A^T m."""
    two, four, eight, sixteen = splat(F32(2)), splat(F32(4)), splat(F32(8)), splat(F32(16))
    many, half, quarter = splat(F32(32)), splat(F32(1 / 2)), splat(F32(1 / 4))
    eighth, sixteenth, least = splat(F32(1 / 8)), splat(F32(1 / 16)), splat(F32(1 / 32))
    a, b, c, d, e, f = m1 + m2, m1 - m2, m3 + m4, m3 - m4, m5 + m6, m5 - m6
    return (
        m0 + a + (c + e),
        fma(half, f, fma(two, d, b)),
        fma(quarter, e, fma(four, c, a)),
        fma(eighth, f, fma(eight, d, b)),
        fma(sixteenth, e, fma(sixteen, c, a)),
        fma(least, f, fma(many, d, b)) + m7,
    )


@jit()
def _blocks(source, u, style, finish, noise, result, padding, first, last, size):
    """Tiles first..last of `result`, `size` at once <- the convolution of `source` with the packed weights u."""
    room = -(-min(size, last - first) // ROWS) * ROWS
    filled = max(source.channels, LANES)
    # A line more in a row of v, in a plane of v and in one of m: else their vectors would share places in the cache.
    step = -(-filled // LANES) * LANES + LANES
    plane, plane_out = room * step + LANES, room * COLUMNS + LANES
    panels = -(-result.channels // COLUMNS)
    v, m = room_for(POINTS * plane), room_for(panels * POINTS * plane_out)
    across = -(-result.width // STEP)
    for start in range(first, last, size):
        stop = min(start + size, last)
        rows = -(-(stop - start) // ROWS) * ROWS
        _transform_in(source, style, v, plane, filled, step, across, padding, start, stop)
        for p in range(POINTS):
            for k in range(panels):  # while a point's tiles are in the cache
                weight = (p * panels + k) * source.channels * COLUMNS
                product(v, p * plane, step, rows, u, weight, source.channels, m, (k * POINTS + p) * plane_out)
        for k in range(panels):
            part = m[k * POINTS * plane_out : (k + 1) * POINTS * plane_out]
            _transform_out(part, plane_out, result, k * COLUMNS, finish, noise, across, start, stop)


# Functions of their own, as an array that a variable is set to in a loop would be counted there, which takes longer.
@jit()
def _columns(a, base, down, right, style, c, half):
    """half [8, 8, 16] <- B^T of the columns of a tile of `a`, times `style`."""
    for j in range(TILE):
        at = base + j * right
        h0, h1, h2, h3, h4, h5, h6, h7 = _eight(
            load(a, at), load(a, at + down), load(a, at + 2 * down), load(a, at + 3 * down),
            load(a, at + 4 * down), load(a, at + 5 * down), load(a, at + 6 * down), load(a, at + 7 * down),
        )  # fmt: skip
        if style is not None:
            s = load(style, c)
            h0, h1, h2, h3, h4, h5, h6, h7 = h0 * s, h1 * s, h2 * s, h3 * s, h4 * s, h5 * s, h6 * s, h7 * s
        at, below = j * LANES, TILE * LANES
        store(half, at, h0)
        store(half, at + below, h1)
        store(half, at + 2 * below, h2)
        store(half, at + 3 * below, h3)
        store(half, at + 4 * below, h4)
        store(half, at + 5 * below, h5)
        store(half, at + 6 * below, h6)
        store(half, at + 7 * below, h7)


@jit()
def _transform_in(source, style, v, plane, filled, step, across, padding, start, stop):
    """v [64, plane] <- tiles start..stop, `filled` channels: those of the source, or 16 where it has fewer."""
    x, height, width, channels, pixel = source
    tile = room_for(TILE * TILE * LANES)
    half = room_for(TILE * TILE * LANES)
    for t in range(start, stop):
        top, left = (t // across) * STEP - padding, (t % across) * STEP - padding
        inside = top >= 0 and left >= 0 and top + TILE <= height and left + TILE <= width
        for block in range(0, filled, LANES):
            c = min(block, filled - LANES)  # the last block overlaps the one before: the same values twice
            if inside and channels >= LANES:
                _columns(x, (top * width + left) * pixel + c, width * pixel, pixel, style, c, half)
            else:
                tile[:] = 0
                for i in range(max(0, -top), min(TILE, height - top)):
                    for j in range(max(0, -left), min(TILE, width - left)):
                        at, to = ((top + i) * width + left + j) * pixel + c, (i * TILE + j) * LANES
                        if channels < LANES:
                            for k in range(channels):
                                tile[to + k] = x[at + k]
                        else:
                            store(tile, to, load(x, at))
                _columns(tile, 0, TILE * LANES, LANES, style, c, half)
            for i in range(TILE):
                at = i * TILE * LANES
                h0, h1, h2, h3, h4, h5, h6, h7 = _eight(
                    load(half, at), load(half, at + LANES), load(half, at + 2 * LANES), load(half, at + 3 * LANES),
                    load(half, at + 4 * LANES), load(half, at + 5 * LANES), load(half, at + 6 * LANES),
                    load(half, at + 7 * LANES),
                )  # fmt: skip
                at = i * TILE * plane + (t - start) * step + c
                store(v, at, h0)
                store(v, at + plane, h1)
                store(v, at + 2 * plane, h2)
                store(v, at + 3 * plane, h3)
                store(v, at + 4 * plane, h4)
                store(v, at + 5 * plane, h5)
                store(v, at + 6 * plane, h6)
                store(v, at + 7 * plane, h7)


@jit()
def _finished(half, into, base, down, right, finish, c, noise, field, row):
    """6x6 results of `into` <- A^T of the rows of half [6, 8, 16], and the epilogue; `noise` from `field` on."""
    g, b, s, limit = load(finish.scale, c), load(finish.bias, c), load(finish.slope, c), finish.clamp
    for i in range(STEP):
        at = i * TILE * LANES
        o0, o1, o2, o3, o4, o5 = _six(
            load(half, at), load(half, at + LANES), load(half, at + 2 * LANES), load(half, at + 3 * LANES),
            load(half, at + 4 * LANES), load(half, at + 5 * LANES), load(half, at + 6 * LANES),
            load(half, at + 7 * LANES),
        )  # fmt: skip
        o0, o1, o2, o3, o4, o5 = (
            fma(o0, g, b), fma(o1, g, b), fma(o2, g, b), fma(o3, g, b), fma(o4, g, b), fma(o5, g, b)
        )  # fmt: skip
        if noise is not None:
            at = field + i * row
            o0, o1, o2 = o0 + spread(noise, at), o1 + spread(noise, at + 1), o2 + spread(noise, at + 2)
            o3, o4, o5 = o3 + spread(noise, at + 3), o4 + spread(noise, at + 4), o5 + spread(noise, at + 5)
        at = base + i * down
        store(into, at, activated(o0, s, limit))
        store(into, at + right, activated(o1, s, limit))
        store(into, at + 2 * right, activated(o2, s, limit))
        store(into, at + 3 * right, activated(o3, s, limit))
        store(into, at + 4 * right, activated(o4, s, limit))
        store(into, at + 5 * right, activated(o5, s, limit))


@jit()
def _transform_out(m, plane, result, first, finish, noise, across, start, stop):
    """Tiles start..stop of the result, at most COLUMNS channels from `first` on <- m [64, plane]."""
    out, height, width, channels, pixel = result
    half = room_for(STEP * TILE * LANES)
    tile = room_for(STEP * STEP * LANES)
    for t in range(start, stop):
        top, left = (t // across) * STEP, (t % across) * STEP
        inside = top + STEP <= height and left + STEP <= width
        row = across * STEP
        field = top * row + left
        for c in range(first, min(first + COLUMNS, channels), LANES):
            lanes = min(LANES, channels - c)
            for j in range(TILE):
                at, down = (t - start) * COLUMNS + c - first + j * plane, TILE * plane
                o0, o1, o2, o3, o4, o5 = _six(
                    load(m, at), load(m, at + down), load(m, at + 2 * down), load(m, at + 3 * down),
                    load(m, at + 4 * down), load(m, at + 5 * down), load(m, at + 6 * down), load(m, at + 7 * down),
                )  # fmt: skip
                at, down_half = j * LANES, TILE * LANES
                store(half, at, o0)
                store(half, at + down_half, o1)
                store(half, at + 2 * down_half, o2)
                store(half, at + 3 * down_half, o3)
                store(half, at + 4 * down_half, o4)
                store(half, at + 5 * down_half, o5)
            if inside and lanes == LANES:
                _finished(
                    half, out, (top * width + left) * pixel + c, width * pixel, pixel, finish, c, noise, field, row
                )
            else:
                _finished(half, tile, 0, STEP * LANES, LANES, finish, c, noise, field, row)
                for i in range(min(STEP, height - top)):
                    for j in range(min(STEP, width - left)):
                        at, a = ((top + i) * width + left + j) * pixel + c, (i * STEP + j) * LANES
                        if lanes == LANES:
                            store(out, at, load(tile, a))
                        else:
                            for k in range(lanes):
                                out[at + k] = tile[a + k]
