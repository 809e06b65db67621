"""Waves: their speed, their height, their slopes, and that bands lose nothing."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from akma_core.networks.sea.config import SeaConfig
from akma_core.networks.sea.scene import GRAVITY, SIGMA, WIND, make_scene
from akma_core.networks.sea.spectrum import (
    BAND,
    HEIGHT,
    MOVE_X,
    SLOPE_X,
    STRETCH_X,
    TENSION,
    USED,
    Lattice,
    _share,
    tile,
)
from akma_core.networks.sea.texture import TILE

CONFIG = SeaConfig()


@pytest.fixture(scope="module")
def lattices() -> list[Lattice]:
    return [Lattice(CONFIG, index) for index in range(4)]


def scene(wind: float = 1.0) -> NDArray[np.float64]:
    w = torch.zeros(16, dtype=torch.float64)
    w[WIND] = wind
    numbers: NDArray[np.float64] = make_scene(w, torch.zeros((), dtype=torch.float64)).numpy()
    return numbers


def test_every_wave_travels_at_its_own_speed(lattices: list[Lattice]) -> None:
    """A component's phase turns by omega t, omega = sqrt(g k) with surface tension's small share."""
    # Where the waves that run against the wind are faint, what is left is exp(-i omega t) but for their share.
    s, step = scene(), 0.25
    rows = np.r_[:BAND, -BAND:0]  # of a lattice
    before, after = (np.fft.rfft2(tile(np, lattices[0], s, t)[HEIGHT])[rows, :BAND] for t in (10.0, 10.0 + step))
    strongest = np.argsort(-np.abs(before), axis=None)[:20]
    k = lattices[0].k.flat[strongest]
    turned = -np.angle(after.flat[strongest] / before.flat[strongest])
    expected = np.sqrt(GRAVITY * k + TENSION * k**3) * step
    assert np.all(expected < math.pi)
    assert np.median(np.abs(turned - expected)) < 0.02


def test_slopes_and_stretch_are_derivatives(lattices: list[Lattice]) -> None:
    fields = tile(np, lattices[0], scene(), 3.0).astype(np.float64)
    cell = CONFIG.lengths[0] / TILE
    for value, derivative in ((HEIGHT, SLOPE_X), (MOVE_X, STRETCH_X)):
        middle = (np.roll(fields[value], -1, 1) - np.roll(fields[value], 1, 1)) / (2 * cell)
        assert np.corrcoef(middle.ravel(), fields[derivative].ravel())[0, 1] > 0.99


def test_crests_are_drawn_together(lattices: list[Lattice]) -> None:
    """The displacement stretches the surface in troughs and gathers it at crests."""
    fields = tile(np, lattices[0], scene(), 3.0)
    assert np.corrcoef(fields[HEIGHT].ravel(), fields[STRETCH_X : STRETCH_X + 2].sum(0).ravel())[0, 1] < -0.5


@pytest.mark.parametrize("wind", [-1.5, 0.0, 1.5])
def test_the_height_is_what_the_scene_says(lattices: list[Lattice], wind: float) -> None:
    s = scene(wind)
    variance = np.mean([sum(tile(np, each, s, t)[HEIGHT].var() for each in lattices[:3]) for t in (0.0, 40.0, 80.0)])
    assert math.sqrt(variance) == pytest.approx(s[SIGMA], rel=0.3)


def test_wind_raises_the_sea() -> None:
    heights = [scene(wind)[SIGMA] for wind in np.linspace(-3, 3, 13)]
    assert all(a < b for a, b in pairwise(heights))
    assert heights[-1] > 4 * heights[0]


def test_bands_share_the_spectrum() -> None:
    """At a wavenumber that two tiles have, the squares of their shares sum to one."""
    k = np.geomspace(0.02, 40, 200)
    total = sum(_share(CONFIG, index, k) ** 2 for index in range(4))
    assert np.allclose(total, 1)


def test_numpy_and_torch_make_the_same_tiles(lattices: list[Lattice]) -> None:
    w, time = torch.zeros(16, dtype=torch.float64), torch.tensor(77.7, dtype=torch.float64)
    s = make_scene(w, time)
    for lattice in lattices:
        ours = tile(np, lattice, s.numpy(), 77.7)
        theirs = tile(torch, lattice.to("cpu"), s, time).numpy()
        assert ours.shape == (len(USED[lattices.index(lattice)]), TILE, TILE)
        assert np.abs(ours - theirs).max() < 1e-5 * np.abs(ours).max()
