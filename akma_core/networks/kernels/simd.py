"""Sixteen float32 in a register: a vector type for Numba kernels, so that they say their SIMD instead of hoping for it.

LLVM splits the vectors to whatever the machine has (one AVX-512 register, two of AVX2, four of NEON).
"""

import hashlib
import inspect
import operator
import os
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba.core import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_BYTES = ir.IntType(8).as_pointer()
_FAST = ("contract", "nsz", "nnan")


def jit(**options: Any) -> Any:
    """numba.njit without Python's lock, its machine code kept beside the source where that may be written."""

    def decorate(function: Any) -> Any:
        given = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(_cache_folder(Path(inspect.getfile(function)).parent, given))
        try:
            return numba.njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # no folder for the cache
            return numba.njit(nogil=True, **options)(function)
        finally:
            numba.config.CACHE_DIR = given

    return decorate


@cache
def _cache_folder(source: Path, given: str) -> Path:
    """Folder for the machine code of modules in `source`; `given`: NUMBA_CACHE_DIR.

    Numba compares a function's own file alone: what it calls from others would stay as it was. So the name is of all.
    """
    folder = Path(given) if given else source / "__pycache__"
    if not given and not os.access(folder if folder.exists() else source, os.W_OK):
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "akma"
    files = sorted({*source.glob("*.py"), *Path(__file__).parent.glob("*.py")})
    return folder / hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def processor_has(*features: str) -> bool:
    """True if LLVM finds all of `features`, by its names for them, in this machine's processor."""
    try:
        found = binding.get_host_cpu_features()
    except RuntimeError:  # where LLVM cannot tell
        return False
    return all(found.get(name) for name in features)


@jit()
def room_for(count: int) -> Any:
    """Room for `count` float32, not set, from a cache line's start on: else each vector would lie in two."""
    room = np.empty(count + LANES, np.float32)
    first = -(room.ctypes.data // 4) % LANES
    return room[first : first + count]


@jit()
def zeros(count: int) -> Any:
    """As `room_for`, of zeros."""
    room = room_for(count)
    room[:] = 0
    return room


class VectorType(types.Type):
    """Numba's name for it."""

    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


vector_type = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """The address of array[index], its last axis counted flat; emitted."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def in_lanes(builder: Any, scalar: Any, count: int = LANES) -> Any:
    """A scalar in each of `count` lanes; emitted."""
    undefined = ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined)
    single = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count))


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """array[index : index + 16] of a contiguous float32 array, its last axis counted flat; not checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = pointer(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(at, _VECTOR.as_pointer()), align=4)

    return vector_type(array, types.intp), generate


@intrinsic
def spread(typing: Any, array: Any, index: Any) -> Any:
    """array[index] in every lane, as `load`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return in_lanes(builder, builder.load(pointer(context, builder, signature.args[0], *arguments)))

    return vector_type(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index : index + 16] = value, as `load`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value = arguments
        at = pointer(context, builder, signature.args[0], array, index)
        builder.store(value, builder.bitcast(at, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, vector_type), generate


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Have array[index] brought into the cache meanwhile; it need not exist."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = builder.bitcast(pointer(context, builder, signature.args[0], *arguments), _BYTES)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [_BYTES, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", (_BYTES,), kind)
        builder.call(function, [at, number(0), number(2), number(1)])  # to read, into the second level, as data
        return context.get_dummy_value()

    return types.none(array, types.intp), generate


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """A scalar in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return in_lanes(builder, arguments[0])

    return vector_type(types.float32), generate


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        function = builder.module.declare_intrinsic(f"llvm.fma.v{LANES}f32", (), kind)
        return builder.call(function, arguments)

    return vector_type(vector_type, vector_type, vector_type), generate


@intrinsic
def added(typing: Any, value: Any) -> Any:
    """The sum of all lanes, in an order that a machine keeps."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total = arguments[0]
        for half in (8, 4, 2, 1):
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [(k + half) % LANES for k in range(LANES)])
            total = builder.fadd(total, builder.shuffle_vector(total, total, mask))
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.float32(vector_type), generate


def _binary(emit: Any) -> Any:
    @intrinsic
    def operation(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(builder, *arguments)

        return vector_type(vector_type, vector_type), generate

    return operation


_add = _binary(lambda builder, a, b: builder.fadd(a, b, flags=_FAST))
_subtract = _binary(lambda builder, a, b: builder.fsub(a, b, flags=_FAST))
_multiply = _binary(lambda builder, a, b: builder.fmul(a, b, flags=_FAST))
maximum = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b, flags=_FAST), a, b))
minimum = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b, flags=_FAST), a, b))


def _operator(symbol: Any, operation: Any) -> None:
    """Let Numba code write `symbol` between two vectors."""

    def typed(a, b):
        if isinstance(a, VectorType) and isinstance(b, VectorType):
            return lambda a, b: operation(a, b)
        return None

    overload(symbol)(typed)


_operator(operator.add, _add)
_operator(operator.sub, _subtract)
_operator(operator.mul, _multiply)
