"""Matrix products of float32 in Intel's AMX, which multiplies bfloat16: each number is a sum of two of them.

x = high + low holds 16 bits of its 24. Three of the four products of two such sums are made, and 3 x 2^-18 of each term
is left out at most: about as exact as Winograd's form. Pixels are rows of 32 channels, group after group: a tile is 16
pixels that follow one another, and a convolution's taps are the same picture some pixels on.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from .amx import DEPTH, SIDE, clear, fetch, keep, multiply, rounded, store_halves
from .simd import LANES, jit, load, prefetch, splat

F32 = np.float32
COLUMNS = 2 * SIDE  # of the result, and
ROWS = 2 * SIDE  # its rows: held in four tiles
LINE = DEPTH // 2  # float32 that take the room of a row
TILE = SIDE * DEPTH  # bfloat16
BAND = 160_000  # numbers of the input that are split at once, at most, but at least a row: what suits the cache
Span = tuple[int, int]
STEP = 4 * TILE  # bfloat16 of the weights of a tap, a group of channels and COLUMNS results


def packed(taps: Tensor) -> Tensor:
    """[taps, C_out, C_in] -> int16 [panels, groups, taps, parts, 2, 16, 16, 2], see `products`; C_in >= 16."""
    count, out_channels, channels = taps.shape
    panels, groups = -(-out_channels // COLUMNS), -(-channels // DEPTH)
    vectors = -(-channels // LANES)
    whole = torch.zeros(count, panels * COLUMNS, groups * DEPTH)
    last = channels % LANES or LANES  # `split` reads as many after those that the vector before has already
    whole[:, :out_channels, : channels - last] = taps[:, :, : channels - last]
    whole[:, :out_channels, vectors * LANES - last : vectors * LANES] = taps[:, :, channels - last :]
    high = whole.to(torch.bfloat16)
    parts = torch.stack([high, (whole - high.float()).to(torch.bfloat16)])
    tiles = parts.view(2, count, panels, 2, SIDE, groups, SIDE, 2)  # C_in in pairs
    return tiles.permute(2, 5, 1, 0, 3, 6, 4, 7).contiguous().view(torch.int16)


def shared_out(pictures: int, height: int, rows: int, panels: int, parts: int) -> list[tuple[int, Span, Span]]:
    """Work for threads: a picture's number, its rows and the weights' panels, so that each is done in `parts`.

    Where all of a picture's rows are done at once, each thread reads some of the weights, else all for some rows.
    """
    whole = height <= rows and panels > 1
    count = panels if whole else height
    edges = [count * k // min(parts, count) for k in range(min(parts, count) + 1)]
    spans = list(pairwise(edges))
    return [(k, *(((0, height), span) if whole else (span, (0, panels)))) for k in range(pictures) for span in spans]


@jit()
def split(a, at, pixel, count, channels, style, high, low, into, plane):
    """`count` rows of `high` and `low` [groups, plane] from `into` on <- pixels of `a`, times `style` if there is one.

    Flat float32 arrays. The last vector of a pixel begins early enough to be whole: its first channels count nothing.
    """
    zero, last = splat(F32(0)), channels - LANES
    for k in range(count):
        first, to = at + k * pixel, into + k * LINE
        for c in range(0, channels, DEPTH):
            c_x, c_y = min(c, last), min(c + LANES, last)
            x = load(a, first + c_x)
            y = load(a, first + c_y) if c + LANES < channels else zero
            if style is not None:
                x, y = x * load(style, c_x), y * load(style, c_y)
            high_x, high_y = rounded(x), rounded(y)
            store_halves(high, to, high_x, high_y)
            store_halves(low, to, rounded(x - high_x), rounded(y - high_y))
            to += plane


@jit()
def empty(high, low, count, groups, into, plane):
    """As `split`, of zeros."""
    for group in range(groups):
        first = into + group * plane
        high[first : first + count * LINE] = 0
        low[first : first + count * LINE] = 0


@jit()
def products(high, low, at, plane, groups, count, shifts, b, first, c, into, pixel):
    """c <- sums over taps: `count` pixels, each from `shifts` [taps] rows on, by COLUMNS of the weights b from `first`.

    Pixels begin at `at` in `high` and `low`, and at `into` in c, where they are `pixel` apart. ROWS are done at once:
    there must be room for a multiple of them. The weights that follow are brought nearer meanwhile.
    """
    ahead, share = first + groups * len(shifts) * STEP, -(-STEP * ROWS // (count * DEPTH)) * DEPTH
    for row in range(0, count, ROWS):
        w = first
        clear(0)
        clear(1)
        clear(2)
        clear(3)
        for group in range(groups):
            for shift in shifts:
                for line in range(0, share, DEPTH):
                    prefetch(b, ahead + line)
                ahead += share
                upper = at + group * plane + (row + shift) * LINE
                lower = upper + SIDE * LINE
                # low by high, high by high, high by low: one of the factors changes at a time.
                fetch(4, low, upper, LINE)
                fetch(6, b, w, DEPTH)
                multiply(0, 4, 6)
                fetch(5, low, lower, LINE)
                multiply(2, 5, 6)
                fetch(7, b, w + TILE, DEPTH)
                multiply(1, 4, 7)
                multiply(3, 5, 7)
                fetch(4, high, upper, LINE)
                multiply(0, 4, 6)
                multiply(1, 4, 7)
                fetch(5, high, lower, LINE)
                multiply(2, 5, 6)
                multiply(3, 5, 7)
                fetch(6, b, w + 2 * TILE, DEPTH)
                multiply(0, 4, 6)
                multiply(2, 5, 6)
                fetch(7, b, w + 3 * TILE, DEPTH)
                multiply(1, 4, 7)
                multiply(3, 5, 7)
                w += STEP
        to = into + row * pixel
        keep(0, c, to, pixel)
        keep(1, c, to + SIDE, pixel)
        keep(2, c, to + SIDE * pixel, pixel)
        keep(3, c, to + SIDE * pixel + SIDE, pixel)
