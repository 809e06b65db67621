"""The picture by torch, on any device: what kernel.py does for one pixel, for all of a block of rows at once."""

from typing import Any

import torch
from torch import Tensor

from .ops import select
from .picture import CONE, OFFSETS_X, OFFSETS_Y, SAMPLE, SAMPLES, developed, heave, place, ray, wet
from .sky import sky
from .surface import approach, meet
from .water import water

BLOCK = 1 << 18
"""Pixels computed together at most: a sample of one takes about 2 kB on the way."""


def render(tables: Any, lengths: Tensor, noise: Tensor, s: Tensor, camera: Tensor, size: tuple[int, int],
           top: int, left: int, out: Tensor) -> None:  # fmt: skip
    """out [3, rows, columns] <- the part of a picture of size (width, height) from (top, left) on."""
    rows = max(1, BLOCK // out.shape[2])
    for first in range(0, out.shape[1], rows):
        part = out[:, first : first + rows]
        part.copy_(_block(tables, lengths, noise, s, camera, size, top + first, left, part.shape[1:]))


def _block(tables: Any, lengths: Tensor, noise: Tensor, s: Tensor, camera: Tensor, size: tuple[int, int],
           top: int, left: int, shape: torch.Size) -> Tensor:  # fmt: skip
    width, height = size
    waves = tables.waves
    row = (top + torch.arange(shape[0], device=s.device, dtype=torch.float64))[:, None]
    column = (left + torch.arange(shape[1], device=s.device, dtype=torch.float64))[None]
    z = heave(waves, lengths, s)
    x, y = place(camera, width, height, column, row, 0.0, 0.0)
    dx, dy, dz, angle = ray(s, x, y)
    start = approach(waves, lengths, s, z, (dx, dy, dz), angle / height, CONE)
    picture: Any = (0.0, 0.0, 0.0)
    for k in range(SAMPLES):
        x, y = place(camera, width, height, column, row, OFFSETS_X[k], OFFSETS_Y[k])
        dx, dy, dz, angle = ray(s, x, y)
        d, angle = (dx, dy, dz), angle * SAMPLE / height
        t, mx, my, last = meet(waves, lengths, s, z, d, angle, start)
        below = water(waves, lengths, tables.variances, noise, s, d, (t, mx, my), z, angle)
        above = sky(s, noise, dx, dy, dz, angle, 1.0)
        hit = wet(dz, t, last)
        picture = tuple(
            total + developed(s, select(hit, b, a)) for total, a, b in zip(picture, above, below, strict=True)
        )
    return torch.stack([total * 0.25 for total in picture]).to(torch.float32)
