"""Every name that a StyleGAN .pkl of PyTorch may use: persistent modules, and tensors whose storages nest a stream."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .inert import INERT
from .numpy_types import DICT, PLAIN
from .torch_types import STORAGE_TYPES, TENSORS, TORCH_MAGIC, TORCH_PROTOCOL, Storage
from .unpickler import Budget, Constructor, DataUnpickler, bad_network, damaged


@dataclass(frozen=True, eq=False, slots=True)
class Module:
    """One persistent object: its class's name and its attributes. The source text it came with is dropped."""

    class_name: str
    state: dict[str, Any]


class StorageUnpickler(DataUnpickler):
    """The stream nested in a storage: plain values, torch's storage types and one kind of persistent id."""

    names: ClassVar[Mapping[tuple[str, str], object]] = STORAGE_TYPES

    def persistent_load(self, pid: object) -> tuple[np.dtype[Any], str, int]:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), str(), int(numel), None):
                return dtype, key, numel
        raise damaged("a tensor refers to something that is not a storage")

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **{
            code: load
            for code, load in DataUnpickler.dispatch.items()
            if code not in (pickle.REDUCE[0], pickle.NEWOBJ[0], pickle.BUILD[0])
        },
        pickle.BINPERSID[0]: pickle._Unpickler.dispatch[pickle.BINPERSID[0]],
    }


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


class ContainerUnpickler(DataUnpickler):
    """The outer stream of a PyTorch container."""

    names: ClassVar[Mapping[tuple[str, str], object]] = {
        **INERT,
        **PLAIN,
        **TENSORS,
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): Constructor(_module),
        ("torch.storage", "_load_from_bytes"): Constructor(_storage),
        ("dnnlib.util", "EasyDict"): DICT,
        ("dnnlib", "EasyDict"): DICT,
    }


def load_container(data: memoryview) -> object:
    """Read a .pkl's one pickle as dicts, lists, plain values and inert records; RequestError if not allowed."""
    return ContainerUnpickler(data, Budget(encoded=len(data))).load_whole()
