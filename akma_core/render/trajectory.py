"""w of every frame: two walks blended by the curve."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from akma_core.modulation.walk import Walk, blend
from akma_core.render.interfaces import FrameSource
from akma_core.render.plan import RenderPlan


class Trajectory:
    """w of every frame of a plan: two walks blended by the curve, computed when asked for."""

    def __init__(self, plan: RenderPlan, curve: NDArray[np.float64], pictures: FrameSource) -> None:
        if len(curve) != plan.total_frames:
            raise ValueError(f"a curve of {len(curve)} values for {plan.total_frames} frames")
        mapping = partial(pictures.mapping, plan.network)
        self._curve = curve
        self._top = Walk(plan.seeds_top, plan.total_frames, mapping)
        self._bottom = Walk(plan.seeds_bottom, plan.total_frames, mapping)

    def __call__(self, start: int, stop: int) -> NDArray[np.float32]:
        """w of frames start..stop of the song, [stop - start, w_dim]."""
        return blend(self._bottom(start, stop), self._top(start, stop), self._curve[start:stop])
