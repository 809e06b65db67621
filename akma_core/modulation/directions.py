"""Directions in w: loud minus quiet, principal directions, or a saved vector; and how long a step along one is."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from akma_core.errors import RequestError

from .rows import Row
from .types import Columns, Floats, Path

SAMPLES = 1000  # seeds 0 and on, whose w stand for all
COMPONENTS = 64  # principal directions kept
CACHE_SIZE = 4  # networks
MAX_BYTES = 1 << 20  # of a .npy file


class Network(Protocol):
    """See trajectory.MappingNetwork."""

    key: str

    def __call__(self, seeds: Sequence[int], psi: float | None = None) -> Floats: ...


@dataclass(frozen=True)
class Statistics:
    """Statistics of a network's w, untruncated."""

    distance: float
    """D: mean distance of a w from w_avg."""
    components: Floats
    """Principal directions, [COMPONENTS or fewer, w_dim], of length 1, the strongest first."""


_kept: OrderedDict[str, Statistics] = OrderedDict()
_lock = Lock()


def w_average(network: Network) -> Floats:
    """The network's w_avg, [w_dim]: where truncation leads to."""
    average: Floats = network([0], 0.0)[0]
    return average


def statistics(network: Network) -> Statistics:
    """Distance and principal directions of the network's w, kept for the networks asked for last."""
    with _lock:
        if network.key not in _kept:
            w = network(range(SAMPLES), 1.0)
            distance = float(np.linalg.norm(w - w_average(network), axis=1).mean())
            values, vectors = np.linalg.eigh(np.cov(w, rowvar=False))
            strongest = vectors.T[np.argsort(-values, kind="stable")][:COMPONENTS]
            # An eigenvector has no sign of its own: the largest coordinate is made positive.
            peak = np.take_along_axis(strongest, np.abs(strongest).argmax(1)[:, None], axis=1)
            _kept[network.key] = Statistics(distance, strongest * np.sign(peak))
        _kept.move_to_end(network.key)
        while len(_kept) > CACHE_SIZE:
            _kept.popitem(last=False)
        return _kept[network.key]


def direction_of(row: Row, columns: Columns, network: Network, top: Path, bottom: Path) -> Path:
    """The row's direction at each frame: of length D, or as saved where it is raw."""
    name = row.direction or ""
    if row.raw:
        return _constant(columns[name].astype(np.float64))
    if name == "walks":
        distance = statistics(network).distance

        def apart(start: int, stop: int) -> Floats:
            d = top(start, stop) - bottom(start, stop)
            length = np.sqrt((d * d).sum(axis=1, keepdims=True))
            step: Floats = d * (distance / np.maximum(length, 1e-12))
            return step

        return apart
    known = statistics(network)
    if name.startswith("pca:"):
        vector = known.components[int(name.removeprefix("pca:")) - 1]
    else:
        vector = columns[name].astype(np.float64)
        vector = vector / np.linalg.norm(vector)
    return _constant(known.distance * vector)


def _constant(vector: Floats) -> Path:
    return lambda *_: vector[None]


def read_direction(path: FilePath, w_dim: int) -> NDArray[np.float32]:
    """The vector in a .npy file, [w_dim] float32; RequestError where it is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        vector = np.load(path, allow_pickle=False)
        if not isinstance(vector, np.ndarray) or vector.dtype.kind not in "fiu" or vector.size != w_dim:
            raise ValueError(f"it holds no {w_dim} numbers")
        vector = vector.astype(np.float32).reshape(w_dim)
        if not np.isfinite(vector).all() or not vector.any():
            raise ValueError("it points nowhere")
    except OSError as error:
        message = f"cannot read direction {path}: {error.strerror or 'no .npy file'}"
        raise RequestError(message, code="bad_modulation", field="modulation") from None
    except (ValueError, EOFError) as error:
        reason = " ".join(str(error).split())[:100]
        message = f"{path} is not a direction of this network: {reason}"
        raise RequestError(message, code="bad_modulation", field="modulation") from None
    return vector
