"""The sum of some convolutions' results on a GPU, with bias, activation and residual, in one Triton pass.

Everything is channels last, and may be a slice of more channels: a result is read and written where it lies.
"""

from collections.abc import Sequence

import triton
import triton.language as tl
from torch import Tensor

MOST = 4
"""Results that one pass adds."""
NUMBERS = 2048
"""Numbers of each that a program reads: all channels of as many pixels."""


def finish(
    parts: Sequence[Tensor],
    bias: Tensor | None = None,
    slope: Tensor | None = None,
    *,
    out: Tensor,
    also: Tensor | None = None,
    residual: Tensor | None = None,
    gain: float = 1.0,
) -> Tensor:
    """out = also = residual + gain * activation(sum of parts + bias); up to four parts, `out` may be one of them.

    All [B, C, H, W] of one dtype, float16 or float32, summed in float32; `bias` and `slope` [C]: what is below zero is
    multiplied by the slope. `out` may be [B, C, 2H, 2W], and has every pixel four times then. Returns `out`. ValueError
    where a tensor is not channels last or of another shape.
    """
    batch, channels, height, width = shape = parts[0].shape if parts else out.shape
    enlarged = out.shape == (batch, channels, 2 * height, 2 * width)
    given = [*parts, *([also] if also is not None else []), *([residual] if residual is not None else [])]
    wrong = any(each.shape != shape for each in given) or not (enlarged or out.shape == shape)
    if wrong or not 1 <= len(parts) <= MOST or any(_stride(each) == 0 for each in (*given, out)):
        raise ValueError(f"expected 1 to {MOST} parts, all {list(shape)} and channels last")
    count, block = batch * height * width, triton.next_power_of_2(channels)
    pixels = max(1, NUMBERS // block)
    four = [*parts, *[out] * (MOST - len(parts))]
    other, before = out if also is None else also, out if residual is None else residual
    _kernel[(triton.cdiv(count, pixels),)](
        *four, out if bias is None else bias, out if slope is None else slope, before, out, other,
        *[_stride(each) for each in (*four, before, out, other)], count, gain,
        width, C=channels, PARTS=len(parts), BIAS=bias is not None, SLOPE=slope is not None,
        RESIDUAL=residual is not None, ALSO=also is not None, ENLARGED=enlarged,
        PIXELS=pixels, BLOCK=block, num_warps=4,
    )  # fmt: skip
    return out


def _stride(x: Tensor) -> int:
    """Numbers from a pixel to the next; 0 where the pixels do not lie one after the other."""
    pixels = x.permute(0, 2, 3, 1)
    step = pixels.stride(2)
    whole = [step * pixels.shape[1] * pixels.shape[2], step * pixels.shape[2], step, 1]
    strides = [a if size > 1 else b for a, b, size in zip(pixels.stride(), whole, pixels.shape, strict=True)]
    return step if strides == whole else 0


@triton.jit
def _kernel(
    p0, p1, p2, p3, bias, slope, residual, out, also, s0, s1, s2, s3, s_residual, s_out, s_also, count, gain, width,
    C: tl.constexpr, PARTS: tl.constexpr, BIAS: tl.constexpr, SLOPE: tl.constexpr, RESIDUAL: tl.constexpr,
    ALSO: tl.constexpr, ENLARGED: tl.constexpr, PIXELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)[:, None]
    channel = tl.arange(0, BLOCK)[None, :]
    real = (pixel < count) & (channel < C)
    v = tl.load(p0 + pixel * s0 + channel, real, 0.0).to(tl.float32)
    if PARTS > 1:
        v += tl.load(p1 + pixel * s1 + channel, real, 0.0).to(tl.float32)
    if PARTS > 2:
        v += tl.load(p2 + pixel * s2 + channel, real, 0.0).to(tl.float32)
    if PARTS > 3:
        v += tl.load(p3 + pixel * s3 + channel, real, 0.0).to(tl.float32)
    if BIAS:
        v += tl.load(bias + channel, channel < C, 0.0).to(tl.float32)
    if SLOPE:
        v = tl.where(v < 0, v * tl.load(slope + channel, channel < C, 0.0).to(tl.float32), v)
    if RESIDUAL:
        v = tl.load(residual + pixel * s_residual + channel, real, 0.0).to(tl.float32) + gain * v
    kind: tl.constexpr = out.dtype.element_ty
    if ENLARGED:
        # Row r of a picture becomes rows 2r and 2r + 1, whatever picture it is of.
        first = pixel // width * 4 * width + pixel % width * 2
        for k in tl.static_range(4):
            tl.store(out + (first + k // 2 * 2 * width + k % 2) * s_out + channel, v.to(kind), real)
    else:
        tl.store(out + pixel * s_out + channel, v.to(kind), real)
    if ALSO:
        tl.store(also + pixel * s_also + channel, v.to(kind), real)
