"""Every name an official StyleGAN pickle may use, and the inert record or plain value each stands for."""

import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from akma_core.networks.pkl.unpickler import Budget, DataUnpickler, bad_network, damaged, is_name

MAX_DIMS = 8  # dimensions of a tensor or array; convolution weights have 4
TORCH_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_PROTOCOL = 1001
NUMPY_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")

Sizes = tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Module:
    """One persistent object: its class's name and its attributes. The source text it came with is dropped."""

    class_name: str
    state: dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """A run of little-endian numbers, a view of the file. bfloat16 is numpy's two-byte void, "V2"."""

    dtype: np.dtype[Any]
    numel: int
    data: memoryview


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A view of a storage, in elements. It lies inside the storage and has no more elements than it."""

    storage: Storage
    offset: int
    shape: Sizes
    stride: Sizes


@dataclass(frozen=True, eq=False, slots=True)
class Dtype:
    """A numpy number type; `check` is what BUILD does to it."""

    dtype: np.dtype[Any]

    def check(self, state: object) -> None:
        match state:
            case (3, "<" | "|", None, None, None, -1, -1, 0):
                return
        raise bad_network("it holds numpy data that are not little-endian numbers; do not trust it")


@dataclass(frozen=True, eq=False, slots=True)
class Array:
    """A numpy array, checked by BUILD and then dropped: no weight of a network is one."""

    def check(self, state: object) -> None:
        match state:
            case (1, tuple(shape), Dtype(dtype=dtype), bool(), memoryview() as data) if _are_sizes(shape):
                if math.prod(shape) * dtype.itemsize == len(data):
                    return
        raise damaged("a numpy array's shape, type and bytes do not agree")


@dataclass(frozen=True, eq=False, slots=True)
class Constructor:
    """Builder of an allowed name: `build(budget, *arguments)` makes a record or a plain value."""

    build: Callable[..., object]


class StorageUnpickler(DataUnpickler):
    """The stream nested in a storage: plain values, torch's storage types and one kind of persistent id."""

    names: ClassVar[Mapping[tuple[str, str], object]] = {
        ("torch", f"{kind}Storage"): np.dtype(code)
        for kind, code in {
            **{"Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "V2"},
            **{"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?"},
        }.items()
    }

    def persistent_load(self, pid: object) -> tuple[np.dtype[Any], str, int]:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), str(), int(numel), None):
                return dtype, key, numel
        raise damaged("a tensor refers to something that is not a storage")

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **DataUnpickler.dispatch,
        pickle.BINPERSID[0]: pickle._Unpickler.dispatch[pickle.BINPERSID[0]],
    }


def _are_sizes(values: object) -> bool:
    return type(values) is tuple and len(values) <= MAX_DIMS and all(type(v) is int and v >= 0 for v in values)


def _module(_: Budget, meta: object) -> Module:
    match meta:
        case {"type": "class", "version": 6, "class_name": str(name), "state": dict(state)}:
            return Module(name, state)
    raise bad_network("it keeps its modules in an unknown form; save it again with the official StyleGAN3")


def _storage(budget: Budget, data: object) -> Storage:
    """The legacy torch.save stream: magic, protocol, system, the storage's id, its keys, length, numbers."""
    if type(data) is not memoryview:
        raise damaged("a tensor's storage is not bytes")
    if data[:2].tobytes() == b"PK":
        raise bad_network("it keeps a tensor in torch's zip format; save it again with the official StyleGAN3")
    stream = StorageUnpickler(data, budget)
    if stream.load() != TORCH_MAGIC or stream.load() != TORCH_PROTOCOL:
        raise damaged("a tensor's storage is not in torch's format")
    system, identity, keys = stream.load(), stream.load(), stream.load()
    match system, identity, keys:
        case {"little_endian": True}, (np.dtype() as dtype, str(key), int(numel)), [str(known)] if known == key:
            length = int.from_bytes(stream.read(8), "little")
            numbers = data[stream.position :]
            if length == numel and numel * dtype.itemsize == len(numbers):
                return Storage(dtype, numel, numbers)
    raise damaged("a tensor's storage does not hold what it says")


def _tensor(
    _: Budget,
    storage: Storage,
    offset: int,
    shape: Sizes,
    stride: Sizes,
    requires_grad: bool,
    hooks: object,
    metadata: object = None,
) -> Tensor:
    if type(storage) is not Storage or type(requires_grad) is not bool:
        raise damaged("a tensor is not made of a storage")
    if not (_are_sizes((offset,)) and _are_sizes(shape) and _are_sizes(stride)):
        raise damaged("a tensor has impossible sizes")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    # As many elements as numbers at most: a view that repeats numbers (stride 0) cannot grow in memory.
    inside = 0 in shape or last < storage.numel
    if not inside or max((offset, math.prod(shape), *shape, *stride)) > storage.numel:
        raise damaged("a tensor reaches outside its storage")
    _check_hooks(hooks, metadata)
    return Tensor(storage, offset, shape, stride)


