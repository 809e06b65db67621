"""Arithmetic for one source with two readers: torch runs it on tensors, Numba compiles it for eight lanes (lanes.py).

Only what IEEE 754 rounds correctly is used (+ - * / sqrt) besides selection and integers, in single precision and in
the order of the source: whichever way a picture is cut into blocks, an element has the same bits.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from akma_core.networks.kernels.compiled import available

Value = Any
"""float32: eight lanes of Numba's, or a tensor."""
Colour = tuple[Value, Value, Value]
"""Linear light: red, green, blue."""
Texels = Any
"""float32 [tiles, texels, channels]."""
Function = TypeVar("Function", bound=Callable[..., Any])


def shared(function: Function) -> Function:
    """Let Numba compile calls of `function`; Python calls it as it is."""
    if not available():
        return function
    from numba.extending import register_jitable

    compiled: Function = register_jitable(forceinline=True, error_model="numpy")(function)
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


def gather(texels: Texels, tile: int, at: Value) -> tuple[Value, ...]:
    """The four channels of the texels `at`."""
    channels: tuple[Value, ...] = texels[tile][at].unbind(-1)
    return channels


def between(texels: Texels, tile: int, at: tuple[Value, ...], across: Value, down: Value) -> tuple[Value, ...]:
    """The eight channels between the texels `at`: upper left, upper right, lower left, lower right."""
    a, b, c, d = (texels[tile][index] for index in at)
    across, down = across[..., None], down[..., None]
    upper, lower = mix(a, b, across), mix(c, d, across)
    channels: tuple[Value, ...] = mix(upper, lower, down).unbind(-1)
    return channels


def between_four(texels: Texels, tile: int, at: tuple[Value, ...], across: Value, down: Value) -> tuple[Value, ...]:
    """The same of texels with four channels."""
    return between(texels, tile, at, across, down)


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
