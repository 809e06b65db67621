"""The epilogue of a convolution on a GPU, in one Triton pass: filter, demodulation, noise, bias, leaky ReLU, clamp.

After a transposed convolution the four taps across and four along are applied to its result as it is read, so that
nothing between is written. Memory is what this waits for: each number is written once, and read once from memory, its
neighbours from the cache. No GPU has run it yet.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from akma_core.networks.kernels.epilogue import Epilogue

TAPS = 4
COLUMNS, CHANNELS = 16, 64  # of the result, a program; powers of two, as all that Triton counts with


def finish(x: Tensor, epilogue: Epilogue, taps: Sequence[float] | None = None) -> Tensor:
    """[B, C, H, W] channels last -> the same of the same dtype, float16 or float32; sums are float32.

    With `taps`, four of sum 1, `x` is a transposed convolution's result [B, C, H + 1, W + 1] and filtered first, as by
    filters.blur. The epilogue must have scale and bias, and one slope for all channels.
    """
    pixels = x.permute(0, 2, 3, 1)
    if not pixels.is_contiguous():
        pixels = pixels.contiguous()
    batch, height, width, channels = pixels.shape
    missing = 0 if taps is None else 1
    out = pixels.new_empty(batch, height - missing, width - missing, channels)
    scale, bias, slope, noise = epilogue.scale, epilogue.bias, epilogue.slope, epilogue.noise
    if scale is None or bias is None or not isinstance(slope, float) or (taps is not None and len(taps) != TAPS):
        raise ValueError("expected scale, bias, one slope and four taps")
    k0, k1, k2, k3 = (2 * tap for tap in reversed(taps)) if taps is not None else (0.0, 0.0, 0.0, 0.0)
    block = min(CHANNELS, triton.next_power_of_2(channels))
    grid = (triton.cdiv(out.shape[2], COLUMNS) * triton.cdiv(channels, block), out.shape[1], batch)
    _kernel[grid](
        pixels, out, scale.contiguous(), bias.contiguous(), bias if noise is None else noise.contiguous(),
        height, width, out.shape[1], out.shape[2], k0, k1, k2, k3,
        C=channels, SLOPE=slope, CLAMP=torch.finfo(x.dtype).max if epilogue.clamp is None else epilogue.clamp,
        FILTERED=taps is not None, NOISE=noise is not None, SHARED=noise is not None and len(noise) == 1,
        COLUMNS=COLUMNS, BLOCK=block, num_warps=4,
    )  # fmt: skip
    return out.permute(0, 3, 1, 2)


@triton.jit
def _kernel(
    x, out, scale, bias, noise, n_rows, n_columns, height, width, k0, k1, k2, k3,
    C: tl.constexpr, SLOPE: tl.constexpr, CLAMP: tl.constexpr, FILTERED: tl.constexpr, NOISE: tl.constexpr,
    SHARED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    blocks: tl.constexpr = (C + BLOCK - 1) // BLOCK
    channel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    column = tl.program_id(0) // blocks * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.program_id(1)
    sample = tl.program_id(2).to(tl.int64)
    real = channel < C
    x += sample * n_rows * n_columns * C
    if FILTERED:
        v = tl.zeros([COLUMNS, BLOCK], tl.float32)
        for i in tl.static_range(4):
            along = tl.zeros([COLUMNS, BLOCK], tl.float32)
            r = row - 1 + i
            for j in tl.static_range(4):
                c = column - 1 + j
                inside = ((c >= 0) & (c < n_columns) & (r >= 0) & (r < n_rows))[:, None] & real[None, :]
                part = tl.load(x + (r * n_columns + c)[:, None] * C + channel[None, :], inside, 0.0).to(tl.float32)
                along += part * (k0 if j == 0 else (k1 if j == 1 else (k2 if j == 2 else k3)))
            v += along * (k0 if i == 0 else (k1 if i == 1 else (k2 if i == 2 else k3)))
    else:
        inside = (column < n_columns)[:, None] & real[None, :]
        v = tl.load(x + (row * n_columns + column)[:, None] * C + channel[None, :], inside, 0.0).to(tl.float32)
    v = v * tl.load(scale + sample * C + channel, real, 0.0)[None, :] + tl.load(bias + channel, real, 0.0)[None, :]
    whole = column < width
    if NOISE:
        if not SHARED:
            noise += sample * height * width
        v += tl.load(noise + row * width + column, whole, 0.0)[:, None]
    v = tl.clamp(tl.maximum(v, SLOPE * v), -CLAMP, CLAMP)
    at = ((sample * height + row) * width + column)[:, None] * C + channel[None, :]
    tl.store(out + at, v.to(out.dtype.element_ty), whole[:, None] & real[None, :])
