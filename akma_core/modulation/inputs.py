"""Inputs of a network for a run of frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Inputs:
    """Inputs for a run of n frames."""

    ws: NDArray[np.float32]
    """[n, num_ws, w_dim], or [n, 1, w_dim] where a network gets the same w in every layer."""
    transform: NDArray[np.float32] | None = None
    """Camera, [n, 3, 3]: output to input coordinates."""
    colour: NDArray[np.float32] | None = None
    """Factors of exposure, contrast and saturation, [n, 3]."""
    seconds: NDArray[np.float64] | None = None
    """Time of each frame, for networks that move by themselves, [n]."""
    noise_seeds: NDArray[np.int64] | None = None
    """Seeds of each frame's noise, for networks whose noise is drawn, [n]."""

    def __len__(self) -> int:
        return len(self.ws)

    def __getitem__(self, part: slice) -> "Inputs":
        return self._each(lambda array: array[part])

    def filled(self, count: int) -> "Inputs":
        """The same with the last frame repeated up to `count` frames."""
        return self._each(lambda array: np.concatenate([array, np.repeat(array[-1:], count - len(array), axis=0)]))

    def _each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "Inputs":
        others = self.transform, self.colour, self.seconds, self.noise_seeds
        return Inputs(change(self.ws), *(None if each is None else change(each) for each in others))


def noise_seeds(seed: int, frames: Sequence[int]) -> NDArray[np.int64]:
    """Seeds of the noise of frames of a plan, [n]: frame and `seed`, both 0 .. 2^32 - 1, as one number."""
    return (np.asarray(frames, np.uint64) << np.uint64(32) | np.uint64(seed)).view(np.int64)


def as_inputs(inputs: Inputs | NDArray[np.float32]) -> Inputs:
    """Inputs; a plain array [n, w_dim] is the w of every layer, [n, num_ws, w_dim] that of each."""
    if isinstance(inputs, Inputs):
        return inputs
    return Inputs(inputs[:, None] if inputs.ndim == 2 else inputs)
