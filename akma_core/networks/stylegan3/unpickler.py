"""The official StyleGAN pickle read as data: nothing in a file is imported, called, compiled or given attributes.

Three allow-lists bound what a file can do: the opcodes in `dispatch`, the exact (module, name) pairs in `names`, and what
each of those pairs builds, which is one of the inert records below. `Budget` bounds how much work it can ask for. The
pure-Python unpickler of the standard library is the base, since the C one cannot be told which opcodes to accept and
allocates by the memo index (four gigabytes for a nine-byte file).

The bytes of a tensor are never copied here: they stay views of the file.
"""

import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from akma_core.errors import RequestError

MAX_OPCODES = 500_000  # a whole training container takes about 50,000
MAX_TEXT = 1 << 24  # bytes of text in all; the source text in an official container is about 0.2 MB
MAX_MARKS = 256  # nesting of unfinished tuples, lists and dicts; official containers reach 13
MAX_NAME = 256  # characters of a dict key or of a global's module and name
MAX_DIMS = 8  # dimensions of a tensor or array; convolution weights have 4

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_PROTOCOL = 1001


def bad_network(reason: str) -> RequestError:
    """The one error of this package's readers, code "bad_network"; `reason` is one line for the user."""
    return RequestError(reason, code="bad_network")


def damaged(detail: str) -> RequestError:
    """The error for bytes that no writer of networks produces."""
    return bad_network(
        f"the file is damaged or is not a network ({detail}): download it again from its source"
    )


@dataclass
class Budget:
    """What one file may still ask for, over its outer stream and all nested ones together."""

    opcodes: int = MAX_OPCODES
    text: int = MAX_TEXT

    def spend(self, *, opcodes: int = 0, text: int = 0) -> None:
        self.opcodes -= opcodes
        self.text -= text
        if self.opcodes < 0 or self.text < 0:
            raise bad_network(
                "the file asks for far more work than any StyleGAN network needs: do not trust it"
            )


@dataclass(frozen=True, eq=False, slots=True)
class Module:
    """One persistent object: its class's name and its attributes. The source text it came with is dropped."""

    class_name: str
    state: dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """A flat run of numbers: raw little-endian bytes, a view of the file. bfloat16 is numpy's two-byte void, "V2"."""

    dtype: np.dtype[Any]
    numel: int
    data: memoryview


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A view of a storage, in elements; it lies inside the storage and has no more elements than it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Constructor:
    """What an allowed name of the outer stream stands for. `build(budget, *args)` makes plain data."""

    build: Callable[..., object]
    by_newobj: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Dtype:
    """A numpy number type; `check` is what BUILD does to it."""

    dtype: np.dtype[Any]

    def check(self, state: object) -> None:
        match state:
            case (3, "<" | "|", None, None, None, -1, -1, 0):
                return
        raise bad_network("the file holds numpy data that are not plain little-endian numbers")


@dataclass(frozen=True, eq=False, slots=True)
class Array:
    """A numpy array, checked and then dropped: no weight of a network is one."""

    def check(self, state: object) -> None:
        match state:
            case (1, tuple(shape), Dtype(dtype), bool(), memoryview() as data):
                if _are_sizes(shape) and math.prod(shape) * dtype.itemsize == len(data):
                    return
        raise bad_network("the file holds a numpy array whose shape, type and bytes do not agree")


