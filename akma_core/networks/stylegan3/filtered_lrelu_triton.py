"""The filtered leaky ReLU on a GPU: small products with banded matrices, on tensor cores, written in Triton.

A program owns a block of channels and a column of output pixels and walks down it, sixteen upsampled rows at a time.
Four products take a step from input to output: up the rows, up the columns, then (activated) down the columns, down
the rows. What the next eight output rows share with the last stays in registers; the upsampled picture exists nowhere.

Why products, although most of a banded matrix is zero. Per output and channel, at up 2 and down 2, FIR filters take 72
multiply-adds, and Triton cannot slide a window through registers, so that half the fp32 rate would be a good result:
45 GFLOP a frame of T-1024 in 1.33 ms of an H100. These products take 465, but at 15 times that rate: 290 GFLOP, 0.29 ms
at the fp16 peak. What is left to wait for is the issue of instructions: ptxas gives some 600 a step for sm_90, which is
0.43 cycles an output, 0.7 ms a frame if none is lost, beside 0.6 ms for memory to deliver input and output (2.0 GB).
Measured on an H200: 2.2 ms of T-1024's 3.8, three times that; half precision's largest error is 0.0013.

A radial filter is a sum of few separable ones, since a 12 x 12 jinc has four eigenvalues above 3e-6 of its largest: its
terms stand beside each other in the matrices that filter down, and a separable filter is the case of one term.

Fixed tiles instead of timing several at run time: another tile adds in another order, and a plan's frames must not
depend on which was faster that day. `TILES` is where measurements go.
"""

from dataclasses import dataclass

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

TAPS = 6  # taps of one polyphase branch, the filter size of every published network
DOWN = 2
N = TAPS * DOWN  # taps of the down filter
ROWS = tl.constexpr(16)  # upsampled rows of a step: with their filter's reach 14 input rows at most, so one product
STEP = tl.constexpr(8)  # output rows of a step
MAX_RANK = 4
F16, F32 = torch.float16, torch.float32
Matrix = NDArray[np.float64]
TOLERANCE = {F16: 2.5e-4, F32: 3e-6}  # of a radial filter's largest eigenvalue; half of the type's own rounding, or so


@dataclass(frozen=True)
class Tile:
    """Block that one program covers."""

    inputs: int
    """Input columns; a power of two, as all that Triton counts with."""
    columns: int
    """Upsampled columns; likewise."""
    channels: int
    """At least 16: 32 bytes of fp16 are what memory moves."""
    strip: int
    """Output rows, a multiple of 8; each strip computes 16 upsampled rows more than it has."""
    warps: int
    registers: int | None = None
    """Most a thread may take: 128 let two programs of 8 warps share a multiprocessor."""


TILES = {  # (dtype, up, terms of the down filter); half of the input columns: half of the products, fewer whole outputs
    (F16, 2, 1): Tile(32, 64, 16, 128, 8, registers=128),
    (F16, 2, 2): Tile(32, 64, 16, 128, 8, registers=128),
    (F16, 2, 4): Tile(32, 64, 16, 128, 4),
    (F16, 4, 1): Tile(16, 64, 16, 128, 8, registers=128),
    (F16, 4, 2): Tile(16, 64, 16, 128, 8, registers=128),
    (F16, 4, 4): Tile(16, 64, 16, 128, 4),
    **{(F32, up, rank): Tile(32, 32, 16, 64, 8) for up in (2, 4) for rank in (1, 2, 4)},
}


@dataclass(frozen=True)
class Plan:
    """Constants of one layer in one precision, on one device; sizes in samples a side."""

    in_size: int
    out_size: int
    up: int
    first: int
    """Input row or column that the first row of an up matrix stands for."""
    used: int
    """Output columns of a tile that are whole; `down_columns` has room for a power of two."""
    tile: Tile
    rank: int
    """Terms of the down filter."""
    up_rows: Tensor
    """[16, 16]: input rows x upsampled rows."""
    up_columns: Tensor
    """[tile.inputs, tile.columns], the activation's gain included."""
    down_columns: Tensor
    """[tile.columns, rank * room]."""
    down_rows: Tensor
    """[2, rank * 16, 8]: what a step adds to the output rows it begins, and to those it ends."""
    clamp: float