def _parameter(_: Budget, tensor: object, requires_grad: object, hooks: object) -> Tensor:
    if type(tensor) is not Tensor or type(requires_grad) is not bool:
        raise damaged("a parameter is not a tensor")
    _check_hooks(hooks)
    return tensor


def _check_hooks(hooks: object, metadata: object = None) -> None:
    if type(hooks) is not dict or hooks or metadata:
        raise bad_network("a tensor carries hooks or metadata, which no StyleGAN network needs; do not trust this file")


def _dict(_: Budget) -> dict[str, Any]:
    return {}


def _set(budget: Budget, items: object) -> set[str]:
    if type(items) is not list:
        raise damaged("it makes a set of something that is not a list")
    budget.spend(opcodes=len(items))
    if not all(map(is_name, items)):
        raise damaged("it holds a set of something other than names")
    return set(items)


def _dtype(_: Budget, code: object, align: object, copy: object) -> Dtype:
    if type(code) is not str or code not in NUMPY_CODES or align is not False or copy is not True:
        raise bad_network("it holds numpy data that are not plain numbers; do not trust it")
    return Dtype(np.dtype(f"<{code}"))


def _ndarray(_: Budget) -> object:
    raise damaged("it calls numpy.ndarray")


def _array(_: Budget, kind: object, shape: object, code: object) -> Array:
    if kind is not NDARRAY or shape != (0,) or code != b"b":
        raise damaged("it holds a special kind of numpy array")
    return Array()


def _scalar(_: Budget, dtype: object, data: object) -> Any:
    if type(dtype) is not Dtype or type(data) is not memoryview or len(data) != dtype.dtype.itemsize:
        raise damaged("it holds a numpy scalar of the wrong size")
    return np.frombuffer(data, dtype.dtype)[0].item()


DICT = Constructor(_dict)
SET = Constructor(_set)
NDARRAY = Constructor(_ndarray)
ARRAY = Constructor(_array)
SCALAR = Constructor(_scalar)


class NetworkUnpickler(DataUnpickler):
    """The outer stream: also calls the constructors it names and sets the state of numpy types and arrays."""

    names: ClassVar[Mapping[tuple[str, str], object]] = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): Constructor(_module),
        ("torch._utils", "_rebuild_parameter"): Constructor(_parameter),
        ("torch._utils", "_rebuild_tensor_v2"): Constructor(_tensor),
        ("torch.storage", "_load_from_bytes"): Constructor(_storage),
        ("collections", "OrderedDict"): DICT,
        ("dnnlib.util", "EasyDict"): DICT,
        ("dnnlib", "EasyDict"): DICT,
        ("builtins", "set"): SET,
        ("__builtin__", "set"): SET,
        ("numpy", "dtype"): Constructor(_dtype),
        ("numpy", "ndarray"): NDARRAY,
        ("numpy.core.multiarray", "_reconstruct"): ARRAY,
        ("numpy.core.multiarray", "scalar"): SCALAR,
        ("numpy._core.multiarray", "_reconstruct"): ARRAY,
        ("numpy._core.multiarray", "scalar"): SCALAR,
    }

    def load_reduce(self) -> None:
        arguments, constructor = self.stack.pop(), self.stack[-1]
        if type(constructor) is not Constructor or type(arguments) is not tuple:
            raise damaged("it calls something that cannot be called")
        self.stack[-1] = constructor.build(self.budget, *arguments)

    def load_newobj(self) -> None:
        arguments, constructor = self.stack.pop(), self.stack[-1]
        if constructor is not DICT or arguments != ():
            raise damaged("it makes an object of a kind that networks do not have")
        self.stack[-1] = {}

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Dtype | Array):
            raise damaged("it sets attributes of an object")
        target.check(state)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **DataUnpickler.dispatch,
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.BUILD[0]: load_build,
    }


def load_network(data: memoryview) -> object:
    """The one pickle that is all of `data`: plain values and the records above, tensors as checked views.

    RequestError where the file is damaged, names anything else, or asks for too much work.
    """
    unpickler = NetworkUnpickler(data, Budget())
    value: object = unpickler.load()
    if unpickler.position != len(data):
        raise damaged("something follows its end")
    return value