class DataUnpickler(pickle._Unpickler):
    """Opcodes and limits that both streams share. `names` maps exact (module, name) pairs to what is pushed for them."""

    names: ClassVar[Mapping[tuple[str, str], object]] = {}

    memo: dict[int, Any]
    stack: list[Any]
    metastack: list[list[Any]]
    append: Callable[[Any], None]

    def __init__(self, data: memoryview, budget: Budget) -> None:
        self.data, self.position, self.budget, self.proto = data, 0, budget, 0

    def load(self) -> Any:
        """The next pickle of the data; RequestError for whatever is not on the lists."""
        self.memo, self.metastack, self.stack = {}, [], []
        self.append = self.stack.append
        try:
            while (opcode := self.read(1)[0]) != pickle.STOP[0]:
                self.budget.spend(opcodes=1)
                if opcode not in self.dispatch:
                    raise damaged(f"it uses pickle opcode 0x{opcode:02x}")
                self.dispatch[opcode](self)  # type: ignore[arg-type]  # typeshed names the C class here
            return self.stack.pop()
        except (IndexError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
            raise damaged("its pickle makes no sense") from error

    def read(self, size: int) -> memoryview:
        start, self.position = self.position, self.position + size
        if self.position > len(self.data):
            raise bad_network("the file is cut short: its download did not finish, download it again")
        return self.data[start : self.position]

    def readline(self) -> bytes:
        window = bytes(self.data[self.position : self.position + MAX_NAME])
        return bytes(self.read(window.index(b"\n") + 1))

    def find_class(self, module: str, name: str) -> object:
        try:
            return self.names[module, name]
        except KeyError:
            pass
        if module.startswith("dnnlib.tflib"):
            raise bad_network(
                "this is a TensorFlow StyleGAN network; AKMA reads StyleGAN3 networks for PyTorch"
            )
        asked = ascii(f"{module[:80]}.{name[:80]}")[1:-1]
        raise bad_network(
            f"the file asks for {asked}, which no StyleGAN network needs: do not trust this file"
        )

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.metastack.pop()
        self.append = self.stack.append
        return items

    def load_mark(self) -> None:
        if len(self.metastack) >= MAX_MARKS:
            raise damaged("it is nested too deep")
        self.metastack.append(self.stack)
        self.stack = []
        self.append = self.stack.append

    def load_frame(self) -> None:
        self.read(8)  # only tells a reader how far it may read ahead

    def load_short_text(self) -> None:
        self.push_text(self.read(1)[0])

    def load_text(self) -> None:
        self.push_text(int.from_bytes(self.read(4), "little"))

    def push_text(self, size: int) -> None:
        self.budget.spend(text=size)
        self.append(str(self.read(size), "utf-8"))

    def load_long_binput(self) -> None:
        index = int.from_bytes(self.read(4), "little")
        if index >= MAX_OPCODES:
            raise damaged("its memo is too large")
        self.memo[index] = self.stack[-1]

    def load_append(self) -> None:
        self.extend_list([self.stack.pop()])

    def load_appends(self) -> None:
        self.extend_list(self.pop_mark())

    def extend_list(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise damaged("it appends to something that is not a list")
        self.stack[-1].extend(items)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.update_dict([key, value])

    def load_setitems(self) -> None:
        self.update_dict(self.pop_mark())

    def update_dict(self, items: list[Any]) -> None:
        # Short strings only: long or numeric keys can be chosen so that every look-up is slow.
        if type(self.stack[-1]) is not dict or not all(_is_name(key) for key in items[::2]):
            raise damaged("it sets items of something that is not a dict of names")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def load_additems(self) -> None:
        items = self.pop_mark()
        if type(self.stack[-1]) is not set or not all(map(_is_name, items)):
            raise damaged("it adds to something that is not a set of names")
        self.stack[-1].update(items)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        # What these do in the standard library is push, pop or memoise plain values.
        **{
            opcode[0]: pickle._Unpickler.dispatch[opcode[0]]
            for opcode in (
                *(pickle.PROTO, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE),
                *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINFLOAT),
                *(pickle.BINBYTES, pickle.SHORT_BINBYTES),
                *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
                *(pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET),
                *(pickle.BINGET, pickle.LONG_BINGET, pickle.BINPUT, pickle.MEMOIZE),
                *(pickle.GLOBAL, pickle.STACK_GLOBAL),  # through find_class
            )
        },
        pickle.MARK[0]: load_mark,
        pickle.FRAME[0]: load_frame,
        pickle.SHORT_BINUNICODE[0]: load_short_text,
        pickle.BINUNICODE[0]: load_text,
        pickle.LONG_BINPUT[0]: load_long_binput,
        pickle.APPEND[0]: load_append,
        pickle.APPENDS[0]: load_appends,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.ADDITEMS[0]: load_additems,
    }


class StorageUnpickler(DataUnpickler):
    """The stream nested in a storage: plain values, torch's storage types, one persistent id."""

    names = {
        ("torch", f"{kind}Storage"): np.dtype(code)
        for kind, code in {
            **{"Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "V2"},
            **{"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "<i1", "Byte": "<u1", "Bool": "?"},
        }.items()
    }
    dispatch = {
        **DataUnpickler.dispatch,
        pickle.BINPERSID[0]: pickle._Unpickler.dispatch[pickle.BINPERSID[0]],
    }

    def persistent_load(self, pid: object) -> tuple[np.dtype[Any], str, int]:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), str(), int(numel), None):
                return dtype, key, numel
        raise damaged("a tensor refers to something that is not a storage")


class NetworkUnpickler(DataUnpickler):
    """The outer stream: adds calls of, and states for, the names at the end of this file."""

    def load_reduce(self) -> None:
        args, constructor = self.stack.pop(), self.stack[-1]
        if type(constructor) is not Constructor or type(args) is not tuple:
            raise damaged("it calls something that cannot be called")
        self.stack[-1] = constructor.build(self.budget, *args)

    def load_newobj(self) -> None:
        args, constructor = self.stack.pop(), self.stack[-1]
        if type(constructor) is not Constructor or not constructor.by_newobj or args != ():
            raise damaged("it makes an object of a kind that networks do not have")
        self.stack[-1] = constructor.build(self.budget)

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Dtype | Array):
            raise damaged("it sets attributes of an object")
        target.check(state)

    dispatch = {
        **DataUnpickler.dispatch,
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.BUILD[0]: load_build,
    }


def load_network(data: memoryview) -> object:
    """The one pickle that is all of `data`, as dicts, lists, tuples, sets, numbers, text and the records above.

    Tensors are checked against their storages and are still views of `data`. Raises RequestError.
    """
    unpickler = NetworkUnpickler(data, Budget())
    value = unpickler.load()
    if unpickler.position != len(data):
        raise damaged("something follows its end")
    return value