def make_plan(
    in_size: int, out_size: int, up: int, pad_lo: int, up_filter: Tensor, down_filter: Tensor, clamp: float | None,
    *, dtype: torch.dtype, device: torch.device,
) -> Plan | None:  # fmt: skip
    """For a layer with up 2 or 4, down 2, `up_filter` [6 * up] and `down_filter` [12] or, radial, [12, 12].

    None for a geometry or a filter that this kernel does not cover, and for a dtype other than float16 and float32.
    """
    sides = list(down_filter.shape)
    if dtype not in TOLERANCE or up not in (2, 4) or len(up_filter) != TAPS * up or sides not in ([N], [N, N]):
        return None
    across, down = _terms(down_filter.double().cpu().numpy(), TOLERANCE[dtype])
    if (rank := len(across)) > MAX_RANK:
        return None
    tile = TILES[dtype, up, rank]
    offset = len(up_filter) - 1 - pad_lo  # upsampled sample t lies under input samples (t + offset) // up - 0..5
    # As many outputs as have all their samples in the tile; even, so that every tile begins at the same phase.
    samples = min(tile.columns, (tile.inputs - TAPS + 1) * up - offset % up)
    used = (samples - N + DOWN) // (2 * DOWN) * 2
    room = _power_of_two(used)
    taps = up_filter.double().cpu().numpy() * up
    up_rows = _up_matrix(taps, up, offset, 16, 16)
    up_columns = _up_matrix(taps * np.sqrt(2), up, offset, tile.inputs, tile.columns)
    down_columns = np.concatenate([_down_matrix(h, tile.columns, room, used, 0) for h in across], 1)
    down_rows = [np.concatenate([_down_matrix(h, 16, 8, 8, first) for h in down]) for first in (0, 16)]

    def constant(matrix: Matrix) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(matrix)).to(device, dtype)

    most = torch.finfo(dtype).max / 2  # infinity times a matrix's zero would spread
    return Plan(
        in_size=in_size,
        out_size=out_size,
        up=up,
        first=offset // up - TAPS + 1,
        used=used,
        tile=tile,
        rank=rank,
        up_rows=constant(up_rows),
        up_columns=constant(up_columns),
        down_columns=constant(down_columns),
        down_rows=constant(np.stack(down_rows)),
        clamp=most if clamp is None else clamp,
    )


