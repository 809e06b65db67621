"""The waves of one moment as tiles: a directional spectrum with fixed phases, each wave moved by its own frequency.

Energy by wavenumber: a wind sea, B(k) = k^4 S(k) = level exp(-1.25 (k_p / k)^2) with an enhanced peak (the saturation
range after Phillips, the peak after JONSWAP, Hasselmann et al. 1973), spread about the wind as cos^2s (Longuet-Higgins
1963), and a narrow swell. Frequencies are those of deep water with surface tension, omega^2 = g k + gamma k^3.
Each tile holds a band of the spectrum; the bands' squared shares sum to one. Surfaces of choppy waves after Tessendorf,
"Simulating Ocean Water", 2001.
"""

import math
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from .config import SeaConfig
from .scene import (
    GRAVITY,
    LEVEL,
    PEAK,
    RIPPLE,
    SWELL_K,
    SWELL_LEVEL,
    SWELL_TOWARDS,
    TOWARDS,
)
from .texture import TILE

ANGLES = (0.0, 0.61, 1.37, 2.29)
"""Rotation of each tile, radians, so that their repeats do not line up."""
TENSION = 7.4e-5
"""Surface tension over density, m^3 / s^2."""
SHORTEST = 4.0
"""Texels of a tile's shortest wave: what bilinear interpolation still draws smoothly."""
MEMORY = 1.3
"""Seconds for which foam stays where a crest has folded."""
HEIGHT, MOVE_X, MOVE_Y, SLOPE_X, SLOPE_Y, STRETCH_X, STRETCH_Y, SHEAR, WAKE = range(9)
"""Channels of a tile: height, horizontal displacement, gradient of the height, of the displacement, past stretch."""
CHANNELS = 9
USED = (tuple(range(CHANNELS)), tuple(range(CHANNELS)), tuple(range(WAKE)), (SLOPE_X, SLOPE_Y))
"""Channels that each tile is asked for: the shortest waves change only the light, and leave no foam behind."""
BAND = int(TILE / SHORTEST)
"""Waves along a tile's side at which its share has ended: only so many of its frequencies are computed."""

Array = Any
"""Functions of numpy or torch: `xp` is the module."""


class Lattice:
    """Waves of one tile: fixed directions, frequencies and phases, [2 BAND, BAND], half of the plane."""

    def __init__(self, cfg: SeaConfig, index: int) -> None:
        length = cfg.lengths[index]
        self.length = length
        step = 2 * math.pi / length
        rows = np.r_[:BAND, -BAND:0]
        y, x = rows[:, None] * step, np.arange(BAND)[None] * step
        cos, sin = math.cos(ANGLES[index]), math.sin(ANGLES[index])
        self.kx: Array = x * cos - y * sin
        self.ky: Array = x * sin + y * cos
        self.k: Array = np.maximum(np.hypot(x, y), step)
        self.octaves: Array = np.log(self.k)
        self.omega: Array = np.sqrt(GRAVITY * self.k + TENSION * self.k**3)
        self.share: Array = _share(cfg, index, self.k) * step / math.sqrt(2)
        self.share[0, 0] = 0
        phases = np.random.RandomState(cfg.seed + index)  # whose numbers are frozen for ever
        plane = (phases.randn(TILE, TILE) + 1j * phases.randn(TILE, TILE)) / math.sqrt(2)
        opposite = np.roll(plane[::-1, ::-1], (1, 1), (0, 1)).conj()
        self.channels = USED[index]
        self.forward: Array = plane[rows, :BAND]
        self.backward: Array = opposite[rows, :BAND]

    def to(self, device: Any) -> "Lattice":
        """The same as tensors on a device."""
        import torch

        moved = object.__new__(Lattice)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(np.ascontiguousarray(value))
            setattr(moved, name, value.to(device) if isinstance(value, torch.Tensor) else value)
        return moved


