"""numpy's share of a pickle: number types, arrays and scalars, as views of the file. numpy makes none of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from .unpickler import Budget, Constructor, Stateful, Text, bad_network, damaged, is_name

MAX_DIMS = 8  # dimensions of a tensor or array; convolution weights have 4
NUMPY_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "c8", "c16")


@dataclass(frozen=True, eq=False, slots=True)
class Dtype(Stateful):
    """A little-endian number type."""

    dtype: np.dtype[Any]

    def set_state(self, state: object) -> None:
        match state:
            case (3, "<" | "|", None, None, None, -1, -1, 0):
                return
        raise bad_network("it holds numpy data that are not little-endian numbers; AKMA cannot read it")


@dataclass(eq=False, slots=True)
class Array(Stateful):
    """A numpy array, from _reconstruct and BUILD or from _frombuffer."""

    values: NDArray[Any] | None = None
    """A view of the file; None before BUILD, and for arrays in Fortran's order."""
    complete: bool = False

    def set_state(self, state: object) -> None:
        match state:
            case (1, tuple(shape), Dtype() as kind, bool(fortran), memoryview() as data) if not self.complete:
                self.fill(shape, kind, data, fortran=fortran)
            case _:
                raise damaged("a numpy array's shape, type and bytes do not agree")

    def fill(self, shape: object, kind: Dtype, data: memoryview, *, fortran: bool) -> None:
        """Take `data` as the numbers; RequestError where shape, type and bytes do not agree."""
        if not are_sizes(shape) or math.prod(shape) * kind.dtype.itemsize != len(data):
            raise damaged("a numpy array's shape, type and bytes do not agree")
        if not fortran:
            self.values = np.ndarray(shape, kind.dtype, data)
        self.complete = True


def are_sizes(values: object) -> TypeGuard[tuple[int, ...]]:
    """True for a tuple of few whole numbers, none negative."""
    return type(values) is tuple and len(values) <= MAX_DIMS and all(type(v) is int and v >= 0 for v in values)


def _dtype(_: Budget, code: object, align: object, copy: object) -> Dtype:
    # numpy up to 1.18 wrote 0 and 1 for False and True.
    plain = all(type(flag) in (bool, int) for flag in (align, copy)) and align == 0 and copy == 1
    if type(code) is not str or code not in NUMPY_CODES or not plain:
        raise bad_network("it holds numpy data that are not plain numbers; AKMA cannot read it")
    return Dtype(np.dtype(f"<{code}"))


def _reconstruct(_: Budget, kind: object, shape: object, code: object) -> Array:
    if kind is not NDARRAY or shape != (0,) or code not in (b"b", "b"):
        raise damaged("it holds a special kind of numpy array")
    return Array()


def _frombuffer(_: Budget, data: object, kind: object, shape: object, order: object, axes: object = None) -> Array:
    """Make the array of pickle protocol 5, whose numbers are a bytearray; `axes`: for any order of the axes."""
    fits = (order in ("C", "F") and axes is None) or (order == "K" and are_sizes(axes))
    if type(data) is not memoryview or type(kind) is not Dtype or type(order) is not str or not fits:
        raise damaged("it holds a special kind of numpy array")
    array = Array()
    array.fill(shape, kind, data, fortran=order != "C")
    return array


def _scalar_array(_: Budget, kind: object, data: object) -> Array:
    if type(kind) is not Dtype or type(data) is not memoryview or len(data) != kind.dtype.itemsize:
        raise damaged("it holds a numpy scalar of the wrong size")
    return Array(np.ndarray((), kind.dtype, data), complete=True)


def _scalar(budget: Budget, kind: object, data: object) -> Any:
    values = _scalar_array(budget, kind, data).values
    return None if values is None else values.item()


def _encode(budget: Budget, text: object, codec: object = "utf-8") -> memoryview:
    """The bytes that protocol 2 keeps as text, a character a byte."""
    if codec not in ("latin1", "latin-1") or type(text) not in (str, Text):
        raise bad_network(f"it asks for the codec {str(codec)[:20]!a}, which no network needs; do not trust it")
    size = len(text.data) if isinstance(text, Text) else len(str(text))
    budget.spend(encoded=size)
    plain = str(text.data, "utf-8") if isinstance(text, Text) else str(text)
    return memoryview(plain.encode("latin-1"))


def _bytes(budget: Budget, *arguments: object) -> memoryview:
    """bytes() and bytearray(...), as protocols 2 to 4 keep them."""
    match arguments:
        case ():
            return memoryview(b"")
        case (memoryview() as data,):
            return data
        case (text, codec):
            return _encode(budget, text, codec)
    raise damaged("it makes bytes of something else")


def _dict(_: Budget) -> dict[Any, Any]:
    return {}


def _set(budget: Budget, items: object = ()) -> set[str]:
    if type(items) not in (list, tuple):
        raise damaged("it makes a set of something that is not a list")
    members: Any = items
    budget.spend(opcodes=len(members))
    if not all(map(is_name, members)):
        raise damaged("it holds a set of something other than names")
    return set(members)


DICT = Constructor(_dict, new=dict)
NDARRAY = Constructor()  # named as an argument, never called

PLAIN: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): DICT,
    ("builtins", "set"): Constructor(_set),
    ("__builtin__", "set"): Constructor(_set),
    ("_codecs", "encode"): Constructor(_encode),
    ("builtins", "bytearray"): Constructor(_bytes),
    ("__builtin__", "bytearray"): Constructor(_bytes),
    ("__builtin__", "bytes"): Constructor(_bytes),
    ("numpy", "dtype"): Constructor(_dtype),
    ("numpy", "ndarray"): NDARRAY,
    **{
        (f"numpy.{core}.{module}", name): Constructor(build)
        for core in ("core", "_core")
        for module, name, build in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}
"""Globals that every format may name: plain values, and numpy's. Scalars are read as Python's numbers."""

SCALAR_ARRAYS: Mapping[tuple[str, str], object] = {
    (f"numpy.{core}.multiarray", "scalar"): Constructor(_scalar_array) for core in ("core", "_core")
}
"""Scalars read as arrays of no dimension, for formats in which they are weights."""
