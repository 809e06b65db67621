"""A walk through key frames."""

from collections.abc import Sequence

import numpy as np
import scipy

from .keys import Key
from .types import Floats
from .walk import Mapping


class KeyedWalk:
    """A path through the w of keys: it rests at each for its hold, and eases from one to the next."""

    def __init__(self, keys: Sequence[Key], fps: float, mapping: Mapping) -> None:
        """`mapping`: seeds -> [n, w_dim]. At least one key."""
        self._times = np.array([moment for key in keys for moment in (key.at, key.at + key.hold)]) * fps
        self._marks = np.repeat(np.arange(len(keys), dtype=np.float64), 2)
        self._knots = mapping([key.seed for key in keys])
        order = min(3, len(keys) - 1)
        self._spline = (
            scipy.interpolate.make_interp_spline(np.arange(len(keys)), self._knots, k=order) if order else None
        )

    def __call__(self, start: int, stop: int) -> Floats:
        """w of frames start..stop, [stop - start, w_dim], float64."""
        u = np.interp(np.arange(start, stop), self._times, self._marks)
        whole = np.floor(u)
        u = whole + (1 - np.cos(np.pi * (u - whole))) / 2  # rests at a key, without a jerk
        at_key = u == np.rint(u)
        if self._spline is None:
            return np.repeat(self._knots, len(u), axis=0)
        w = np.array(self._spline(u), np.float64)
        w[at_key] = self._knots[np.rint(u[at_key]).astype(np.int64)]
        return w
