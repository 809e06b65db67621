"""Pictures made small: what a cell is, and that planes and RGB agree."""

import numpy as np
import pytest
import torch

from akma_core.media.flash.grid import LINEAR, Grid
from akma_core.media.yuv import rgb_to_yuv420
from tests.support.clips import scene


@pytest.mark.parametrize(
    ("width", "height", "fine", "points", "coarse"),
    [(1920, 1080, (270, 480), (27, 48), (18, 32)), (256, 256, (256, 256), (48, 48), (32, 32)),
     (1024, 1024, (256, 256), (48, 48), (32, 32)), (1080, 1920, (274, 154), (48, 27), (32, 18)),
     (16, 2, (2, 16), (2, 16), (2, 16)), (2, 2000, (285, 1), (48, 1), (32, 1)), (2000, 2, (1, 500), (1, 48), (1, 32))],
)  # fmt: skip
def test_cells(
    width: int, height: int, fine: tuple[int, int], points: tuple[int, int], coarse: tuple[int, int]
) -> None:
    grids = Grid.fine(width, height), Grid.points(width, height), Grid.coarse(width, height)
    for grid, cells in zip(grids, (fine, points, coarse), strict=True):
        assert (grid.rows, grid.columns) == cells
        assert grid.small(np.full((1, height, width, 3), 7, np.uint8)).shape == (1, *cells, 3)


def test_a_coarse_cell_is_the_mean_of_its_light() -> None:
    picture = np.zeros((1, 64, 64, 3), np.uint8)
    picture[:, ::2] = 255
    code = Grid.coarse(64, 64).small(picture)
    assert (code == 188).all()  # half of the light, as sRGB
    assert LINEAR[188] == pytest.approx(0.5, abs=0.005)


def test_a_fine_cell_is_the_pixel_in_its_middle() -> None:
    picture = np.arange(1080 * 1920 * 3).astype(np.uint8).reshape(1, 1080, 1920, 3)
    assert (Grid.fine(1920, 1080).small(picture) == picture[:, 2::4, 2::4]).all()


@pytest.mark.parametrize(("width", "height"), [(256, 256), (1000, 562), (20, 300)])
def test_points_are_pixels_spread_evenly(width: int, height: int) -> None:
    grid = Grid.points(width, height)
    for at, size in zip(grid.middles, (height, width), strict=True):
        assert 0 <= at[0] <= at[-1] < size
        assert np.ptp(np.diff(at)) <= 1 if len(at) > 1 else True
    picture = np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.uint8)
    down, across = grid.middles
    assert (grid.small(picture) == picture[:, down][:, :, across]).all()


def test_odd_sizes_keep_every_pixel() -> None:
    picture = np.zeros((1, 37, 101, 3), np.uint8)
    picture[0, 36, 100] = 255
    assert Grid.coarse(101, 37).small(picture)[0, -1, -1].min() > 0


@pytest.mark.parametrize("grid", [Grid.fine(256, 192), Grid.points(256, 192), Grid.coarse(256, 192)])
def test_planes_are_as_their_rgb(grid: Grid) -> None:
    rgb = scene(2, 256, 192)
    planes = rgb_to_yuv420(torch.from_numpy(rgb)).numpy()
    apart = np.abs(grid.small(planes).astype(int) - grid.small(rgb))
    assert apart.mean() < 6
    grey = np.full((1, 192, 256, 3), 100, np.uint8)
    assert (np.abs(grid.small(rgb_to_yuv420(torch.from_numpy(grey)).numpy()).astype(int) - 100) <= 1).all()


@pytest.mark.parametrize("shape", [(1, 64, 95, 3), (1, 64, 96), (1, 97, 96)])
def test_frames_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected uint8 frames of 96x64"):
        Grid.fine(96, 64).small(np.zeros(shape, np.uint8))
