"""The filtered leaky ReLU on a CPU: one pass over channels-last data, compiled by Numba.

Sixteen channels are worked at a time, two rows of the result after two others. A ring keeps scaled input rows; an
upsampled row is made by six polyphase taps across rows and six along, the latter from a window that slides in
registers, two mirrored phases at once. Activated, it is kept in a ring of fourteen (filtered along already, where the
filter is separable), which are filtered down with the filter folded on its symmetry. Nothing of the upsampled picture
is ever written to memory.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akma_core.networks.kernels.parallel import run
from akma_core.networks.kernels.simd import LANES, fma, jit, load, maximum, minimum, prefetch, splat, store, zeros

TAPS = 6  # taps of one polyphase branch, the filter size of every published network
DOWN = 2
N = TAPS * DOWN  # taps of the down filter
RING = N + DOWN  # rows that two rows of the result are made from at once
GROUP = 4  # outputs that the radial filter makes at once
SOURCE_ROWS = TAPS + 2  # source rows that are kept
F32 = np.float32

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """Constants of one layer's filtered leaky ReLU; sizes in samples a side."""

    in_size: int
    out_size: int
    up: int
    offset: int
    """Source of upsampled sample t, branch m: (t + offset) // up - m."""
    up_taps: NDArray[np.float32]
    """[up, 6]: taps of each phase of the upsampling filter, gain included."""
    along: NDArray[np.float32]
    """[up / 2, 6]: for a phase and its mirror image, half the sums of their taps (three), then half the differences."""
    down_taps: NDArray[np.float32]
    """[6, 6]: the upper left quarter of the down filter, which has the symmetries of a square."""
    separable: bool
    """True where the quarter is an outer product of its first row's taps: then only row 0 holds the six 1-D taps."""
    clamp: float


