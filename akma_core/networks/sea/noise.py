"""Fixed tiles for what drifts on the sea and above it: clouds and the lace of foam. Made once from a seed."""

import numpy as np
from numpy.typing import NDArray

from .config import SeaConfig
from .texture import TILE, pyramid

CLOUD, CLOUD_DX, CLOUD_DY, LACE = range(4)
"""Channels: density 0..1 with every value as frequent, its gradient in densities a tile, foam's threshold 0..1."""
Field = NDArray[np.float64]


def make_noise(cfg: SeaConfig) -> NDArray[np.float32]:
    """The pyramid [1, texels, 4], float32, of a tile that repeats without a seam."""
    random = np.random.RandomState(cfg.seed ^ 0x5EA)
    warp = [_field(random, 2.2, 1.5) * 9 for _ in range(2)]
    billows = _uniform(_warped(_field(random, 1.55, 1.2) + 0.5 * np.abs(_field(random, 1.45, 3.0)), warp))
    slope_x, slope_y = ((np.roll(billows, -2, axis) - np.roll(billows, 2, axis)) * TILE / 4 for axis in (1, 0))
    ridges = sum(weight * np.abs(_field(random, 0.9, low)) for weight, low in ((1.0, 7.0), (0.6, 18.0), (0.35, 40.0)))
    warp = [_field(random, 2.0, 5.0) * 3 for _ in range(2)]
    lace = _uniform(_warped(np.asarray(ridges), warp))
    texels: NDArray[np.float32] = pyramid(np, np.stack([billows, slope_x, slope_y, lace], -1).astype(np.float32))
    return texels[None]


def _field(random: np.random.RandomState, fall: float, low: float) -> Field:
    """Normal noise with amplitudes k^-fall from `low` waves a tile on; standard deviation one."""
    k = np.hypot(np.fft.fftfreq(TILE, 1 / TILE)[:, None], np.fft.fftfreq(TILE, 1 / TILE)[None])
    amplitude = np.where(k > 0, (k * k + low * low) ** (-fall / 2), 0)
    field = np.fft.ifft2(np.fft.fft2(random.randn(TILE, TILE)) * amplitude).real
    return np.asarray(field / field.std())


def _warped(field: Field, by: list[Field]) -> Field:
    """`field` read at places moved by so many texels, in x and in y."""
    x, y = np.arange(TILE) + by[0], np.arange(TILE)[:, None] + by[1]
    left, top = np.floor(x), np.floor(y)
    right_share, down_share = x - left, y - top
    i, j = top.astype(int), left.astype(int)

    def at(down: int, right: int) -> Field:
        return np.asarray(field[(i + down) % TILE, (j + right) % TILE])

    upper = at(0, 0) * (1 - right_share) + at(0, 1) * right_share
    lower = at(1, 0) * (1 - right_share) + at(1, 1) * right_share
    return upper * (1 - down_share) + lower * down_share


def _uniform(field: Field) -> Field:
    """Each value's rank, 0..1."""
    ranks = np.empty(field.size)
    ranks[np.argsort(field, axis=None, kind="stable")] = (np.arange(field.size) + 0.5) / field.size
    return ranks.reshape(field.shape)
