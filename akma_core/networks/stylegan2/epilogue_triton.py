"""The epilogue of a convolution on a GPU, in one Triton pass: filter, demodulation, noise, bias, leaky ReLU, clamp.

After a transposed convolution the four taps across and four along are applied to its result as it is read, so that
nothing between is written. The same pass multiplies by the next layer's style, and makes the pixels' colours, so that
a layer's result is written once and read once. Memory is what this waits for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from akma_core.networks.kernels.epilogue import Epilogue

TAPS = 4
NUMBERS = 2048
"""Numbers of a row that a program computes at once: all channels of as many columns; a power of two."""
WARPS = 4
ROWS, SMALL_ROWS, SMALL = 8, 1, 64
"""Rows of a program, one after the other, so that what the filter needs again is not read again; of small pictures."""


@dataclass(frozen=True)
class Colours:
    """Colours of a layer's result, made before it is multiplied for the next layer: see layers.ToRGB."""

    weights: Tensor
    """[B, K, C], float32: modulated."""
    bias: Tensor
    """[K]."""
    clamp: float | None
    below: Tensor | None
    """[B, K, H / 2, W / 2], float32: made twice as large with `taps`, four of sum 1, and added."""
    taps: Sequence[float]


def finish(
    x: Tensor,
    epilogue: Epilogue,
    taps: Sequence[float] | None = None,
    *,
    style: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """[B, C, H, W] channels last -> the same of the same dtype, float16 or float32; sums are float32.

    With `taps`, four of sum 1, `x` is a transposed convolution's result [B, C, H + 1, W + 1] and filtered first, as by
    filters.blur. The epilogue must have scale and bias, and one slope for all channels. `style` [B, C] multiplies the
    result at last; `dtype`: another one for it.
    """
    out, _ = _launch(x, epilogue, taps, style, dtype or x.dtype, None)
    assert out is not None
    return out


def finish_coloured(
    x: Tensor,
    epilogue: Epilogue,
    colours: Colours,
    taps: Sequence[float] | None = None,
    *,
    style: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor | None, Tensor]:
    """As `finish`, and the picture [B, K, H, W], float32. `dtype` None: the picture alone, nothing else is written."""
    out, picture = _launch(x, epilogue, taps, style, dtype, colours)
    assert picture is not None
    return out, picture


def _launch(
    x: Tensor,
    epilogue: Epilogue,
    taps: Sequence[float] | None,
    style: Tensor | None,
    dtype: torch.dtype | None,
    colours: Colours | None,
) -> tuple[Tensor | None, Tensor | None]:
    pixels = x.permute(0, 2, 3, 1)
    if not pixels.is_contiguous():
        pixels = pixels.contiguous()
    batch, n_rows, n_columns, channels = pixels.shape
    missing = 0 if taps is None else 1
    height, width = n_rows - missing, n_columns - missing
    scale, bias, slope, noise = epilogue.scale, epilogue.bias, epilogue.slope, epilogue.noise
    if scale is None or bias is None or not isinstance(slope, float) or (taps is not None and len(taps) != TAPS):
        raise ValueError("expected scale, bias, one slope and four taps")
    out = None if dtype is None else torch.empty(batch, height, width, channels, dtype=dtype, device=x.device)
    count = 0 if colours is None else colours.weights.shape[1]
    picture = None if colours is None else torch.empty(batch, count, height, width, device=x.device)
    below = None if colours is None or colours.below is None else colours.below.contiguous()
    block = triton.next_power_of_2(channels)
    columns = max(1, min(NUMBERS // block, triton.next_power_of_2(width)))
    rows = ROWS if height >= SMALL else SMALL_ROWS
    enlarged = None if below is None or colours is None else colours.taps
    unused = bias  # stands for what is not given
    _kernel[triton.cdiv(width, columns), triton.cdiv(height, rows), batch](
        pixels, unused if out is None else out, scale.contiguous(), bias.contiguous(),
        unused if noise is None else noise.contiguous(), unused if style is None else style.contiguous(),
        unused if colours is None else colours.weights.contiguous(), unused if colours is None else colours.bias,
        unused if below is None else below, unused if picture is None else picture,
        n_rows, n_columns, height, width, *_doubled(taps), *_doubled(enlarged),
        C=channels, SLOPE=slope, CLAMP=_bound(epilogue.clamp, x.dtype), FILTERED=taps is not None,
        NOISE=noise is not None, SHARED=noise is not None and len(noise) == 1, STYLE=style is not None,
        OUT=out is not None, COLOURS=count, COLOUR_CLAMP=_bound(colours.clamp if colours else None, torch.float32),
        BELOW=below is not None, ROWS=rows, COLUMNS=columns, BLOCK=block, num_warps=WARPS,
    )  # fmt: skip
    return None if out is None else out.permute(0, 3, 1, 2), picture


def _doubled(taps: Sequence[float] | None) -> list[float]:
    """Taps as they lie over the samples, with gain 2."""
    return [0.0] * TAPS if taps is None else [2 * tap for tap in reversed(taps)]


def _bound(clamp: float | None, dtype: torch.dtype) -> float:
    return torch.finfo(dtype).max if clamp is None else clamp


@triton.jit
def _kernel(
    x, out, scale, bias, noise, style, weights, colour_bias, below, picture,
    n_rows, n_columns, height, width, k0, k1, k2, k3, t0, t1, t2, t3,
    C: tl.constexpr, SLOPE: tl.constexpr, CLAMP: tl.constexpr, FILTERED: tl.constexpr, NOISE: tl.constexpr,
    SHARED: tl.constexpr, STYLE: tl.constexpr, OUT: tl.constexpr, COLOURS: tl.constexpr, COLOUR_CLAMP: tl.constexpr,
    BELOW: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    channel = tl.arange(0, BLOCK)
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    first = tl.program_id(1) * ROWS
    sample = tl.program_id(2).to(tl.int64)
    real = channel < C
    whole = column < width
    x += sample * n_rows * n_columns * C
    out += sample * height * width * C
    if NOISE and not SHARED:
        noise += sample * height * width
    scale_ = tl.load(scale + sample * C + channel, real, 0.0)[None, :]
    bias_ = tl.load(bias + channel, real, 0.0)[None, :]
    if STYLE:
        style_ = tl.load(style + sample * C + channel, real, 0.0)[None, :]
    a0 = tl.zeros([COLUMNS, BLOCK], tl.float32)
    a1, a2 = a0, a0
    if FILTERED:
        a0 = _along(x, first - 1, column, channel, n_rows, n_columns, C, k0, k1, k2, k3)
        a1 = _along(x, first, column, channel, n_rows, n_columns, C, k0, k1, k2, k3)
        a2 = _along(x, first + 1, column, channel, n_rows, n_columns, C, k0, k1, k2, k3)
    for step in range(ROWS):
        row = first + step
        if FILTERED:
            a3 = _along(x, row + 2, column, channel, n_rows, n_columns, C, k0, k1, k2, k3)
            v = a0 * k0 + a1 * k1 + a2 * k2 + a3 * k3
            a0, a1, a2 = a1, a2, a3
        else:
            inside = (whole & (row < n_rows))[:, None] & real[None, :]
            v = tl.load(x + (row * n_columns + column)[:, None] * C + channel[None, :], inside, 0.0).to(tl.float32)
        v = v * scale_ + bias_
        there = whole & (row < height)
        if NOISE:
            v += tl.load(noise + row * width + column, there, 0.0)[:, None]
        v = tl.clamp(tl.maximum(v, SLOPE * v), -CLAMP, CLAMP)
        for k in tl.static_range(COLOURS):
            w = tl.load(weights + (sample * COLOURS + k) * C + channel, real, 0.0)
            colour = tl.sum(v * w[None, :], 1) + tl.load(colour_bias + k)
            colour = tl.clamp(colour, -COLOUR_CLAMP, COLOUR_CLAMP)
            if BELOW:
                plane = below + (sample * COLOURS + k) * (height // 2) * (width // 2)
                colour += _enlarged(plane, row, column, height // 2, width // 2, t0, t1, t2, t3)
            tl.store(picture + ((sample * COLOURS + k) * height + row) * width + column, colour, there)
        if OUT:
            if STYLE:
                v *= style_
            at = (row * width + column)[:, None] * C + channel[None, :]
            tl.store(out + at, v.to(out.dtype.element_ty), there[:, None] & real[None, :])


@triton.jit
def _along(x, row, column, channel, n_rows, n_columns, C: tl.constexpr, k0, k1, k2, k3):
    """Four taps across, of one row of the transposed convolution's result: [columns, channels]."""
    total = tl.zeros([column.shape[0], channel.shape[0]], tl.float32)
    for j in tl.static_range(4):
        c = column - 1 + j
        inside = ((c >= 0) & (c < n_columns) & (row >= 0) & (row < n_rows))[:, None] & (channel < C)[None, :]
        part = tl.load(x + (row * n_columns + c)[:, None] * C + channel[None, :], inside, 0.0).to(tl.float32)
        total += part * (k0 if j == 0 else (k1 if j == 1 else (k2 if j == 2 else k3)))
    return total


@triton.jit
def _enlarged(plane, row, column, height, width, t0, t1, t2, t3):
    """A row of the plane made twice as large: each sample lies under two, with the taps of its phase."""
    odd_row, odd = row % 2, column % 2
    upper, left = row // 2 - 1 + odd_row, column // 2 - 1 + odd
    up, down = tl.where(odd_row == 1, t1, t0), tl.where(odd_row == 1, t3, t2)
    near, far = tl.where(odd == 1, t1, t0), tl.where(odd == 1, t3, t2)
    total = tl.zeros([column.shape[0]], tl.float32)
    for i in tl.static_range(2):
        r = upper + i
        inside = (r >= 0) & (r < height) & (left < width)
        a = tl.load(plane + r * width + left, inside & (left >= 0), 0.0)
        b = tl.load(plane + r * width + left + 1, inside & (left + 1 < width), 0.0)
        total += (a * near + b * far) * (up if i == 0 else down)
    return total
