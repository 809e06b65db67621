"""The sea as a generator: z -> w -> pictures, under the names of the other kinds."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from akma_core.networks.kernels.compiled import available
from akma_core.networks.kernels.parallel import run

from .config import SeaConfig
from .noise import make_noise
from .scene import AVERAGE, CAMERA_Z, COVER, HAZE, WIND, make_scene
from .spectrum import Lattice
from .tables import Tables
from .texture import TILE

ROWS = 16
"""Rows of a picture that one thread computes at a time."""


class SeaMapping:
    """z -> w: nearly the identity, w being a sea in sixteen numbers of about normal distribution (see scene.py)."""

    def __init__(self, cfg: SeaConfig) -> None:
        self.cfg = cfg
        self.w_avg = torch.tensor(AVERAGE)

    def __call__(self, z: Tensor, truncation_psi: float = 1) -> Tensor:
        """[n, 16] -> [n, 16], float32. Wind brings clouds, and clear air more often than haze."""
        w = z.to(torch.float32).clone()
        w[:, COVER] = 0.8 * w[:, COVER] + 0.5 * w[:, WIND]
        w[:, HAZE] = 0.9 * w[:, HAZE] - 0.3 * w[:, WIND]
        w += self.w_avg
        return w if truncation_psi == 1 else self.w_avg.lerp(w, truncation_psi)


class SeaSynthesis:
    """ws and time -> pictures. `compiled` as in SeaGenerator.

    Compiled, a CPU's cores compute it for any device: torch on an H200 takes longer for a picture than two cores do
    (some ten thousand small operations, docs/gpu.md), and so the same w and time give the same bits everywhere.
    """

    def __init__(self, cfg: SeaConfig, compiled: bool) -> None:
        self.cfg, self.compiled = cfg, compiled
        self.num_ws = 1
        self.device = torch.device("cpu")
        self._lattices = [Lattice(cfg, index) for index in range(len(cfg.lengths))]
        self._noise: Any = make_noise(cfg)
        self._lengths: Any = np.array([[length, math.log2(length / TILE)] for length in cfg.lengths], np.float32)
        if not compiled:
            self.to(self.device)

    def to(self, device: torch.device | str) -> "SeaSynthesis":
        """Pictures are on `device` from then on; what is not compiled is computed there too, by torch."""
        self.device = torch.device(device)
        if self.compiled:
            return self
        self._lattices = [lattice.to(self.device) for lattice in self._lattices]
        self._noise = torch.as_tensor(self._noise).to(self.device)
        self._lengths = torch.as_tensor(self._lengths).to(self.device)
        return self

    def __call__(
        self,
        ws: Tensor,
        time: Tensor,
        camera: Tensor | None = None,
        width: int | None = None,
        height: int | None = None,
        *,
        window: tuple[int, int, int, int] | None = None,
    ) -> Tensor:
        """ws [n, 1, 16] and time [n] (seconds of sea, float64) -> float32 [n, 3, H, W], -1..1, on the device.

        camera [n, 3, 3]: from places in the output to places in the sea's picture, as StyleGAN3's transform; in heights
        of the picture from its centre, to the right and down. window: (top, left, height, width) of the picture
        that is wanted; it has the same bits as in the whole.
        """
        width, height = width or self.cfg.img_resolution, height or self.cfg.img_resolution
        where = torch.device("cpu") if self.compiled else self.device
        work = self._compile if self.compiled else self._compute
        ws, time = ws.to(where), time.to(where).double()
        camera = torch.eye(3).expand(len(ws), -1, -1) if camera is None else camera
        camera = camera.to(where).double()
        top, left, rows, columns = window or (0, 0, height, width)
        out = torch.empty(len(ws), 3, rows, columns, device=where)
        for k, picture in enumerate(out):
            s = make_scene(ws[k, 0].double(), time[k])
            work(s, time[k], camera[k], (width, height), top, left, picture)
        return out.to(self.device)

    def _compute(
        self, s: Tensor, time: Tensor, camera: Tensor, size: tuple[int, int], top: int, left: int, out: Tensor
    ) -> None:
        from .tensors import render, settle_tile

        tables = Tables(torch, self._lattices, settle_tile, s, time)
        z = (s[CAMERA_Z] + 0.5 * tables.heave).float()
        render(tables, self._lengths, self._noise, s.float(), z, camera.float(), size, top, left, out)

    def _compile(
        self, s: Tensor, time: Tensor, camera: Tensor, size: tuple[int, int], top: int, left: int, out: Tensor
    ) -> None:
        from .kernel import rows, settle_tile
        from .lanes import LANES

        tables = Tables(np, self._lattices, settle_tile, s.numpy(), float(time))
        z, scene, matrix = np.float32(s[CAMERA_Z] + 0.5 * tables.heave), s.float().numpy(), camera.float().numpy()
        width, height = size
        _, count, columns = out.shape
        pixels = out.numpy()  # threads are not in the caller's inference mode, in which `out` may have been made

        def work(first: int) -> None:
            part = np.empty((3, min(ROWS, count - first), -(-columns // LANES) * LANES), np.float32)
            rows(
                tables.waves, tables.quads, tables.statistics, self._lengths, self._noise, scene, z, matrix,
                width, height, top + first, left, part,
            )  # fmt: skip
            pixels[:, first : first + ROWS] = part[..., :columns]

        run(work, range(0, count, ROWS), torch.get_num_threads())


class SeaGenerator:
    """mapping and synthesis. `compiled`: by Numba, wherever that can be; False: the same by torch."""

    def __init__(self, cfg: SeaConfig, compiled: bool | None = None) -> None:
        self.cfg = cfg
        self.z_dim, self.w_dim, self.num_ws, self.img_resolution = cfg.z_dim, cfg.w_dim, 1, cfg.img_resolution
        self.mapping = SeaMapping(cfg)
        self.synthesis = SeaSynthesis(cfg, available() if compiled is None else compiled)