def make_plan(
    in_size: int, out_size: int, up: int, pad_lo: int, up_filter: Rows, down_filter: Rows, clamp: float | None
) -> Plan:
    """For a layer with `up` in (2, 4), down 2 and six taps a branch; `down_filter` is [12] or, radial, [12, 12]."""
    taps = up_filter.astype(np.float64) * up
    phases = np.stack([taps[p::up] for p in range(up)])
    upper = phases[: up // 2]
    along = np.concatenate([upper + upper[:, ::-1], upper - upper[:, ::-1]], axis=1)[:, [0, 1, 2, 6, 7, 8]] / 2
    half = down_filter[:TAPS, :TAPS] if down_filter.ndim == 2 else np.zeros((TAPS, TAPS), F32)
    if down_filter.ndim == 1:
        half[0] = down_filter[:TAPS]
    return Plan(
        in_size,
        out_size,
        up,
        len(up_filter) - 1 - pad_lo,
        phases.astype(F32),
        along.astype(F32),
        np.ascontiguousarray(half, F32),
        down_filter.ndim == 1,
        float(clamp if clamp is not None else np.finfo(F32).max),
    )


@jit()
def _load_row(x, scale, bias, c0, width, row, at):
    """row[at:] <- x [n, C] * scale + bias, for the `width` channels from c0 on, a vector a sample."""
    n, channels = x.shape
    if width == LANES:
        s, b = load(scale, 0), load(bias, 0)
        for i in range(n):
            prefetch(x, (n + i) * channels + c0)  # the row below: a pixel's line of sixteen is far from the next one's
            store(row, at + i * LANES, fma(load(x, i * channels + c0), s, b))
    else:
        for i in range(n):
            for c in range(width):
                row[at + i * LANES + c] = x[i, c0 + c] * scale[c] + bias[c]


@jit(inline="always")
def _mirrored(w0, w1, w2, w3, w4, w5, k0, k1, k2, k3, k4, k5):
    """Two phases, of which one has the other's taps in reverse: sum and difference of an even and an odd part."""
    even = fma(w2 + w3, k2, fma(w1 + w4, k1, (w0 + w5) * k0))
    odd = fma(w2 - w3, k5, fma(w1 - w4, k4, (w0 - w5) * k3))
    return even + odd, even - odd


@jit(inline="always")
def _activated(v, clamp):
    v = maximum(v, v * splat(F32(0.2)))
    return maximum(minimum(v, splat(clamp)), splat(-clamp))


@jit()
def _upsample_row(source, rows, across, along, up, first, count, clamp, out, at):
    """One activated row of the upsampled picture, `up` vectors at out[at:] for each of `count` source samples.

    `rows` are where the six source rows begin, newest first, weighted by `across` [6]; a window of six of their sums
    slides along from sample `first`, and its phases come in mirrored pairs, weighted by rows of `along` [up / 2, 6].
    """
    a0, a1, a2, a3, a4, a5 = (
        splat(across[0]), splat(across[1]), splat(across[2]), splat(across[3]), splat(across[4]), splat(across[5])
    )  # fmt: skip
    k0, k1, k2, k3, k4, k5 = (
        splat(along[0, 0]), splat(along[0, 1]), splat(along[0, 2]),
        splat(along[0, 3]), splat(along[0, 4]), splat(along[0, 5]),
    )  # fmt: skip
    inner = up // 2 - 1
    l0, l1, l2, l3, l4, l5 = (
        splat(along[inner, 0]), splat(along[inner, 1]), splat(along[inner, 2]),
        splat(along[inner, 3]), splat(along[inner, 4]), splat(along[inner, 5]),
    )  # fmt: skip
    r0, r1, r2, r3, r4, r5 = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    w0 = w1 = w2 = w3 = w4 = w5 = splat(F32(0))
    for i in range(first - TAPS + 1, first + count):
        x = i * LANES
        w5, w4, w3, w2, w1 = w4, w3, w2, w1, w0
        w0 = fma(load(source, r0 + x), a0, load(source, r1 + x) * a1)
        w0 = fma(load(source, r2 + x), a2, w0)
        w0 = fma(load(source, r3 + x), a3, w0)
        w0 = fma(load(source, r4 + x), a4, w0)
        w0 = fma(load(source, r5 + x), a5, w0)
        if i >= first:
            v, last = _mirrored(w0, w1, w2, w3, w4, w5, k0, k1, k2, k3, k4, k5)
            to = at + (i - first) * up * LANES
            store(out, to, _activated(v, clamp))
            store(out, to + (up - 1) * LANES, _activated(last, clamp))
            if up == 4:
                v, last = _mirrored(w0, w1, w2, w3, w4, w5, l0, l1, l2, l3, l4, l5)
                store(out, to + LANES, _activated(v, clamp))
                store(out, to + 2 * LANES, _activated(last, clamp))


@jit()
def _down_along(row, at, taps, count, out, into):
    """`count` vectors at out[into:] <- every second window of twelve from row[at:] on, `taps` [6] their first half."""
    k0, k1, k2, k3, k4, k5 = (
        splat(taps[0]), splat(taps[1]), splat(taps[2]), splat(taps[3]), splat(taps[4]), splat(taps[5])
    )  # fmt: skip
    w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 = (
        load(row, at), load(row, at + LANES), load(row, at + 2 * LANES), load(row, at + 3 * LANES),
        load(row, at + 4 * LANES), load(row, at + 5 * LANES), load(row, at + 6 * LANES), load(row, at + 7 * LANES),
        load(row, at + 8 * LANES), load(row, at + 9 * LANES),
    )  # fmt: skip
    for i in range(count):
        x = at + (2 * i + 10) * LANES
        w10, w11 = load(row, x), load(row, x + LANES)
        v = fma(k1, w1 + w10, k0 * (w0 + w11))
        u = fma(k3, w3 + w8, k2 * (w2 + w9))
        store(out, into + i * LANES, fma(k4, w4 + w7, v) + fma(k5, w5 + w6, u))
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 = w2, w3, w4, w5, w6, w7, w8, w9, w10, w11


@jit(inline="always")
def _folded(ring, a, b):
    return load(ring, a) + load(ring, b)


@jit()
def _down_across(ring, rows, taps, count, out, second):
    """Two rows [count, 16], at out[0:] and out[second:] <- twelve of the fourteen rows each, under taps as above."""
    k0, k1, k2, k3, k4, k5 = (
        splat(taps[0]), splat(taps[1]), splat(taps[2]), splat(taps[3]), splat(taps[4]), splat(taps[5])
    )  # fmt: skip
    r0, r1, r2, r3, r4, r5, r6 = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6]
    r7, r8, r9, r10, r11, r12, r13 = rows[7], rows[8], rows[9], rows[10], rows[11], rows[12], rows[13]
    for x in range(0, count * LANES, LANES):
        v = fma(k1, _folded(ring, r1 + x, r10 + x), k0 * _folded(ring, r0 + x, r11 + x))
        u = fma(k3, _folded(ring, r3 + x, r8 + x), k2 * _folded(ring, r2 + x, r9 + x))
        v = fma(k4, _folded(ring, r4 + x, r7 + x), v)
        store(out, x, fma(k5, _folded(ring, r5 + x, r6 + x), u) + v)
        v = fma(k1, _folded(ring, r3 + x, r12 + x), k0 * _folded(ring, r2 + x, r13 + x))
        u = fma(k3, _folded(ring, r5 + x, r10 + x), k2 * _folded(ring, r4 + x, r11 + x))
        v = fma(k4, _folded(ring, r6 + x, r9 + x), v)
        store(out, second + x, fma(k5, _folded(ring, r7 + x, r8 + x), u) + v)


