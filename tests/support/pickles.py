"""Pickles written opcode by opcode: containers of a tiny generator, and whatever a stranger may send.

Nothing named in them has to exist, so no fake module is ever registered.
"""

import pickle
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True)
class Name:
    """A global, by STACK_GLOBAL."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """A global called with arguments, by REDUCE or NEWOBJ; then dict items; then a state, by BUILD."""

    function: object
    args: object = ()
    items: dict[str, object] | None = None
    state: object = None
    opcode: bytes = pickle.REDUCE


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    code: bytes


ODICT = Name("collections", "OrderedDict")
EASYDICT = Name("dnnlib.util", "EasyDict")
PERSISTENT = Name("torch_utils.persistence", "_reconstruct_persistent_obj")
TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
PARAMETER = Name("torch._utils", "_rebuild_parameter")
STORAGE = Name("torch.storage", "_load_from_bytes")
DTYPE = Name("numpy", "dtype")
NDARRAY = Name("numpy", "ndarray")
RECONSTRUCT = Name("numpy.core.multiarray", "_reconstruct")
SCALAR = Name("numpy.core.multiarray", "scalar")


def emit(value: object) -> bytes:
    """The opcodes that push `value`, without PROTO and STOP."""
    match value:
        case Raw(code):
            return code
        case Name(module, name):
            return emit(module) + emit(name) + pickle.STACK_GLOBAL
        case Call(function, args, items, state, opcode):
            code = emit(function) + emit(args) + opcode
            code += b"" if items is None else b"(" + _pairs(items) + b"u"
            return code + (b"" if state is None else emit(state) + b"b")
        case None | bool():
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            encoded = pickle.encode_long(value)
            return b"\x8a" + bytes([len(encoded)]) + encoded
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            encoded = value.encode()
            return b"X" + struct.pack("<I", len(encoded)) + encoded
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case tuple():
            return b"(" + b"".join(map(emit, value)) + b"t"
        case list():
            return b"](" + b"".join(map(emit, value)) + b"e"
        case dict():
            return b"}(" + _pairs(value) + b"u"
        case set():
            return b"\x8f(" + b"".join(map(emit, value)) + b"\x90"
    raise TypeError(type(value))


def _pairs(items: dict[Any, Any]) -> bytes:
    return b"".join(emit(key) + emit(item) for key, item in items.items())


def dump(value: object) -> bytes:
    return b"\x80\x04" + emit(value) + b"."


def storage_bytes(
    raw: bytes,
    kind: str = "Float",
    numel: int | None = None,
    *,
    pid: object = None,
    length: int | None = None,
    system: object = None,
) -> bytes:
    """The nested stream; `pid`, `numel`, `length` and `system` replace what an honest writer puts there."""
    numel = len(raw) // 4 if numel is None else numel
    storage = Raw(b"ctorch\n" + kind.encode() + b"Storage\n")
    pid = ("storage", storage, "1", "cpu", numel, None) if pid is None else pid
    system = {"protocol_version": 1001, "little_endian": True} if system is None else system
    parts = (MAGIC, 1001, system, Raw(emit(pid) + b"Q"), ["1"])
    return b"".join(map(dump, parts)) + struct.pack("<Q", numel if length is None else length) + raw


def storage(raw: bytes, kind: str = "Float", numel: int | None = None) -> Call:
    return Call(STORAGE, (storage_bytes(raw, kind, numel),))


def view(store: object, offset: object, shape: object, stride: object, hooks: object = None, *rest: object) -> Call:
    return Call(TENSOR, (store, offset, shape, stride, False, Call(ODICT) if hooks is None else hooks, *rest))


def tensor(array: NDArray[Any]) -> Call:
    kind = {"<f4": "Float", "<f2": "Half", "<f8": "Double", "<i8": "Long"}[array.dtype.str]
    stride = tuple(step // array.itemsize for step in array.strides)
    return view(storage(array.tobytes(), kind, array.size), 0, array.shape, stride)


def parameter(value: object, hooks: object = None) -> Call:
    return Call(PARAMETER, (value, True, Call(ODICT) if hooks is None else hooks))


def module(class_name: str, state: object, *, source: str = "", version: object = 6) -> Call:
    meta = {
        "type": "class",
        "version": version,
        "module_src": source,
        "class_name": class_name,
        "state": state,
    }
    return Call(PERSISTENT, (meta,))


def plain_module(
    class_name: str,
    *,
    parameters: dict[str, object] | None = None,
    buffers: dict[str, object] | None = None,
    modules: dict[str, object] | None = None,
    state: dict[str, object] | None = None,
    source: str = "",
) -> Call:
    """A module as torch keeps it: parts in OrderedDicts, no hooks, numpy attributes; `state` adds to it."""
    attributes: dict[str, object] = {
        "training": False,
        "_parameters": Call(ODICT, items=parameters or {}),
        "_buffers": Call(ODICT, items=buffers or {}),
        "_non_persistent_buffers_set": set(),
        "_forward_hooks": Call(ODICT),
        "_modules": Call(ODICT, items=modules or {}),
        "gain": scalar("f8", struct.pack("<d", 0.5)),
        "size": ndarray("i8", (2,), struct.pack("<2q", 36, 36)),
    }
    return module(class_name, attributes | (state or {}), source=source)


def dtype(code: object, state: object = (3, "<", None, None, None, -1, -1, 0)) -> Call:
    return Call(DTYPE, (code, False, True), state=state)


def scalar(code: str, raw: bytes) -> Call:
    return Call(SCALAR, (dtype(code), raw))


def ndarray(code: object, shape: object, raw: object, kind: object = NDARRAY) -> Call:
    element = code if isinstance(code, Call) else dtype(code)
    return Call(RECONSTRUCT, (kind, (0,), b"b"), state=(1, shape, element, False, raw))


KWARGS: dict[str, object] = {"z_dim": 4, "c_dim": 0, "w_dim": 4, "img_resolution": 16, "img_channels": 3}
FREQS = np.arange(4, dtype="<f4").reshape(2, 2)
W_AVG = np.linspace(-1, 1, 4, dtype="<f4")


def generator(
    *,
    class_name: str = "Generator",
    kwargs: object = None,
    freqs: object = None,
    parts: dict[str, object] | None = None,
    state: dict[str, object] | None = None,
    source: str = "",
) -> Call:
    """The least that is read as a StyleGAN3 generator: a mapping with w_avg and an input with freqs.

    `freqs` replaces that tensor, `kwargs` the arguments; `parts` are more modules, `state` more attributes.
    """
    buffers = {"freqs": tensor(FREQS) if freqs is None else freqs, "absent": None}
    inputs = plain_module("SynthesisInput", buffers=buffers)
    modules: dict[str, object] = {
        "mapping": plain_module("MappingNetwork", parameters={"w_avg": parameter(tensor(W_AVG))}),
        "synthesis": plain_module("SynthesisNetwork", modules={"input": inputs}),
    }
    arguments: dict[str, object] = {"_init_args": (), "_init_kwargs": KWARGS if kwargs is None else kwargs}
    return plain_module(class_name, modules=modules | (parts or {}), state=arguments | (state or {}), source=source)


def container(g_ema: object = None, **others: object) -> bytes:
    return dump({"G": None, "D": None, "G_ema": generator() if g_ema is None else g_ema, **others})