def filtered_lrelu(x: Tensor, scale: Tensor, bias: Tensor, out_scale: Tensor, plan: Plan) -> Tensor:
    """[B, in, in, C] -> [B, out, out, C], contiguous, of the plan's dtype, both; sums are float32 in either.

    x may be larger than the plan on either side by what gives whole samples, and so is the result.
    Computes down(clamp(lrelu(up(x * scale + bias)))) * out_scale with `scale` and `out_scale` [B, C], `bias` [C],
    float32. A picture does not depend on the others of the batch. Raises ValueError on other shapes or layouts.
    """
    batch, channels, tile = len(x), x.shape[3], plan.tile
    rows_in, columns_in = x.shape[1:3]
    if min(rows_in, columns_in) < plan.in_size or not x.is_contiguous() or x.dtype != plan.up_rows.dtype:
        raise ValueError(f"expected contiguous {plan.up_rows.dtype} [B, {plan.in_size}, {plan.in_size}, C]")
    scale, out_scale = scale.contiguous(), out_scale.contiguous()
    if not (scale.shape == out_scale.shape == (batch, channels) and bias.shape == (channels,)):
        raise ValueError(f"expected scales [{batch}, {channels}] and bias [{channels}]")
    high, wide = (plan.out_size + (side - plan.in_size) * plan.up // DOWN for side in (rows_in, columns_in))
    out = x.new_empty(batch, high, wide, channels)
    # Channels first: programs that run together then share the memory lines of their pixels.
    columns, strips = -(-wide // plan.used), -(-high // tile.strip)
    grid = (-(-channels // tile.channels) * columns, strips, batch)
    _kernel[grid](
        x, out, scale, bias, out_scale, plan.up_rows, plan.up_columns, plan.down_columns, plan.down_rows,
        rows_in, columns_in, high, wide, plan.first,
        C=channels, UP=plan.up, CLAMP=plan.clamp, USED=plan.used, STEPS=tile.strip // STEP.value, RANK=plan.rank,
        BLOCK=tile.channels, INPUTS=tile.inputs, COLUMNS=tile.columns, ROOM=plan.down_columns.shape[1] // plan.rank,
        PRECISION="tf32x3" if x.dtype == F32 else "tf32", num_warps=tile.warps, maxnreg=tile.registers, num_stages=1,
    )  # fmt: skip
    return out


@triton.jit
def _kernel(
    x, out, scale, bias, out_scale, up_rows, up_columns, down_columns, down_rows,
    high_in, wide_in, high_out, wide_out, first,
    C: tl.constexpr, UP: tl.constexpr, CLAMP: tl.constexpr, USED: tl.constexpr, STEPS: tl.constexpr,
    RANK: tl.constexpr, BLOCK: tl.constexpr, INPUTS: tl.constexpr, COLUMNS: tl.constexpr, ROOM: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    kind: tl.constexpr = x.dtype.element_ty
    blocks: tl.constexpr = (C + BLOCK - 1) // BLOCK
    channel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    column = tl.program_id(0) // blocks * USED  # of the output
    row = tl.program_id(1) * STEPS * STEP
    sample = tl.program_id(2).to(tl.int64)
    x += sample * high_in * wide_in * C
    out += sample * high_out * wide_out * C
    real = channel < C
    scale_ = tl.load(scale + sample * C + channel, real, 0.0)
    bias_ = tl.load(bias + channel, real, 0.0)
    out_scale_ = tl.load(out_scale + sample * C + channel, real, 0.0)

    up_rows_ = _matrix(up_rows, 16, ROWS)
    up_columns_ = _matrix(up_columns, INPUTS, COLUMNS)
    down_columns_ = _matrix(down_columns, COLUMNS, RANK * ROOM)
    begins = _matrix(down_rows, RANK * ROWS, STEP)
    ends = _matrix(down_rows + RANK * ROWS * STEP, RANK * ROWS, STEP)

    column_in = (first + column * 2 // UP + tl.arange(0, INPUTS))[:, None, None]
    row_in = first + row * 2 // UP
    place = tl.arange(0, ROOM)[:, None, None]
    whole = (place < USED) & (column + place < wide_out) & real[None, :, None]
    begun = tl.zeros([ROOM * BLOCK, STEP], tl.float32)
    # The first time round only begins rows: those it ends belong to the strip above.
    for step in range(1 + min(STEPS, tl.cdiv(high_out - row, STEP))):
        # The contracted axis is always the last; the others make one long axis, which is what fills tensor cores.
        rows = row_in + tl.arange(0, ROWS)[None, None, :]
        inside = (column_in >= 0) & (column_in < wide_in) & (rows >= 0) & (rows < high_in) & real[None, :, None]
        v = tl.load(x + (rows * wide_in + column_in) * C + channel[None, :, None], inside, 0.0).to(tl.float32)
        # What pads the picture is zero, not bias.
        v = tl.where(inside, v * scale_[None, :, None] + bias_[None, :, None], 0.0).to(kind)
        v = tl.dot(tl.reshape(v, INPUTS * BLOCK, ROWS), up_rows_, input_precision=PRECISION).to(kind)
        v = tl.permute(tl.reshape(v, INPUTS, BLOCK, ROWS), 2, 1, 0)
        v = tl.dot(tl.reshape(v, ROWS * BLOCK, INPUTS), up_columns_, input_precision=PRECISION)
        v = tl.clamp(tl.maximum(v, 0.2 * v), -CLAMP, CLAMP).to(kind)
        v = tl.dot(v, down_columns_, input_precision=PRECISION).to(kind)
        v = tl.permute(tl.reshape(v, ROWS, BLOCK, RANK, ROOM), 3, 1, 2, 0)
        v = tl.reshape(v, ROOM * BLOCK, RANK * ROWS)
        ended = tl.dot(v, ends, begun, input_precision=PRECISION)
        ended = tl.reshape(ended, ROOM, BLOCK, STEP) * out_scale_[None, :, None]
        rows_out = row + (step - 1) * STEP + tl.arange(0, STEP)[None, None, :]
        at = (rows_out * wide_out + column + place) * C + channel[None, :, None]
        tl.store(out + at, ended.to(kind), whole & (rows_out >= row) & (rows_out < high_out))
        begun = tl.dot(v, begins, input_precision=PRECISION)
        row_in += ROWS // UP


@triton.jit
def _matrix(pointer, rows: tl.constexpr, columns: tl.constexpr):
    return tl.load(pointer + tl.arange(0, rows)[:, None] * columns + tl.arange(0, columns)[None, :])


def _up_matrix(taps: Matrix, up: int, offset: int, inputs: int, outputs: int) -> Matrix:
    """[inputs, outputs]: row 0 stands for input sample offset // up - 5 of the tile."""
    matrix = np.zeros((inputs, outputs))
    for t in range(outputs):
        for m in range(TAPS):
            row = (t + offset % up) // up - m + TAPS - 1
            if row < inputs:
                matrix[row, t] = taps[(t + offset) % up + up * m]
    return matrix


def _down_matrix(taps: Matrix, inputs: int, room: int, used: int, first: int) -> Matrix:
    """[inputs, room] of the filter that takes samples `first` .. `first + inputs` to outputs 0..used."""
    matrix = np.zeros((inputs, room))
    for o in range(used):
        for t in range(inputs):
            if 0 <= t + first - DOWN * o < N:
                matrix[t, o] = taps[t + first - DOWN * o]
    return matrix


def _terms(taps: Matrix, tolerance: float) -> tuple[Matrix, Matrix]:
    """1-D filters [rank, 12] across and down whose outer products sum to `taps`; rank 1, 2, 4 or too many."""
    if taps.ndim == 1:
        return taps[None], taps[None]
    values, vectors = np.linalg.eigh(taps)
    order = np.argsort(-np.abs(values))
    size = np.abs(values[order])
    rank = _power_of_two(int((size > tolerance * size[0]).sum()))
    across = vectors[:, order[:rank]].T * np.sqrt(size[:rank, None])
    return across, across * np.sign(values[order[:rank], None])


def _power_of_two(n: int) -> int:
    """The next one from `n` on."""
    return 1 << (n - 1).bit_length()
