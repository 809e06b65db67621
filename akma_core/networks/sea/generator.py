"""The sea as a generator: z -> w -> pictures."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.networks.kernels.compiled import available
from akma_core.networks.kernels.parallel import run

from .config import SeaConfig
from .noise import make_noise
from .scene import COVER, FOAM, HAZE, WIND, make_scene
from .spectrum import Lattice, SLOPE_X, STRETCH_X, TILE, pyramid, tile
from .texture import LEVELS

ROWS = 16  # of a picture that one thread does at a time


class Tables:
    def __init__(self, xp: Any, lattices: list[Lattice], scene: Any, time: Any) -> None:
        fields = [tile(xp, lattice, scene, time) for lattice in lattices]
        self.waves = xp.stack([pyramid(xp, f) for f in fields])
        self.variances = xp.stack([_variances(xp, w) for w in self.waves])


def _variances(xp: Any, waves: Any) -> Any:
    """[LEVELS, 2]: what each level has lost of the variance of slope and of stretch, per axis."""
    first, side, found = 0, 256, []
    for _ in range(LEVELS):
        level = waves[first : first + side * side]
        square = level * level
        square = square.reshape(side, side, -1).sum(1).sum(0) / (side * side)
        found.append(xp.stack([(square[3] + square[4]) * 0.5, square[5] + square[6]]))
        first, side = first + side * side, side // 2
    kept = xp.stack(found)
    return kept[:1] - kept


class SeaGenerator:
    num_ws = 1

    def __init__(self, cfg: SeaConfig, compiled: bool | None = None) -> None:
        self.cfg = cfg
        self.compiled = available() if compiled is None else compiled
        self.lattices = [Lattice(cfg, i) for i in range(4)]
        self.noise = make_noise(cfg)
        self.lengths = np.array([[length, math.log2(length / TILE)] for length in cfg.lengths])

    def mapping(self, z: Tensor) -> Tensor:
        w = z.clone()
        w[:, COVER] = 0.8 * z[:, COVER] + 0.5 * z[:, WIND]
        return w

    def synthesis(self, ws: Tensor, time: Tensor, camera: Tensor | None, width: int, height: int) -> Tensor:
        from .kernel import rows

        out = torch.empty(len(ws), 3, height, width)
        for k in range(len(ws)):
            s = make_scene(ws[k, 0].double(), time[k].double()).numpy()
            tables = Tables(np, self.lattices, s, float(time[k]))
            cam = np.eye(3) if camera is None else camera[k].double().numpy()
            picture = out[k].numpy()

            def work(top: int) -> None:
                part = picture[:, top : top + ROWS]
                rows(tables.waves, self.lengths, tables.variances, self.noise, s, cam, width, height, top, 0, part)

            run(work, range(0, height, ROWS), torch.get_num_threads())
        return out
