"""Tiles as seen from above: what stands where, and that levels lose nothing unseen."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from akma_core.networks.kernels.compiled import available
from akma_core.networks.sea import tensors
from akma_core.networks.sea.config import SeaConfig
from akma_core.networks.sea.scene import WIND, make_scene
from akma_core.networks.sea.spectrum import Lattice
from akma_core.networks.sea.tables import FOLD, HEIGHT, LEAN_X, Tables
from akma_core.networks.sea.texture import LEVELS, TEXELS, TILE, level_of, pyramid

LATTICES = [Lattice(SeaConfig(), index) for index in range(4)]
TIME = 5.0


def scene(wind: float) -> torch.Tensor:
    w = torch.zeros(16, dtype=torch.float64)
    w[WIND] = wind
    return make_scene(w, torch.zeros((), dtype=torch.float64))


@pytest.fixture(scope="module")
def tables() -> Tables:
    moment = torch.tensor(TIME, dtype=torch.float64)
    return Tables(torch, [each.to("cpu") for each in LATTICES], tensors.settle_tile, scene(1.5), moment)


def test_levels_are_means() -> None:
    texels = np.random.RandomState(1).randn(TILE, TILE, 2).astype(np.float32)
    levels = pyramid(np, texels)
    assert levels.shape == (TEXELS, 2)
    assert [level_of(levels, level).shape for level in range(LEVELS)] == [
        (TILE >> k, TILE >> k, 2) for k in range(LEVELS)
    ]
    assert np.array_equal(level_of(levels, 0), texels)
    mean = texels[16:24, 40:48].mean((0, 1))
    assert level_of(levels, 3)[2, 5] == pytest.approx(mean, abs=1e-6)


def test_levels_tell_what_they_lose(tables: Tables) -> None:
    assert tables.statistics.shape == (4, LEVELS, 4)
    slope, area, highest, lowest = tables.statistics.unbind(-1)
    assert (slope.diff(dim=1) >= 0).all()
    assert (area.diff(dim=1) >= 0).all()
    assert not slope[:, 0].any()
    for index in range(4):
        for level in range(LEVELS):
            heights = level_of(tables.waves[index], level)[..., HEIGHT]
            assert (heights.max(), heights.min()) == (highest[index, level], lowest[index, level])
    lean = tables.waves[1, :, LEAN_X : LEAN_X + 2]
    whole, coarsest = (level_of(lean, level).square().mean() for level in (0, LEVELS - 1))
    assert slope[1, -1] == pytest.approx(float(whole - coarsest), rel=1e-4)


def test_heights_lie_beside_each_other(tables: Tables) -> None:
    """What is read at a time are the four texels around a place, across the tile's border too."""
    for level in (0, 3):
        heights, quads = level_of(tables.waves[0], level)[..., HEIGHT], level_of(tables.quads[0], level)
        for channel, (down, right) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            assert torch.equal(quads[..., channel], heights.roll((-down, -right), (0, 1)))


def test_water_stands_where_it_has_come_to() -> None:
    """A piece whose displacement is known is found at its new place."""
    x = np.tile((np.arange(TILE, dtype=np.float32) + 0.5) / TILE, (TILE, 1))
    wave = 2 * np.pi * x
    move = 0.02 * np.sin(wave)
    stretch = 0.02 * 2 * np.pi * np.cos(wave)
    still = np.zeros_like(x)
    moves = torch.from_numpy(np.stack([move, still, stretch, still], -1).reshape(1, -1, 4))
    traits = torch.from_numpy(np.stack([np.cos(wave)] * 8, -1).reshape(1, -1, 8))
    settled: NDArray[np.float32] = tensors.settle_tile(moves, traits)[..., 0].numpy()
    rest = x[0].astype(np.float64)
    for _ in range(60):
        rest = x[0] - 0.02 * np.sin(2 * np.pi * rest)
    assert np.abs(settled - np.cos(2 * np.pi * rest)).max() < 1e-3


def test_storms_fold(tables: Tables) -> None:
    moment = torch.tensor(TIME, dtype=torch.float64)
    calm = Tables(torch, [each.to("cpu") for each in LATTICES], tensors.settle_tile, scene(-2.0), moment)
    stormy_fold, calm_fold = (float(each.waves[0, : TILE * TILE, FOLD].min()) for each in (tables, calm))
    assert 0 <= stormy_fold < 0.6 < calm_fold


@pytest.mark.skipif(not available(), reason="without Numba both are torch")
def test_compiled_and_torch_make_the_same_tables(tables: Tables) -> None:
    from akma_core.networks.sea.kernel import settle_tile

    ours = Tables(np, LATTICES, settle_tile, scene(1.5).numpy(), TIME)
    for name in ("waves", "quads", "statistics"):
        mine, theirs = getattr(ours, name), getattr(tables, name).numpy()
        assert np.abs(mine - theirs).max() < 1e-3 * np.abs(theirs).max(), name
    assert ours.heave == pytest.approx(float(tables.heave), abs=1e-3)