def _share(cfg: SeaConfig, index: int, k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitude share of tile `index` at wavenumbers k: squared, the shares of all tiles sum to one up to the last."""

    def above(i: int) -> NDArray[np.float64]:
        """Rise from 0 to 1 across the border between tiles i and i + 1, half an octave to each side."""
        border = 2 * math.pi / (SHORTEST * cfg.lengths[i] / TILE) / math.sqrt(2)
        x = np.clip(np.log2(k / border) + 0.5, 0, 1)
        return x * x * (3 - 2 * x)

    lower = above(index - 1) if index else np.ones_like(k)
    return np.sqrt(lower * (1 - above(index)))


def tile(xp: Any, lattice: Lattice, scene: Any, time: Any) -> Array:
    """The channels of one tile that are used at `time`: float32 [C, TILE, TILE].

    xp: numpy (then `scene` and `time` are floats) or torch (tensors).
    """
    k, forward, backward = lattice.k, *_amplitudes(xp, lattice, scene)
    angle = lattice.omega * time
    turn = xp.cos(angle) - 1j * xp.sin(angle)
    forward = lattice.forward * forward * turn
    backward = lattice.backward * backward * turn.conj()
    h = forward + backward
    # Mean of the past with weight exp(-s / MEMORY): a low-pass of each wave by its own frequency.
    lag = 1 / (1 - 1j * MEMORY * lattice.omega)
    past = forward * lag + backward * lag.conj()
    x, y = lattice.kx / k, lattice.ky / k
    slope_x, slope_y = 1j * lattice.kx * h, 1j * lattice.ky * h
    waves = [
        h, 1j * x * h, 1j * y * h, slope_x, slope_y, -x * lattice.kx * h, -y * lattice.ky * h, -x * lattice.ky * h,
        -k * past,
    ]  # fmt: skip
    stack = xp.stack([waves[channel] for channel in lattice.channels])
    return _transformed(xp, stack.astype(np.complex64) if xp is np else stack.to(xp.complex64))


def _transformed(xp: Any, waves: Array) -> Array:
    """[C, 2 BAND, BAND] frequencies -> float32 [C, TILE, TILE] of what they add up to."""
    shape = (len(waves), TILE, BAND)
    rows = xp.zeros(shape, dtype=waves.dtype, **({} if xp is np else {"device": waves.device}))
    rows[:, :BAND], rows[:, -BAND:] = waves[:, :BAND], waves[:, BAND:]
    if xp is np:
        return scipy.fft.irfft(scipy.fft.ifft(rows, axis=1, norm="forward"), TILE, norm="forward")
    return xp.fft.irfft(xp.fft.ifft(rows, dim=1, norm="forward"), TILE, norm="forward")


def _amplitudes(xp: Any, lattice: Lattice, s: Any) -> tuple[Array, Array]:
    """Amplitudes of the waves along k and against it."""
    k = lattice.k
    ratio = s[PEAK] / k
    octave = (lattice.octaves - xp.log(s[PEAK])) / 0.28
    wind = s[LEVEL] * xp.exp(-1.25 * ratio * ratio) * (1 + 2.2 * xp.exp(-0.5 * octave * octave))
    short = k * k / (k * k + 40.0)  # from about a metre down it is the wind of the moment that makes ripples
    wind = wind * (1 + (s[RIPPLE] - 1) * short)
    narrow = 1.5 + 9.0 / (1 + 0.3 / (ratio * ratio))
    octave = (lattice.octaves - xp.log(s[SWELL_K])) / 0.18
    swell = s[SWELL_LEVEL] * xp.exp(-0.5 * octave * octave)
    x, y = lattice.kx / k, lattice.ky / k
    result = []
    for sign in (1, -1):
        energy = wind * _spread(xp, sign, x, y, s[TOWARDS], narrow)
        energy = energy + swell * _spread(xp, sign, x, y, s[SWELL_TOWARDS], 22.0 + 0 * k)
        result.append(lattice.share / (k * k) * xp.sqrt(energy))
    return result[0], result[1]


def _spread(xp: Any, sign: int, x: Array, y: Array, towards: Any, narrow: Array) -> Array:
    """Share of the energy by direction, cos(angle / 2)^(2 narrow), whose integral over the circle is about one."""
    cos = math.cos(towards) * x + math.sin(towards) * y if xp is np else xp.cos(towards) * x + xp.sin(towards) * y
    half = xp.clip(0.5 + 0.5 * sign * cos, 1e-9, 1)
    return xp.exp(narrow * xp.log(half)) * xp.sqrt(narrow + 0.27) / (2 * math.sqrt(math.pi))
