"""A plan and its columns become what a network on a device is given for each frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from akma_core.modulation.columns import CURVE
from akma_core.modulation.inputs import Inputs, noise_seeds
from akma_core.modulation.presets import WalkOptions
from akma_core.modulation.resolve import Modulation
from akma_core.modulation.trajectory import Trajectory as ModulatedTrajectory
from akma_core.modulation.types import Columns
from akma_core.render.interfaces import FrameSource
from akma_core.render.plan import RenderPlan

__all__ = ["Inputs", "Trajectory"]

AKMA = Modulation(preset="akma", strength=1.0, walk=WalkOptions(), rows=())  # of plans of version 1


class PlannedMapping:
    """The mapping network of a plan: its class, its truncation. See trajectory.MappingNetwork."""

    def __init__(self, plan: RenderPlan, pictures: FrameSource) -> None:
        self._network, self._pictures = plan.network, pictures
        self.key = f"{plan.network.digest}/{plan.network.class_index}"
        self.class_index = plan.network.class_index
        self.rates: Sequence[float] = pictures.rates

    def __call__(
        self, seeds: Sequence[int], psi: float | None = None, class_index: int | None = None
    ) -> NDArray[np.float64]:
        """w of each seed, [n, w_dim]; `psi` None: as the plan truncates; `class_index` None: the plan's class."""
        wanted = {"truncation_psi": psi, "class_index": class_index}
        changes = {name: value for name, value in wanted.items() if value is not None}
        network = self._network.model_copy(update=changes) if changes else self._network
        return self._pictures.mapping(network, seeds)


class Trajectory(ModulatedTrajectory):
    """The trajectory of a plan, by its columns, through the network of `pictures`."""

    def __init__(self, plan: RenderPlan, columns: Columns, pictures: FrameSource) -> None:
        """ValueError for columns of another song."""
        if len(columns[CURVE]) != plan.total_frames:
            raise ValueError(f"columns of {len(columns[CURVE])} frames for {plan.total_frames}")
        self._noise_seed = plan.network.noise_seed if plan.network.noise == "random" else None
        super().__init__(
            plan.modulation or AKMA,
            columns,
            (plan.seeds_top, plan.seeds_bottom),
            plan.total_frames,
            plan.fps,
            plan.network.truncation_psi,
            PlannedMapping(plan, pictures),
        )

    def __call__(self, start: int, stop: int) -> Inputs:
        """Inputs of frames start..stop of the song."""
        inputs = super().__call__(start, stop)
        if self._noise_seed is None:
            return inputs
        return replace(inputs, noise_seeds=noise_seeds(self._noise_seed, range(start, stop)))
