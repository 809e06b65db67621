"""Functions of ops.py for eight lanes: selection, roots, texels fetched lane by lane, all channels at once."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

from akma_core.networks.kernels.simd import in_lanes

from . import ops
from .lanes import FLOAT, LANES, WORD, Flags, define, flags, floats, native, wholes


def _below(builder: Any, x: Any) -> Any:
    return builder.fptosi(native("floor")(builder, x), wholes.vector)


def _log2(builder: Any, x: Any) -> Any:
    bits = builder.bitcast(x, wholes.vector)
    exponent = builder.sub(builder.ashr(bits, _word(23)), _word(127))
    rest = builder.sitofp(builder.and_(bits, _word((1 << 23) - 1)), floats.vector)
    share = builder.fmul(rest, ir.Constant(floats.vector, [2.0**-23] * LANES))
    return builder.fadd(builder.sitofp(exponent, floats.vector), share)


def _word(value: int) -> Any:
    return ir.Constant(wholes.vector, [value] * LANES)


def _at_least(builder: Any, x: Any, low: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", x, low), low, x)


def _clamp(builder: Any, x: Any, low: Any, high: Any) -> Any:
    x = _at_least(builder, x, low)
    return builder.select(builder.fcmp_ordered(">", x, high), high, x)


def _none(builder: Any, condition: Any) -> Any:
    bits = builder.bitcast(condition, ir.IntType(LANES))
    return builder.icmp_unsigned("==", bits, ir.Constant(ir.IntType(LANES), 0))


define(ops.sqrt, floats, native("sqrt"), count=1)
define(ops.whole, floats, _below, result=wholes, count=1)
define(ops.log2, floats, _log2, count=1)
define(ops.at_least, floats, _at_least)
define(ops.clamp, floats, _clamp, count=3)
define(ops.none, flags, _none, result=types.boolean, count=1)


@infer_global(ops.select)
class _Select(AbstractTemplate):
    key = ops.select

    def generic(self, arguments: Any, _keywords: Any) -> Any:
        kind = wholes if all(each in (wholes, types.intp) for each in arguments[1:]) else floats
        return signature(kind, flags, kind, kind) if isinstance(arguments[0], Flags) else None


@lower_builtin(ops.select, flags, floats, floats)
@lower_builtin(ops.select, flags, wholes, wholes)
def _select(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
    return builder.select(*values)


def _texel(builder: Any, array: Any, tile: Any, kind: Any) -> Any:
    """A function from a lane's index to the channels of its texel."""
    data = builder.bitcast(array.data, kind.as_pointer())
    first = builder.mul(tile, builder.extract_value(array.shape, 1))

    def load(index: Any) -> Any:
        place = builder.add(first, builder.sext(index, first.type))
        return builder.load(builder.gep(data, [place]), align=4)

    return load


def _shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(WORD, 8), order))


def _transposed(context: Any, builder: Any, texels: list[Any], channels: int) -> Any:
    """Eight texels with a channel a lane -> for each channel, eight lanes."""
    rows = texels
    if channels == 4:  # texels k and k + 4 in one vector
        rows = [_shuffled(builder, texels[k], texels[k + 4], list(range(8))) for k in range(4)]
    # Two halves of a register are woven each by itself: that is what AVX does in one instruction.
    singles = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    pairs = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    columns = []
    for first in range(0, len(rows), 4):
        a, b, c, d = rows[first : first + 4]
        for single in singles:
            ab, cd = _shuffled(builder, a, b, single), _shuffled(builder, c, d, single)
            columns += [_shuffled(builder, ab, cd, pair) for pair in pairs]
    if channels == 8:
        halves = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
        columns = [_shuffled(builder, columns[k], columns[4 + k], half) for half in halves for k in range(4)]
    return context.make_tuple(builder, types.UniTuple(floats, channels), columns)


def _lane(builder: Any, vector: Any, lane: int) -> Any:
    return builder.extract_element(vector, ir.Constant(WORD, lane))


def _fetched(function: Any, extra: int, channels: int, fetch: Any) -> None:
    """Let Numba code call function(texels, tile, ...), whose `fetch` gives one lane's channels."""

    @infer_global(function)
    class _Template(AbstractTemplate):
        key = function

        def generic(self, arguments: Any, _keywords: Any) -> Any:
            if len(arguments) != 2 + extra or not isinstance(arguments[0], types.Array):
                return None
            return signature(types.UniTuple(floats, channels), arguments[0], types.intp, *arguments[2:])

    def lowered(context: Any, builder: Any, called: Any, values: Any) -> Any:
        array = context.make_array(called.args[0])(context, builder, values[0])
        load = _texel(builder, array, values[1], ir.VectorType(FLOAT, channels))
        texels = [fetch(builder, load, values[2:], lane) for lane in range(LANES)]
        return _transposed(context, builder, texels, channels)

    kinds = [wholes] if extra == 1 else [types.UniTuple(wholes, 4), floats, floats]
    lower_builtin(function, types.Array, types.intp, *kinds)(lowered)


def _one(builder: Any, load: Any, values: Any, lane: int) -> Any:
    return load(_lane(builder, values[0], lane))


def _mixed(builder: Any, load: Any, values: Any, lane: int) -> Any:
    at, across, down = values
    a, b, c, d = (load(_lane(builder, builder.extract_value(at, corner), lane)) for corner in range(4))
    count = a.type.count
    across, down = (in_lanes(builder, _lane(builder, share, lane), count) for share in (across, down))

    def mix(x: Any, y: Any, share: Any) -> Any:
        return builder.fadd(x, builder.fmul(builder.fsub(y, x), share))

    return mix(mix(a, b, across), mix(c, d, across), down)


_fetched(ops.gather, 1, 4, _one)
_fetched(ops.between, 3, 8, _mixed)
_fetched(ops.between_four, 3, 4, _mixed)
