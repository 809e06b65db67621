"""Winograd's convolutions in plain torch: tiles of the input, transforms as matrix products, one product a point."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TOGETHER = 512  # tiles whose products are made at once, where there are as many: weights are read as seldom


class Tiles:
    """Square tiles, their transforms being those of one axis along both."""

    def __init__(self, step: int, into: NDArray[np.float64], back: NDArray[np.float64]) -> None:
        """Tiles are `step` apart; `into` is [points, samples] of an axis, `back` [results, points]."""
        self.step, self.side, self.made = step, into.shape[1], len(back)
        self.into, self.back = (torch.from_numpy(np.kron(m, m)).float() for m in (into, back))

    def multiplied(self, picture: Tensor, weight: Tensor) -> Iterator[Tensor]:
        """[H, W, C] by weights [points^2, C, C_out] -> the results of each row of tiles, [made, across, made, C_out].

        Transforms are made a row at a time: they are faster on what the cache holds.
        """
        tiles = picture.unfold(0, self.side, self.step).unfold(1, self.side, self.step)
        across, channels = tiles.shape[1:3]
        together = -(-TOGETHER // across)
        for top in range(0, len(tiles), together):
            rows = tiles[top : top + together]
            v = torch.empty(len(self.into), len(rows), across, channels)
            for k, row in enumerate(rows):
                torch.mm(self.into, row.permute(2, 3, 0, 1).reshape(self.side**2, -1), out=v[:, k].flatten(1))
            m = torch.bmm(v.flatten(1, 2), weight).view(len(v), len(rows), -1)
            for k in range(len(rows)):
                y = (self.back @ m[:, k]).view(self.made, self.made, across, -1)
                yield y.transpose(1, 2)
