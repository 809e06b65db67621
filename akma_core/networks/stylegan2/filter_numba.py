"""The filter after a transposed convolution, and the epilogue, compiled by Numba: a row of the result at once."""

from akma_core.networks.kernels.epilogue_numba import activated, store_lanes
from akma_core.networks.kernels.matmul import COLUMNS
from akma_core.networks.kernels.simd import LANES, fma, jit, load, room_for, splat, spread


@jit(inline="always")
def _down(band, a, b, c, d, k0, k1, k2, k3):
    v = fma(load(band, b), k1, load(band, a) * k0)
    return fma(load(band, d), k3, fma(load(band, c), k2, v))


@jit()
def filter_row(band, rows, taps, finish, noise, result, y, first):
    """Row y of the result, at most COLUMNS channels from `first` on <- four `rows` of `band`: where they begin."""
    out, _, width, channels, pixel = result
    k0, k1, k2, k3 = splat(taps[0]), splat(taps[1]), splat(taps[2]), splat(taps[3])
    narrow = room_for(LANES)
    for c in range(first, min(first + COLUMNS, channels), LANES):
        g, b, s, limit = load(finish.scale, c), load(finish.bias, c), load(finish.slope, c), finish.clamp
        lanes = min(LANES, channels - c)
        start = c - first
        a0, a1, a2, a3 = rows[0] + start, rows[1] + start, rows[2] + start, rows[3] + start
        into = y * width * pixel + c
        w0 = _down(band, a0, a1, a2, a3, k0, k1, k2, k3)
        at = COLUMNS
        w1 = _down(band, a0 + at, a1 + at, a2 + at, a3 + at, k0, k1, k2, k3)
        at = 2 * COLUMNS
        w2 = _down(band, a0 + at, a1 + at, a2 + at, a3 + at, k0, k1, k2, k3)
        for x in range(width):
            at = (x + 3) * COLUMNS
            w3 = _down(band, a0 + at, a1 + at, a2 + at, a3 + at, k0, k1, k2, k3)
            v = fma(w3, k3, fma(w2, k2, fma(w1, k1, w0 * k0)))
            v = fma(v, g, b)
            if noise is not None:
                v = v + spread(noise, y * width + x)
            v = activated(v, s, limit)
            store_lanes(out, into + x * pixel, v, lanes, narrow)
            w0, w1, w2 = w1, w2, w3
