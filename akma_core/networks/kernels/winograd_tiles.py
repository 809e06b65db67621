"""Tiles of Winograd's F(6x6, 3x3) and the transform of its weights: what its plain and its compiled form share."""

import numpy as np
import torch
from torch import Tensor

TILE, STEP = 8, 6  # samples of a tile, and from one tile to the next
POINTS = TILE * TILE

G = np.array(
    [
        [1, 0, 0],
        [-2 / 9, -2 / 9, -2 / 9],
        [-2 / 9, 2 / 9, -2 / 9],
        [1 / 90, 1 / 45, 2 / 45],
        [1 / 90, -1 / 45, 2 / 45],
        [32 / 45, 16 / 45, 8 / 45],
        [32 / 45, -16 / 45, 8 / 45],
        [0, 0, 1],
    ]
)  # of the weights, for the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity


def transformed(weight: Tensor) -> Tensor:
    """[C_out, C_in, 3, 3] -> [64, C_out, C_in]."""
    g = torch.from_numpy(G)
    return torch.einsum("ai,ocij,bj->aboc", g, weight.double(), g).flatten(0, 1).float()