@jit()
def _radial_rows(ring, rows, taps, count, out, second):
    """Two rows [count, 16], at out[0:] and out[second:] <- every second sample of twelve of the fourteen rows each.

    `taps` [6, 6] is a quarter of the filter. Four outputs at once share the eighteen columns that they lie over, and
    the second row finds them in the nearest cache; `out` has room for a multiple of four in a row.
    """
    for x in range(0, count, GROUP):
        for first in (0, DOWN):
            a = b = c = d = splat(F32(0))
            for m in range(TAPS):
                p, q = rows[first + m] + 2 * x * LANES, rows[first + N - 1 - m] + 2 * x * LANES
                f0 = load(ring, p) + load(ring, q)
                f1 = load(ring, p + 1 * LANES) + load(ring, q + 1 * LANES)
                f2 = load(ring, p + 2 * LANES) + load(ring, q + 2 * LANES)
                f3 = load(ring, p + 3 * LANES) + load(ring, q + 3 * LANES)
                f4 = load(ring, p + 4 * LANES) + load(ring, q + 4 * LANES)
                f5 = load(ring, p + 5 * LANES) + load(ring, q + 5 * LANES)
                f6 = load(ring, p + 6 * LANES) + load(ring, q + 6 * LANES)
                f7 = load(ring, p + 7 * LANES) + load(ring, q + 7 * LANES)
                f8 = load(ring, p + 8 * LANES) + load(ring, q + 8 * LANES)
                f9 = load(ring, p + 9 * LANES) + load(ring, q + 9 * LANES)
                f10 = load(ring, p + 10 * LANES) + load(ring, q + 10 * LANES)
                f11 = load(ring, p + 11 * LANES) + load(ring, q + 11 * LANES)
                f12 = load(ring, p + 12 * LANES) + load(ring, q + 12 * LANES)
                f13 = load(ring, p + 13 * LANES) + load(ring, q + 13 * LANES)
                f14 = load(ring, p + 14 * LANES) + load(ring, q + 14 * LANES)
                f15 = load(ring, p + 15 * LANES) + load(ring, q + 15 * LANES)
                f16 = load(ring, p + 16 * LANES) + load(ring, q + 16 * LANES)
                f17 = load(ring, p + 17 * LANES) + load(ring, q + 17 * LANES)
                k = splat(taps[m, 0])
                a, b, c, d = fma(k, f0 + f11, a), fma(k, f2 + f13, b), fma(k, f4 + f15, c), fma(k, f6 + f17, d)
                k = splat(taps[m, 1])
                a, b, c, d = fma(k, f1 + f10, a), fma(k, f3 + f12, b), fma(k, f5 + f14, c), fma(k, f7 + f16, d)
                k = splat(taps[m, 2])
                a, b, c, d = fma(k, f2 + f9, a), fma(k, f4 + f11, b), fma(k, f6 + f13, c), fma(k, f8 + f15, d)
                k = splat(taps[m, 3])
                a, b, c, d = fma(k, f3 + f8, a), fma(k, f5 + f10, b), fma(k, f7 + f12, c), fma(k, f9 + f14, d)
                k = splat(taps[m, 4])
                a, b, c, d = fma(k, f4 + f7, a), fma(k, f6 + f9, b), fma(k, f8 + f11, c), fma(k, f10 + f13, d)
                k = splat(taps[m, 5])
                a, b, c, d = fma(k, f5 + f6, a), fma(k, f7 + f8, b), fma(k, f9 + f10, c), fma(k, f11 + f12, d)
            at = x * LANES + (second if first else 0)
            store(out, at, a)
            store(out, at + LANES, b)
            store(out, at + 2 * LANES, c)
            store(out, at + 3 * LANES, d)


@jit()
def _store_row(row, at, scale, c0, width, out):
    """out [n, C] <- row[at:] * scale, for the `width` channels from c0 on."""
    n, channels = out.shape
    if width == LANES:
        s = load(scale, 0)
        for i in range(n):
            prefetch(out, (n + i) * channels + c0)
            store(out, i * channels + c0, load(row, at + i * LANES) * s)
    else:
        for i in range(n):
            for c in range(width):
                out[i, c0 + c] = row[at + i * LANES + c] * scale[c]


