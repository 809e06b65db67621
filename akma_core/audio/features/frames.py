"""Columns at 100 Hz as curves with one value a video frame."""

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.features.column import FRAME_RATE, Column


def frame_curve(column: Column, fps: float, frames: int) -> NDArray[np.float32]:
    """Mean of `column` over each of `frames` video frames: float32 [frames], at any fps.

    A value of the column holds for the 10 ms from its time on; past the end the last value stays. For events use
    their times instead: an onset that is averaged over a frame is late and low.
    """
    if fps <= 0 or frames < 0:
        raise ValueError(f"fps {fps} must be > 0 and frames {frames} >= 0")
    if not len(column):
        return np.zeros(frames, np.float32)
    edges = np.arange(frames + 1) * (FRAME_RATE / fps)
    # The integral is linear between its knots, so a frame may begin and end anywhere within a value.
    integral = np.concatenate([[0.0], np.cumsum(column, dtype=np.float64)])
    beyond = np.maximum(edges - len(column), 0) * float(column[-1])
    at = np.interp(edges, np.arange(len(column) + 1), integral) + beyond
    curve: NDArray[np.float32] = (np.diff(at) * (fps / FRAME_RATE)).astype(np.float32)
    return curve
