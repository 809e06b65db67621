"""The picture by torch, on any device: what kernel.py does for one pixel, for all of a block of rows at once."""

from typing import Any

import torch
from torch import Tensor

from .ops import select
from .picture import CONE, OFFSETS_X, OFFSETS_Y, SAMPLE, SAMPLES, developed, place, ray
from .settle import settled
from .sky import sky
from .surface import approach, meet
from .tables import Tables
from .texture import TILE
from .water import water

BLOCK = 1 << 18
"""Pixels computed together at most: a sample of one takes about 2 kB on the way."""


def settle_tile(moves: Tensor, traits: Tensor) -> Tensor:
    """As tables.Settle."""
    centres = (torch.arange(TILE, device=moves.device, dtype=torch.float32) + 0.5) / TILE
    return torch.stack(settled(moves, traits, centres[None].expand(TILE, -1), centres[:, None].expand(-1, TILE)), -1)


def render(tables: Tables, lengths: Tensor, noise: Tensor, s: Tensor, z: Tensor, camera: Tensor, size: tuple[int, int],
           top: int, left: int, out: Tensor) -> None:  # fmt: skip
    """out [3, rows, columns] <- the part of a picture of size (width, height) from (top, left) on."""
    rows = max(1, BLOCK // out.shape[2])
    for first in range(0, out.shape[1], rows):
        part = out[:, first : first + rows]
        part.copy_(_block(tables, lengths, noise, s, z, camera, size, top + first, left, part.shape[1:]))


def _block(tables: Tables, lengths: Tensor, noise: Tensor, s: Tensor, z: Tensor, camera: Tensor, size: tuple[int, int],
           top: int, left: int, shape: torch.Size) -> Tensor:  # fmt: skip
    width, height = size
    row = (top + torch.arange(shape[0], device=s.device, dtype=torch.float32))[:, None].expand(shape)
    column = (left + torch.arange(shape[1], device=s.device, dtype=torch.float32))[None].expand(shape)
    quads, statistics = tables.quads, tables.statistics
    x, y = place(camera, width, height, column, row, 0.0, 0.0)
    dx, dy, dz, angle = ray(s, x, y)
    start = approach(quads, statistics, lengths, s, z, (dx, dy, dz), angle / height, CONE)
    picture: Any = (0.0, 0.0, 0.0)
    for k in range(SAMPLES):
        x, y = place(camera, width, height, column, row, OFFSETS_X[k], OFFSETS_Y[k])
        dx, dy, dz, angle = ray(s, x, y)
        d, angle = (dx, dy, dz), angle * SAMPLE / height
        t, wet = meet(quads, statistics, lengths, s, z, d, angle, start)
        below = water(tables.waves, statistics, lengths, noise, s, d, t, angle)
        above = sky(s, noise, dx, dy, dz, angle, 1.0)
        picture = tuple(
            total + developed(s, select(wet, b, a)) for total, a, b in zip(picture, above, below, strict=True)
        )
    return torch.stack([total * 0.25 for total in picture])
