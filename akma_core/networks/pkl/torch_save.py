"""Files of torch.save, read as data: the zip container of PyTorch 1.6 and later, and the stream of earlier ones.

Nothing here is torch's own reader, whose restricted form refuses the training checkpoints of rosinality's code.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .inert import INERT
from .numpy_types import PLAIN
from .torch_types import STORAGE_TYPES, TENSORS, TORCH_MAGIC, TORCH_PROTOCOL, Storage
from .torch_zip import Archive, open_archive
from .unpickler import Budget, Constructor, DataUnpickler, Stateful, bad_network, damaged


@dataclass(eq=False, slots=True)
class Namespace(Stateful):
    """The training script's options."""

    values: dict[str, Any] | None = None

    def set_state(self, state: object) -> None:
        if type(state) is not dict or self.values is not None:
            raise damaged("it sets its options in an unknown way")
        self.values = state


class TorchUnpickler(DataUnpickler):
    """The stream that holds the object. Its storages are in `storages`, by key."""

    names: ClassVar[Mapping[tuple[str, str], object]] = {
        **INERT,
        **PLAIN,
        **TENSORS,
        **STORAGE_TYPES,
        ("argparse", "Namespace"): Constructor(new=Namespace),
    }

    def __init__(self, data: memoryview, budget: Budget, archive: Archive | None = None) -> None:
        """`archive`: where the numbers are; None: they come behind the pickles."""
        super().__init__(data, budget)
        self.archive = archive
        self.storages: dict[str, Storage] = {}

    def persistent_load(self, pid: object) -> Storage:
        if type(pid) is not tuple:
            raise damaged("a tensor refers to something that is not a storage")
        match pid, self.archive is None:
            case (("storage", np.dtype() as dtype, str(key), str(), int(numel)), False) if type(numel) is int:
                return self.storage(key, dtype, numel)
            case (("storage", np.dtype() as dtype, str(key), str(), int(numel), None), True) if type(numel) is int:
                return self.storage(key, dtype, numel)
            case (("module", *_), _):
                raise bad_network("it holds whole modules with their source text; save the state dict alone")
        raise damaged("a tensor refers to something that is not a storage")

    def storage(self, key: str, dtype: np.dtype[Any], numel: int) -> Storage:
        """The storage of this key, which is of one type and length wherever it is named."""
        found = self.storages.get(key)
        if found is None:
            found = self.storages[key] = Storage(dtype, numel)
            if self.archive:
                _fill(found, self.archive.read(f"data/{key}"))
        if (found.dtype, found.numel) != (dtype, numel) or numel < 0 or len(self.storages) > len(self.data):
            raise damaged("a storage has two types or lengths")
        return found

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **DataUnpickler.dispatch,
        pickle.BINPERSID[0]: pickle._Unpickler.dispatch[pickle.BINPERSID[0]],
    }


def load_zip(data: memoryview) -> object:
    """The object in a zip container; RequestError if anything in it is not allowed."""
    archive = open_archive(data)
    return TorchUnpickler(archive.read("data.pkl"), Budget(encoded=len(data)), archive).load_whole()


def load_stream(data: memoryview) -> object:
    """The object in a stream: magic, protocol, system, object, keys, then each key's length and numbers."""
    stream = TorchUnpickler(data, Budget(encoded=len(data)))
    if stream.load() != TORCH_MAGIC or stream.load() != TORCH_PROTOCOL:
        raise damaged("it is not in torch's format")
    match stream.load():
        case {"little_endian": True}:
            pass
        case _:
            raise bad_network("its numbers are big-endian; save it again on another machine")
    value, keys = stream.load(), stream.load()
    if type(keys) is not list or not all(type(key) is str for key in keys) or len(set(keys)) != len(keys):
        raise damaged("its list of storages makes no sense")
    if set(keys) != stream.storages.keys():
        raise damaged("its list of storages is not that of its tensors")
    for key in keys:
        storage = stream.storages[key]
        if int.from_bytes(stream.read(8), "little") != storage.numel:
            raise damaged("a storage has two lengths")
        _fill(storage, stream.read(storage.numel * storage.dtype.itemsize))
    if stream.position != len(data):
        raise damaged("something follows its end")
    return value


def _fill(storage: Storage, numbers: memoryview) -> None:
    if len(numbers) != storage.numel * storage.dtype.itemsize:
        raise damaged("a storage has another length than it says")
    storage.data = numbers
