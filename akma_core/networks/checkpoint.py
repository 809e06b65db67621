"""A generator read from somebody's file, as plain data: what kind it is, its settings and its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pkl.unpickler import bad_network, damaged

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A generator whose weights have the shapes that its settings imply, all finite."""

    kind: str
    settings: dict[str, Any]
    """Plain values, as the kind's configuration class takes them."""
    state_dict: dict[str, NDArray[np.float32]]
    """Every weight by its published name: C-contiguous, in memory of its own."""


def checked(
    kind: str,
    settings: dict[str, Any],
    views: Mapping[str, NDArray[Any]],
    shapes: Mapping[str, Shape],
    size: int,
) -> Checkpoint:
    """The checkpoint of `views` into a file of `size` bytes; nothing is allocated before all shapes are right.

    `views` are numbers as stored, of any float type; `shapes` is what the settings imply. RequestError where the two
    differ, and for weights that are no finite numbers.
    """
    check_shapes({name: view.shape for name, view in views.items()}, shapes)
    if sum(view.nbytes for view in views.values()) > size:
        raise damaged("its tensors together are larger than the file")
    return Checkpoint(kind, settings, {name: floats(name, view) for name, view in views.items()})


def check_shapes(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> None:
    """RequestError unless there are exactly the expected names, each with the expected shape."""
    for names, what in (
        (expected.keys() - found.keys(), "lacks"),
        (found.keys() - expected.keys(), "has unknown"),
    ):
        if names:
            some = ", ".join(name[:80] for name in sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
            raise bad_network(f"the network {what} tensors ({some}): it is not the one that its settings say")
    for name, shape in expected.items():
        if found[name] != shape:
            raise bad_network(f"the network's {name} has shape {found[name]}, but its settings imply {shape}")


def floats(name: str, view: NDArray[Any]) -> NDArray[np.float32]:
    """The numbers of a view as float32 in memory of their own; RequestError unless they are finite floats."""
    if view.dtype.kind == "V":
        # bfloat16 is the upper half of a float32.
        halves = np.array(view, order="C", copy=True).view("<u2")
        view = (halves.astype("<u4") << 16).view("<f4")
    if view.dtype.kind != "f" or not view.size:
        raise damaged(f"{name[:80]} is not a tensor of floats")
    with np.errstate(over="ignore"):
        array = np.array(view, dtype=np.float32, order="C", copy=True)
    if not np.isfinite(array).all():
        raise bad_network(f"{name[:80]} holds NaN or infinity, the training had failed; take an earlier snapshot")
    return array