@jit()
def _strip(x, scale, bias, out_scale, out, c0, first, last, up, offset, up_taps, along, down_taps, separable, clamp):
    """Rows first..last of `out` [rows_out, n_out, C] from x [rows_in, n_in, C], channels c0..c0+16."""
    n_in, n_out, channels = x.shape[1], out.shape[1], x.shape[2]
    rows_in = x.shape[0]
    width = min(LANES, channels - c0)
    s, b, t = np.zeros(LANES, F32), np.zeros(LANES, F32), np.zeros(LANES, F32)
    for c in range(width):
        s[c], b[c], t[c] = scale[c0 + c], bias[c0 + c], out_scale[c0 + c]

    # Upsampled sample t lies under source samples (t + offset) // up - 0..5: the floor, also where offset < 0.
    leftmost = offset // up
    rightmost = (2 * n_out + N - 3 + offset) // up
    pad = max(TAPS - 1 - leftmost, 0)  # zero samples on the left, so that no index is negative
    length = (pad + max(n_in, rightmost + 1)) * LANES
    source = zeros((SOURCE_ROWS + 1) * length)  # the last row stays zero: what is above and below the picture
    loaded = np.full(SOURCE_ROWS, -1, np.int64)
    skip = offset - leftmost * up  # samples of the leftmost group that come before sample 0
    wide = ((rightmost - leftmost + 1) * up + 2 * GROUP) * LANES
    upsampled = zeros(wide)
    row_length = n_out * LANES if separable else wide
    ring = zeros(RING * row_length)
    second = (n_out + GROUP) * LANES  # where the second of two rows begins
    pair = zeros(2 * second)
    gained = up_taps * F32(np.sqrt(2.0))
    from_rows = np.zeros(TAPS, np.int64)
    ring_rows = np.zeros(RING, np.int64)

    made = first * DOWN
    for o in range(first, last, 2):
        while made < o * DOWN + RING:
            newest = (made + offset) // up
            for m in range(TAPS):
                j = newest - m
                slot = SOURCE_ROWS
                if 0 <= j < rows_in:
                    slot = j % SOURCE_ROWS
                    if loaded[slot] != j:
                        _load_row(x[j], s, b, c0, width, source, slot * length + pad * LANES)
                        loaded[slot] = j
                from_rows[m] = slot * length
            into = (made % RING) * row_length
            count = rightmost - leftmost + 1
            across = gained[(made + offset) - newest * up]
            if separable:
                _upsample_row(source, from_rows, across, along, up, leftmost + pad, count, clamp, upsampled, 0)
                _down_along(upsampled, skip * LANES, down_taps[0], n_out, ring, into)
            else:
                _upsample_row(source, from_rows, across, along, up, leftmost + pad, count, clamp, ring, into)
            made += 1
        for m in range(RING):
            ring_rows[m] = ((o * DOWN + m) % RING) * row_length + (0 if separable else skip * LANES)
        if separable:
            _down_across(ring, ring_rows, down_taps[0], n_out, pair, second)
        else:
            _radial_rows(ring, ring_rows, down_taps, n_out, pair, second)
        for k in range(min(2, last - o)):
            _store_row(pair, k * second, t, c0, width, out[o + k])


def filtered_lrelu(x: Rows, scale: Rows, bias: Rows, out_scale: Rows, plan: Plan, threads: int) -> Rows:
    """[B, in, in, C] -> [B, out, out, C], float32, C-contiguous; x may be larger than the plan, and so is the result.

    Computes down(clamp(lrelu(up(x * scale + bias)))) * out_scale with `scale` and `out_scale` [B, C], `bias` [C].
    The result does not depend on `threads`.
    """
    batch, *sides, channels = x.shape
    high, wide = (plan.out_size + (side - plan.in_size) * plan.up // DOWN for side in sides)
    out = np.empty((batch, high, wide, channels), F32)
    # The last block overlaps the one before, where there is one: the same values, computed twice.
    blocks = [min(c, max(channels - LANES, 0)) for c in range(0, channels, LANES)]
    # Enough tasks for every thread; a strip repeats a ring of rows, so no more of them than that takes.
    strips = max(1, min(-(-2 * threads // (batch * len(blocks))), high // 32))
    edges = [high * k // strips for k in range(strips + 1)]

    def work(task: tuple[int, int, int, int]) -> None:
        b, c0, first, last = task
        _strip(
            x[b], scale[b], bias, out_scale[b], out[b], c0, first, last, plan.up, plan.offset,
            plan.up_taps, plan.along, plan.down_taps, plan.separable, F32(plan.clamp),
        )  # fmt: skip

    tasks = [(b, c, edges[k], edges[k + 1]) for b in range(batch) for c in blocks for k in range(strips)]
    run(work, tasks, threads)
    return out
