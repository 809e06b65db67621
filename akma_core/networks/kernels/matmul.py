"""Matrix products on one thread, compiled by Numba.

As fast as the library's, which rearranges the weights at every call; these are arranged once, when a network is loaded:
in panels of COLUMNS columns, one after the other as they are read. ROWS by COLUMNS numbers are held in registers.
"""

# mypy: allow-untyped-defs, allow-untyped-decorators, allow-untyped-calls

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .simd import fma, jit, load, prefetch, processor_has, splat, spread, store

F32 = np.float32


@jit()
def wide(a, at, step, rows, b, bt, depth, c, ct):
    """c [rows, 32] <- a [rows, depth] times b [depth, 32], from `ct`, `at` and `bt` on; rows of a are `step` apart.

    All are flat float32 arrays. Eight rows are done at once: a and c must have room for a multiple of eight. For 32
    registers of sixteen numbers.
    """
    ahead, share = bt + depth * 32, 8 * 32 // rows + 1
    for top in range(0, rows, 8):
        r0 = at + top * step
        r1, r2, r3, r4, r5, r6, r7 = (
            r0 + step, r0 + 2 * step, r0 + 3 * step, r0 + 4 * step, r0 + 5 * step, r0 + 6 * step, r0 + 7 * step
        )  # fmt: skip
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = splat(F32(0))
        t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = splat(F32(0))
        for k in range(depth):
            x, y = load(b, bt + k * 32), load(b, bt + k * 32 + 16)
            prefetch(b, ahead + k * share)
            z = spread(a, r0 + k)
            s0, t0 = fma(z, x, s0), fma(z, y, t0)
            z = spread(a, r1 + k)
            s1, t1 = fma(z, x, s1), fma(z, y, t1)
            z = spread(a, r2 + k)
            s2, t2 = fma(z, x, s2), fma(z, y, t2)
            z = spread(a, r3 + k)
            s3, t3 = fma(z, x, s3), fma(z, y, t3)
            z = spread(a, r4 + k)
            s4, t4 = fma(z, x, s4), fma(z, y, t4)
            z = spread(a, r5 + k)
            s5, t5 = fma(z, x, s5), fma(z, y, t5)
            z = spread(a, r6 + k)
            s6, t6 = fma(z, x, s6), fma(z, y, t6)
            z = spread(a, r7 + k)
            s7, t7 = fma(z, x, s7), fma(z, y, t7)
        ahead += depth * share
        into = ct + top * 32
        store(c, into, s0)
        store(c, into + 16, t0)
        store(c, into + 32, s1)
        store(c, into + 48, t1)
        store(c, into + 64, s2)
        store(c, into + 80, t2)
        store(c, into + 96, s3)
        store(c, into + 112, t3)
        store(c, into + 128, s4)
        store(c, into + 144, t4)
        store(c, into + 160, s5)
        store(c, into + 176, t5)
        store(c, into + 192, s6)
        store(c, into + 208, t6)
        store(c, into + 224, s7)
        store(c, into + 240, t7)


@jit()
def narrow(a, at, step, rows, b, bt, depth, c, ct):
    """As `wide`, for sixteen registers of eight numbers: six rows at once, and panels of 16 columns.

    What follows the panel in b, the next one, is brought nearer meanwhile: it may come from the machine's memory.
    """
    ahead, share = bt + depth * 16, 6 * 16 // rows + 1
    for top in range(0, rows, 6):
        r0 = at + top * step
        r1, r2, r3, r4, r5 = r0 + step, r0 + 2 * step, r0 + 3 * step, r0 + 4 * step, r0 + 5 * step
        s0 = s1 = s2 = s3 = s4 = s5 = splat(F32(0))
        for k in range(depth):
            x = load(b, bt + k * 16)
            prefetch(b, ahead + k * share)
            s0 = fma(spread(a, r0 + k), x, s0)
            s1 = fma(spread(a, r1 + k), x, s1)
            s2 = fma(spread(a, r2 + k), x, s2)
            s3 = fma(spread(a, r3 + k), x, s3)
            s4 = fma(spread(a, r4 + k), x, s4)
            s5 = fma(spread(a, r5 + k), x, s5)
        ahead += depth * share
        into = ct + top * 16
        store(c, into, s0)
        store(c, into + 16, s1)
        store(c, into + 32, s2)
        store(c, into + 48, s3)
        store(c, into + 64, s4)
        store(c, into + 80, s5)


product, ROWS, COLUMNS = (wide, 8, 32) if processor_has("avx512f") else (narrow, 6, 16)


def at_once(tiles: int, channels: int) -> int:
    """Rows of a product of so many tiles by so many channels that are best made at once, a multiple of ROWS.

    Many channels have weights that should be read seldom; with few, what is between the transforms stays in the cache.
    """
    most = 66 if channels > 256 else 36
    return -(-tiles // (-(-tiles // most) * ROWS)) * ROWS


def packed(weight: Tensor, points: int, transform: Callable[[Tensor], Tensor]) -> Tensor:
    """[C_out, C_in, 3, 3] -> [points, panels, C_in, COLUMNS], as `product` reads it, zeros at the end.

    `transform` makes [points, C_in, c] of [c, C_in, 3, 3].
    """
    panels = torch.zeros(points, -(-len(weight) // COLUMNS), weight.shape[1], COLUMNS)
    for k, part in enumerate(weight.split(COLUMNS)):  # one by one: all at once would take memory
        panels[:, k, :, : len(part)] = transform(part)
    return panels
