"""The filtered leaky ReLU on a CPU: one pass over channels-last data, compiled by Numba.

Sixteen channels are worked at a time, one row after another: a ring of scaled input rows, upsampled vertically then
horizontally by six polyphase taps, activated, kept in a ring of `2 * taps` rows and filtered down by folding the
symmetric filter. An upsampled row is stored as `up` planes, one a phase, so that every loop runs over contiguous memory
whatever the strides. Nothing of the upsampled picture is ever written to memory.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from numpy.typing import NDArray

LANES = 16  # channels worked at once: one cache line of float32
TAPS = 6  # taps of one polyphase branch, the filter size of every published network
DOWN = 2
N = TAPS * DOWN  # taps of the down filter, rows of the ring
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
    half = down_filter[:TAPS, :TAPS] if down_filter.ndim == 2 else np.zeros((TAPS, TAPS), F32)
    if down_filter.ndim == 1:
        half[0] = down_filter[:TAPS]
    return Plan(
        in_size,
        out_size,
        up,
        len(up_filter) - 1 - pad_lo,
        phases.astype(F32),
        np.ascontiguousarray(half, F32),
        down_filter.ndim == 1,
        float(clamp if clamp is not None else np.finfo(F32).max),
    )


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz", "nnan"})
def _load(x, scale, bias, c0, width, row):  # type: ignore[no-untyped-def]
    """row[pad:] <- x * scale + bias for one block of channels of one picture row."""
    n = x.shape[0]
    if width == LANES:
        for i in range(n):
            src = x[i, c0 : c0 + LANES]
            dst = row[i * LANES : i * LANES + LANES]
            for c in range(LANES):
                dst[c] = src[c] * scale[c] + bias[c]
    else:
        for i in range(n):
            for c in range(width):
                row[i * LANES + c] = x[i, c0 + c] * scale[c] + bias[c]


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz", "nnan"})
def _six(a, b, c, d, e, f, taps, gain, out):  # type: ignore[no-untyped-def]
    """out <- weighted sum of six rows."""
    k0, k1, k2, k3, k4, k5 = (
        taps[0] * gain, taps[1] * gain, taps[2] * gain, taps[3] * gain, taps[4] * gain, taps[5] * gain
    )  # fmt: skip
    for i in range(out.shape[0]):
        out[i] = k0 * a[i] + k1 * b[i] + k2 * c[i] + k3 * d[i] + k4 * e[i] + k5 * f[i]


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz", "nnan"})
def _activate(row, taps, clamp, out):  # type: ignore[no-untyped-def]
    """out <- clamp(lrelu_0.2(six horizontal taps of row)); row starts at the oldest tap's sample."""
    k0, k1, k2, k3, k4, k5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    r0, r1, r2, r3, r4, r5 = (
        row,
        row[LANES:],
        row[2 * LANES :],
        row[3 * LANES :],
        row[4 * LANES :],
        row[5 * LANES :],
    )
    slope = F32(0.2)
    low = -clamp
    for i in range(out.shape[0]):
        v = k5 * r0[i] + k4 * r1[i] + k3 * r2[i] + k2 * r3[i] + k1 * r4[i] + k0 * r5[i]
        w = slope * v
        v = v if v > w else w
        v = v if v < clamp else clamp
        out[i] = v if v > low else low


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz", "nnan"})
def _fold(a, b, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        out[i] = a[i] + b[i]


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz", "nnan"})
def _twelve(a0, a1, a2, a3, a4, a5, b5, b4, b3, b2, b1, b0, taps, out):  # type: ignore[no-untyped-def]
    """out += twelve horizontal taps, folded: a is the left half, b the mirrored right half."""
    k0, k1, k2, k3, k4, k5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    for i in range(out.shape[0]):
        out[i] += (
            k0 * (a0[i] + b0[i]) + k1 * (a1[i] + b1[i]) + k2 * (a2[i] + b2[i])
            + k3 * (a3[i] + b3[i]) + k4 * (a4[i] + b4[i]) + k5 * (a5[i] + b5[i])
        )  # fmt: skip


@numba.njit(nogil=True, cache=True)
def _at(planes, up, t):  # type: ignore[no-untyped-def]
    """Upsampled samples t, t + up, t + 2 up, ... of a row stored as [up, samples * LANES]."""
    return planes[t % up, (t // up) * LANES :]


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz", "nnan"})
def _store(acc, scale, c0, width, phase, phases, out):  # type: ignore[no-untyped-def]
    """out row [out_size, C] <- acc * scale; acc holds every `phases`-th sample from `phase` on."""
    n = (out.shape[0] - phase + phases - 1) // phases
    if width == LANES:
        for i in range(n):
            src = acc[i * LANES : i * LANES + LANES]
            dst = out[i * phases + phase, c0 : c0 + LANES]
            for c in range(LANES):
                dst[c] = src[c] * scale[c]
    else:
        for i in range(n):
            for c in range(width):
                out[i * phases + phase, c0 + c] = acc[i * LANES + c] * scale[c]


@numba.njit(nogil=True, cache=True)
def _strip(x, scale, bias, out_scale, out, c0, first, last, up, offset, up_taps, down_taps, separable, clamp):  # type: ignore[no-untyped-def]
    """Rows first..last of `out` [n_out, n_out, C] from x [n_in, n_in, C], channels c0..c0+16."""
    n_in, n_out, channels = x.shape[0], out.shape[0], x.shape[2]
    width = min(LANES, channels - c0)
    base = offset // up  # source of upsampled sample 0, newest tap; floor division also where offset < 0
    pad = max(TAPS - 1 - base, 0)  # zero samples on the left, so that no index is negative
    plane = (2 * n_out + 2 * TAPS + up - 1) // up  # samples of one phase of an upsampled row
    length = (max(pad + n_in, pad + base + plane + 2) + 1) * LANES

    s = np.zeros(LANES, F32)
    b = np.zeros(LANES, F32)
    t_scale = np.zeros(LANES, F32)
    for c in range(width):
        s[c] = scale[c0 + c]
        b[c] = bias[c0 + c]
        t_scale[c] = out_scale[c0 + c]
    zero = np.zeros(length, F32)
    source = np.zeros((TAPS + 2, length), F32)
    loaded = np.full(TAPS + 2, -(1 << 30), np.int64)
    mixed = np.zeros(length, F32)
    ring = np.zeros((N, up, plane * LANES), F32)
    folded = np.zeros((TAPS, up, plane * LANES), F32)
    rows_flat = ring.reshape(N, up * plane * LANES)
    folded_flat = folded.reshape(TAPS, up * plane * LANES)
    phases = max(up // DOWN, 1)
    acc_len = ((n_out + phases - 1) // phases) * LANES
    acc = np.zeros(acc_len, F32)
    gain = F32(np.sqrt(2.0))

    made = first * DOWN
    for o in range(first, last):
        while made < o * DOWN + N:
            newest = (made + offset) // up
            for m in range(TAPS):
                j = newest - m
                slot = j % (TAPS + 2)
                if 0 <= j < n_in and loaded[slot] != j:
                    _load(x[j], s, b, c0, width, source[slot, pad * LANES :])
                    loaded[slot] = j
            rows = (
                source[newest % (TAPS + 2)] if 0 <= newest < n_in else zero,
                source[(newest - 1) % (TAPS + 2)] if 0 <= newest - 1 < n_in else zero,
                source[(newest - 2) % (TAPS + 2)] if 0 <= newest - 2 < n_in else zero,
                source[(newest - 3) % (TAPS + 2)] if 0 <= newest - 3 < n_in else zero,
                source[(newest - 4) % (TAPS + 2)] if 0 <= newest - 4 < n_in else zero,
                source[(newest - 5) % (TAPS + 2)] if 0 <= newest - 5 < n_in else zero,
            )
            _six(
                rows[0],
                rows[1],
                rows[2],
                rows[3],
                rows[4],
                rows[5],
                up_taps[(made + offset) % up],
                gain,
                mixed,
            )
            into = ring[made % N]
            for p in range(up):
                start = (p + offset) // up - (TAPS - 1) + pad
                _activate(mixed[start * LANES :], up_taps[(p + offset) % up], clamp, into[p])
            made += 1

        top = o * DOWN
        if separable:
            flat = folded_flat[0]
            flat[:] = 0
            _twelve(
                rows_flat[top % N], rows_flat[(top + 1) % N], rows_flat[(top + 2) % N], rows_flat[(top + 3) % N],
                rows_flat[(top + 4) % N], rows_flat[(top + 5) % N], rows_flat[(top + 6) % N], rows_flat[(top + 7) % N],
                rows_flat[(top + 8) % N], rows_flat[(top + 9) % N], rows_flat[(top + 10) % N], rows_flat[(top + 11) % N],
                down_taps[0], flat,
            )  # fmt: skip
        else:
            for m in range(TAPS):
                _fold(rows_flat[(top + m) % N], rows_flat[(top + N - 1 - m) % N], folded_flat[m])
        for phase in range(phases):
            acc[:] = 0
            t = phase * DOWN
            for m in range(1 if separable else TAPS):
                f = folded[m]
                _twelve(
                    _at(f, up, t), _at(f, up, t + 1), _at(f, up, t + 2), _at(f, up, t + 3), _at(f, up, t + 4),
                    _at(f, up, t + 5), _at(f, up, t + 6), _at(f, up, t + 7), _at(f, up, t + 8), _at(f, up, t + 9),
                    _at(f, up, t + 10), _at(f, up, t + 11), down_taps[m], acc,
                )  # fmt: skip
            _store(acc, t_scale, c0, width, phase, phases, out[o])


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process (a fork must not inherit them). Numba's own thread pool is not safe to enter twice."""
    del process
    return ThreadPoolExecutor(threads, thread_name_prefix="filtered-lrelu")


def filtered_lrelu(x: Rows, scale: Rows, bias: Rows, out_scale: Rows, plan: Plan, threads: int) -> Rows:
    """[B, in, in, C] -> [B, out, out, C], float32, C-contiguous.

    Computes down(clamp(lrelu(up(x * scale + bias)))) * out_scale with `scale` and `out_scale` [B, C], `bias` [C].
    The result does not depend on `threads`.
    """
    batch, _, _, channels = x.shape
    out = np.empty((batch, plan.out_size, plan.out_size, channels), F32)
    blocks = range(0, channels, LANES)
    # Enough tasks for every thread; a strip repeats a ring of rows, so no more of them than that takes.
    strips = max(1, min(-(-2 * threads // (batch * len(blocks))), plan.out_size // 32))
    edges = [plan.out_size * k // strips for k in range(strips + 1)]

    def work(task: tuple[int, int, int, int]) -> None:
        b, c0, first, last = task
        _strip(
            x[b], scale[b], bias, out_scale[b], out[b], c0, first, last, plan.up, plan.offset,
            plan.up_taps, plan.down_taps, plan.separable, F32(plan.clamp),
        )  # fmt: skip

    tasks = [(b, c, edges[k], edges[k + 1]) for b in range(batch) for c in blocks for k in range(strips)]
    if threads == 1:
        for task in tasks:
            work(task)
    else:
        list(_pool(os.getpid(), threads).map(work, tasks))
    return out