def _is_name(value: object) -> bool:
    return type(value) is str and len(value) <= MAX_NAME


def _are_sizes(values: object) -> bool:
    return (
        type(values) is tuple and len(values) <= MAX_DIMS and all(type(v) is int and v >= 0 for v in values)
    )


def _module(_: Budget, meta: dict[str, Any]) -> Module:
    match meta:
        case {"type": "class", "version": 6, "class_name": str(name), "state": dict(state)}:
            return Module(name, state)
    raise bad_network(
        "the file keeps a module in a way AKMA does not know: it is from another version of StyleGAN"
    )


def _storage(budget: Budget, data: memoryview) -> Storage:
    """The legacy torch.save stream: magic, protocol, system, the storage's id, its keys, then length and bytes."""
    if bytes(data[:2]) == b"PK":
        raise bad_network("the file keeps a tensor in torch's zip format, which StyleGAN files do not use")
    stream = StorageUnpickler(data, budget)
    if stream.load() != TORCH_MAGIC or stream.load() != TORCH_PROTOCOL:
        raise damaged("a tensor's storage is not in torch's format")
    match stream.load(), stream.load(), stream.load():
        case {"little_endian": True}, (np.dtype() as dtype, str(key), int(numel)), [str(listed)] if (
            listed == key
        ):
            length = int.from_bytes(stream.read(8), "little")
            rest = data[stream.position :]
            if length == numel and numel * dtype.itemsize == len(rest):
                return Storage(dtype, numel, rest)
    raise damaged("a tensor's storage does not hold what it says")


def _tensor(
    _: Budget, storage: Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *rest: object
) -> Tensor:
    if type(storage) is not Storage or not (
        _are_sizes((offset,)) and _are_sizes(shape) and _are_sizes(stride)
    ):
        raise damaged("a tensor has no proper size")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    fits = 0 in shape or last < storage.numel
    if (
        not fits
        or max((offset, *stride, math.prod(shape))) > storage.numel
        or max(shape, default=0) > storage.numel
    ):
        raise damaged("a tensor reaches outside its storage")
    _no_hooks(*rest[1:])
    return Tensor(storage, offset, shape, stride)


def _parameter(_: Budget, tensor: Tensor, requires_grad: bool, hooks: object) -> Tensor:
    if type(tensor) is not Tensor or type(requires_grad) is not bool:
        raise damaged("a parameter is not a tensor")
    _no_hooks(hooks)
    return tensor


def _no_hooks(hooks: object, metadata: object = None) -> None:
    if type(hooks) is not dict or hooks or metadata:
        raise bad_network("a tensor in the file carries code hooks or metadata: do not trust this file")


def _dict(_: Budget) -> dict[str, Any]:
    return {}


def _set(budget: Budget, items: list[Any]) -> set[str]:
    budget.spend(opcodes=len(items))
    if type(items) is not list or not all(map(_is_name, items)):
        raise damaged("it holds a set of something other than names")
    return set(items)


def _dtype(_: Budget, code: str, align: bool, copy: bool) -> Dtype:
    if (
        code not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
        or align
        or not copy
    ):
        raise bad_network("the file holds numpy data of a type that networks do not have")
    return Dtype(np.dtype(code).newbyteorder("<"))


def _ndarray(_: Budget, *args: object) -> object:
    raise damaged("it calls numpy.ndarray")


def _array(_: Budget, kind: Constructor, shape: object, code: object) -> Array:
    if kind is not NDARRAY or shape != (0,) or code != b"b":
        raise bad_network("the file holds a numpy array of a type that networks do not have")
    return Array()


def _scalar(_: Budget, dtype: Dtype, data: memoryview) -> Any:
    if type(dtype) is not Dtype or type(data) is not memoryview or len(data) != dtype.dtype.itemsize:
        raise damaged("it holds a numpy scalar of the wrong size")
    return np.frombuffer(data, dtype.dtype)[0].item()


NDARRAY = Constructor(_ndarray)
DICT = Constructor(_dict, by_newobj=True)
SET = Constructor(_set)

NetworkUnpickler.names = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Constructor(_module),
    ("torch._utils", "_rebuild_tensor_v2"): Constructor(_tensor),
    ("torch._utils", "_rebuild_parameter"): Constructor(_parameter),
    ("torch.storage", "_load_from_bytes"): Constructor(_storage),
    ("collections", "OrderedDict"): DICT,
    ("dnnlib.util", "EasyDict"): DICT,
    ("dnnlib", "EasyDict"): DICT,
    ("builtins", "set"): SET,
    ("__builtin__", "set"): SET,
    ("numpy", "dtype"): Constructor(_dtype),
    ("numpy", "ndarray"): NDARRAY,
    **{
        (f"numpy.{core}.multiarray", name): Constructor(build)
        for core in ("core", "_core")
        for name, build in (("_reconstruct", _array), ("scalar", _scalar))
    },
}
