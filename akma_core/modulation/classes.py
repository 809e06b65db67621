"""Classes of a conditional network as a target: each has the render's walk as its own, and rows weigh them.

w = sum of c_k w_k with c_k = weight_k / sum of weights; the render's own class weighs 1. Where one class is alone this
is its walk to the bit, between two a straight line in w, which a mapping of c itself would bend a little but would
have to be computed for every seed at every frame.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .positions import driven
from .rows import Row
from .types import Columns, Floats, Path


class ClassWalk:
    """A walk that is the mean of its classes' walks, by weight."""

    def __init__(self, walks: Sequence[Path], weights: Floats) -> None:
        """`weights` [frames, classes], >= 0, none of them all 0."""
        self._walks, self._weights = walks, weights

    def __call__(self, start: int, stop: int) -> Floats:
        """w of frames start..stop, [stop - start, w_dim], float64."""
        parts = self._weights[start:stop]
        total: Floats = np.zeros((1, 1))
        for walk, weight in zip(self._walks, parts.T, strict=True):
            if weight.any():  # a class that is not there is not computed
                total = total + weight[:, None] * walk(start, stop)
        return total


def classes_of(rows: Sequence[Row]) -> list[int]:
    """Classes that rows weigh, each once, rising."""
    return sorted({row.class_index for row in rows if row.class_index is not None})


def class_weights(rows: Sequence[Row], own: int, columns: Columns, frames: int, fps: Fraction) -> Floats:
    """Weights of the render's own class and of the others that rows name, adding up to 1: [frames, 1 + others].

    A row of the render's own class takes the place of its weight of 1.
    """
    named = classes_of(rows)
    weights = []
    for index in (own, *(index for index in named if index != own)):
        mine = [row for row in rows if row.class_index == index]
        weights.append(driven(mine, columns, frames, fps, float(index == own), replace=True))
    found = np.maximum(np.stack(weights, axis=1), 0.0)
    found[found.sum(1) <= 0, 0] = 1.0
    return np.asarray(found / found.sum(1, keepdims=True), np.float64)
