"""Columns: what a feature is of each frame of the song."""

import numpy as np
from numpy.typing import NDArray

FRAME_RATE = 100  # frames a second of every column
Column = NDArray[np.float32]  # [frames at FRAME_RATE]
