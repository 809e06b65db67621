"""Arithmetic for one source with two readers: torch runs it on tensors, Numba compiles it for single numbers.

Only what IEEE 754 rounds correctly is used (+ - * / sqrt) besides selection and integers, all of it in double
precision: whatever runs the source, the same numbers come out, to the bit.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch

from akma_core.networks.kernels.compiled import available

Value = Any
"""A float64: a Python or Numba number, or a tensor of them."""
Colour = tuple[Value, Value, Value]
"""Linear light: red, green, blue."""
INLINE = {"forceinline": True, "error_model": "numpy"}
Function = TypeVar("Function", bound=Callable[..., Any])


def shared(function: Function) -> Function:
    """Let Numba compile calls of `function`; Python calls it as it is."""
    if not available():
        return function
    from numba.extending import register_jitable

    compiled: Function = register_jitable(**INLINE)(function)
    return compiled


def sqrt(x: Value) -> Value:
    return torch.sqrt(x)


def whole(x: Value) -> Value:
    """The integer below x."""
    return torch.floor(x).to(torch.int64)


def select(condition: Value, x: Value, y: Value) -> Value:
    """Choose x where the condition holds, else y."""
    return torch.where(condition, x, y)


def clamp(x: Value, low: float, high: float) -> Value:
    return torch.clamp(x, low, high)


def at_least(x: Value, low: float) -> Value:
    return torch.clamp_min(x, low)


def none(condition: Value) -> bool:
    """Tell whether it certainly holds nowhere: of a tensor that is not asked, since a GPU would have to wait."""
    del condition
    return False


def log2(x: Value) -> Value:
    """Logarithm of x > 0, exact at powers of two and linear between them."""
    mantissa, exponent = torch.frexp(x)
    return exponent - 2 + 2 * mantissa


@shared
def mix(x: Value, y: Value, share: Value) -> Value:
    return x + (y - x) * share


@shared
def smoothstep(x: Value) -> Value:
    """Rise from 0 to 1 over 0..1, with no slope at the ends."""
    x = clamp(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


@shared
def blend(a: Colour, b: Colour, share: Value) -> Colour:
    return mix(a[0], b[0], share), mix(a[1], b[1], share), mix(a[2], b[2], share)


@shared
def scale(a: Colour, factor: Value) -> Colour:
    return a[0] * factor, a[1] * factor, a[2] * factor


@shared
def add(a: Colour, b: Colour) -> Colour:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@shared
def times(a: Colour, b: Colour) -> Colour:
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


if available():  # the same for a number, as Numba reads it
    from numba.extending import overload

    @overload(sqrt, jit_options=INLINE)
    def _sqrt(x):
        return lambda x: math.sqrt(x)

    @overload(whole, jit_options=INLINE)
    def _whole(x):
        def number(x):
            towards_zero = int(x)
            return towards_zero - 1 if x < towards_zero else towards_zero

        return number

    @overload(select, jit_options=INLINE)
    def _select(condition, x, y):
        return lambda condition, x, y: x if condition else y

    @overload(clamp, jit_options=INLINE)
    def _clamp(x, low, high):
        return lambda x, low, high: low if x < low else (high if x > high else x)

    @overload(at_least, jit_options=INLINE)
    def _at_least(x, low):
        return lambda x, low: low if x < low else x

    @overload(none, jit_options=INLINE)
    def _none(condition):
        return lambda condition: not condition

    @overload(log2, jit_options=INLINE)
    def _log2(x):
        def number(x):
            bits = np.float64(x).view(np.int64)
            return float((bits >> 52) - 1023) + float(bits & ((1 << 52) - 1)) * 2.0**-52

        return number
