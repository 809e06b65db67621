"""Eight numbers side by side for Numba: what ops.py names, for as many picture elements at once.

Three types stand for the tensors of float32, of integers and of truth that torch has, and the operators of Python work
on them. Nothing is contracted or put in another order: a lane has the bits that it would have alone.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_builtin, lower_cast
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

from akma_core.networks.kernels.simd import in_lanes, pointer

LANES = 8
WORD, FLOAT, FLAG = ir.IntType(32), ir.FloatType(), ir.IntType(1)


class Lanes(types.Type):
    """Numba's name for eight values of a kind."""

    def __init__(self, name: str, element: Any) -> None:
        super().__init__(name=f"{name}x{LANES}")
        self.vector = ir.VectorType(element, LANES)


class Floats(Lanes): ...


class Wholes(Lanes): ...


class Flags(Lanes): ...


floats, wholes, flags = Floats("float32", FLOAT), Wholes("int32", WORD), Flags("bool", FLAG)


@register_model(Floats)
@register_model(Wholes)
@register_model(Flags)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, kind.vector)


@lower_cast(types.Float, floats)
@lower_cast(types.Integer, floats)
def _float_cast(context: Any, builder: Any, source: Any, _target: Any, value: Any) -> Any:
    return in_lanes(builder, context.cast(builder, value, source, types.float32), LANES)


@lower_cast(types.Integer, wholes)
def _whole_cast(context: Any, builder: Any, source: Any, _target: Any, value: Any) -> Any:
    return in_lanes(builder, context.cast(builder, value, source, types.int32), LANES)


@lower_cast(wholes, floats)
def _widen(_context: Any, builder: Any, _source: Any, _target: Any, value: Any) -> Any:
    return builder.sitofp(value, floats.vector)


def _common(arguments: Any) -> Any:
    """The kind in which these are reckoned together, None where they are not lanes."""
    kinds = [argument for argument in arguments if isinstance(argument, Lanes)]
    for kind in (flags, floats, wholes):
        if kind in kinds:
            return kind
    return None


def define(function: Any, kind: Any, emit: Callable[..., Any], result: Any = None, count: int = 2) -> None:
    """Let Numba code call `function` on `count` values of `kind`, or that can be made one, as emit(builder, *them)."""

    @infer_global(function)
    class _Template(AbstractTemplate):
        key = function

        def generic(self, arguments: Any, _keywords: Any) -> Any:
            if len(arguments) != count or _common(arguments) is not kind:
                return None
            return signature(result or kind, *[kind] * count)

    def lowered(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return emit(builder, *values)

    lower_builtin(function, *[kind] * count)(lowered)


def native(name: str, kind: Any = floats) -> Callable[..., Any]:
    """Emit a call of one of LLVM's own functions."""

    def emit(builder: Any, *values: Any) -> Any:
        suffix = f"v{LANES}f32" if kind is floats else f"v{LANES}i32"
        function = ir.FunctionType(kind.vector, [kind.vector] * len(values))
        return builder.call(builder.module.declare_intrinsic(f"llvm.{name}.{suffix}", (), function), values)

    return emit


def pick(builder: Any, condition: Any, x: Any, y: Any) -> Any:
    return builder.select(condition, x, y)


for _symbol, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    define(_symbol, floats, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
for _symbol, _name in ((operator.add, "add"), (operator.sub, "sub"), (operator.mul, "mul"), (operator.and_, "and_")):
    define(_symbol, wholes, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
define(operator.rshift, wholes, lambda builder, a, b: builder.ashr(a, b))
define(operator.and_, flags, lambda builder, a, b: builder.and_(a, b))
define(operator.or_, flags, lambda builder, a, b: builder.or_(a, b))
define(operator.invert, flags, lambda builder, a: builder.not_(a), count=1)
define(operator.neg, floats, lambda builder, a: builder.fneg(a), count=1)
for _symbol, _name in ((operator.lt, "<"), (operator.gt, ">"), (operator.le, "<="), (operator.ge, ">=")):
    define(_symbol, floats, lambda builder, a, b, name=_name: builder.fcmp_ordered(name, a, b), result=flags)


@intrinsic
def steps(typing: Any, first: Any) -> Any:
    """first, first + 1, ... as floats."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start = builder.trunc(arguments[0], WORD)
        numbers = builder.add(in_lanes(builder, start, LANES), ir.Constant(wholes.vector, list(range(LANES))))
        return builder.sitofp(numbers, floats.vector)

    return floats(types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index : index + 8] = value of a contiguous float32 array, counted flat; not checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(place, floats.vector.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.none(array, types.intp, floats), generate
