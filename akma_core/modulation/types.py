"""Types that the modules of the modulation share."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Path = Callable[[int, int], Floats]
"""Frames start..stop of the song -> w, [stop - start, w_dim] float64, or [1, w_dim] where it stays."""
Columns = Mapping[str, NDArray[Any]]
"""By name: curves float32 [frames] (AKMA's float64), events float64 [n, 2] (s, strength), directions [w_dim]."""
