"""torch's share of a pickle: storages, and the tensors that are views of them. torch makes none of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .numpy_types import are_sizes
from .unpickler import Budget, Constructor, bad_network, damaged

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_PROTOCOL = 1001

Sizes = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Storage:
    """A run of little-endian numbers, a view of the file. bfloat16 is numpy's two-byte void, "V2"."""

    dtype: np.dtype[Any]
    numel: int
    data: memoryview = field(default_factory=lambda: memoryview(b""))
    """Filled in later where the numbers lie behind the pickle."""


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A view of a storage, in elements. It lies inside the storage and has no more elements than it."""

    storage: Storage
    offset: int
    shape: Sizes
    stride: Sizes

    def view(self) -> NDArray[Any]:
        """The numbers where they lie in the file, read through the strides."""
        dtype = self.storage.dtype
        strides = [step * dtype.itemsize for step in self.stride]
        return np.ndarray(self.shape, dtype, self.storage.data, self.offset * dtype.itemsize, strides)


STORAGE_TYPES: Mapping[tuple[str, str], object] = {
    ("torch", f"{kind}Storage"): np.dtype(code)
    for kind, code in {
        **{"Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "V2"},
        **{"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?"},
    }.items()
}


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
    if not (are_sizes((offset,)) and are_sizes(shape) and are_sizes(stride)):
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
    if type(hooks) is not dict or hooks:
        raise bad_network("a tensor carries hooks, which no StyleGAN network needs; do not trust this file")
    if metadata:
        raise bad_network("a tensor carries metadata, which AKMA does not know; save the network again")


TENSORS: Mapping[tuple[str, str], object] = {
    ("torch._utils", "_rebuild_tensor_v2"): Constructor(_tensor),
    ("torch._utils", "_rebuild_parameter"): Constructor(_parameter),
}
