"""Matrix tiles of Intel's AMX for Numba kernels: eight registers of 16 rows of 64 bytes.

Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18. A product takes 16x32 and 32x16
bfloat16 and adds to 16x16 float32; the second factor comes in pairs: its row k holds rows 2k and 2k + 1 by turns.
"""

import ctypes
import platform
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .simd import LANES, jit, pointer, processor_has, vector_type

SIDE = 16  # rows of a tile, and float32 in a row
DEPTH = 32  # bfloat16 in a row

_ARCH_PRCTL, _REQUEST, _TILE_DATA = 158, 0x1023, 18  # Linux, x86-64: asm/prctl.h
_BYTE, _LONG, _NUMBER = ir.IntType(8), ir.IntType(64), ir.IntType(32)
_BITS = ir.VectorType(_NUMBER, LANES)
_PAIRS = ir.VectorType(ir.IntType(16), 2 * LANES)

# Palette 1; bytes a row of each register, and its rows.
_SHAPES = np.zeros(64, np.uint8)
_SHAPES[0], _SHAPES[16:32:2], _SHAPES[48:56] = 1, 4 * SIDE, SIDE


@cache
def available() -> bool:
    """True where the processor has AMX with bfloat16 and Linux lets this process use it."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    if not processor_has("amx-tile", "amx-bf16", "avx512f", "avx512bw"):
        return False
    return bool(ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILE_DATA) == 0)


def _emitted(builder: Any, name: str, arguments: list[Any]) -> None:
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in arguments])
    builder.call(builder.module.declare_intrinsic(f"llvm.x86.{name}", (), kind), arguments)


def _register(number: Any) -> ir.Constant:
    """A tile's number, which the instruction itself holds."""
    return ir.Constant(_BYTE, number.literal_value)


@intrinsic
def _configure(typing: Any, shapes: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = pointer(context, builder, signature.args[0], arguments[0], ir.Constant(_LONG, 0))
        _emitted(builder, "ldtilecfg", [at])
        return context.get_dummy_value()

    return types.none(shapes), generate


@jit(inline="always")
def begin():
    """Make the eight registers whole tiles, for this thread; before anything else of this module."""
    _configure(_SHAPES)


@intrinsic
def end(typing: Any) -> Any:
    """Give the registers back, so that the system need not keep them for this thread."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _emitted(builder, "tilerelease", [])
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic(prefer_literal=True)
def clear(typing: Any, tile: Any) -> Any:
    """Set a register to zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _emitted(builder, "tilezero", [_register(tile)])
        return context.get_dummy_value()

    return types.none(tile), generate


def _moved(name: str) -> Any:
    @intrinsic(prefer_literal=True)
    def move(typing: Any, tile: Any, array: Any, index: Any, row: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, array_value, index_value, row_value = arguments
            at = pointer(context, builder, signature.args[1], array_value, index_value)
            size = signature.args[1].dtype.bitwidth // 8
            step = builder.mul(row_value, ir.Constant(_LONG, size))
            _emitted(builder, name, [_register(tile), builder.bitcast(at, _BYTE.as_pointer()), step])
            return context.get_dummy_value()

        return types.none(tile, array, types.intp, types.intp), generate

    return move


fetch = _moved("tileloadd64")  # (tile, array, index, row): from array[index] on, rows `row` numbers apart
keep = _moved("tilestored64")  # the same, into the array


@intrinsic(prefer_literal=True)
def multiply(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """Add a times b to `total`, of bfloat16; three registers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _emitted(builder, "tdpbf16ps", [_register(tile) for tile in (total, a, b)])
        return context.get_dummy_value()

    return types.none(total, a, b), generate


@intrinsic
def rounded(typing: Any, value: Any) -> Any:
    """The nearest bfloat16 of each finite float32, as float32: the lower half of its bits is zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        half, upper = (ir.Constant(_BITS, [bits] * LANES) for bits in (0x8000, 0xFFFF0000))
        nearest = builder.and_(builder.add(builder.bitcast(arguments[0], _BITS), half), upper)
        return builder.bitcast(nearest, arguments[0].type)

    return vector_type(vector_type), generate


@intrinsic
def store_halves(typing: Any, array: Any, index: Any, a: Any, b: Any) -> Any:
    """The upper halves of two vectors' numbers, one after the other, into array[index : index + 16] of float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, *values = arguments
        at = builder.bitcast(pointer(context, builder, signature.args[0], array, index), _PAIRS.as_pointer())
        halves = [builder.bitcast(value, _PAIRS) for value in values]
        odd = ir.Constant(ir.VectorType(_NUMBER, 2 * LANES), [2 * k + 1 for k in range(2 * LANES)])
        builder.store(builder.shuffle_vector(*halves, odd), at, align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, vector_type, vector_type), generate
