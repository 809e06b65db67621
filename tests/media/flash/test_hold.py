"""The hold: what flashes too often is held, what does not is left alone, whatever the chunks."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.hold import HELD, STRICT, PixelHold
from akma_core.media.flash.meter import FlashMeter
from akma_core.media.flash.standards import STANDARDS, Name
from tests.support.holds import FPS, SIDE, held_frames, planes_of, square

FINE = Grid.fine(SIDE, SIDE)
GRID = Grid.points(SIDE, SIDE)


def shown(planes: NDArray[np.uint8], borders: list[int]) -> tuple[NDArray[np.uint8], int, NDArray[np.uint8]]:
    """See held_frames."""
    return held_frames(PixelHold, GRID, planes, borders)


def most(small: NDArray[np.uint8], grid: Grid = GRID, names: Sequence[Name] = HELD) -> int:
    """Transitions by the strictest standard, of those that are held to."""
    meter = FlashMeter(grid, FPS, [standard for standard in STANDARDS if standard.name in names])
    meter.add(small)
    return max(max(v.general.transitions, v.red.transitions) for v in meter.verdicts().values())


@pytest.mark.parametrize("borders", [[0, 120], [0, 30, 90, 120], [0, 43, 81, 120]])
@pytest.mark.parametrize("hertz", [4, 5, 7.5, 15])
def test_what_flashes_too_often_passes_held(hertz: float, borders: list[int]) -> None:
    planes = planes_of(square(hertz))
    assert most(GRID.small(planes)) > 6
    out, held, small = shown(planes, borders)
    assert held
    assert most(GRID.small(out)) <= 6
    assert (small == GRID.small(out)).all()


def test_a_smaller_field_is_held_where_its_standard_is_asked_for() -> None:
    planes = planes_of(square(5), share=0.084)  # more than may flash of WCAG's field, less than of trace24's
    assert most(GRID.small(planes)) <= 6 < most(GRID.small(planes), names=STRICT)
    loose = PixelHold(GRID, FPS, 120, limit=True)(planes)
    assert most(GRID.small(loose), names=STRICT) > 6
    strict = PixelHold(GRID, FPS, 120, limit=True, standards=STRICT)(planes)
    assert most(GRID.small(strict), names=STRICT) <= 6


def test_a_slow_flash_and_a_small_one_are_left_to_the_bit() -> None:
    for planes in (planes_of(square(1.0)), planes_of(square(10), share=0.02), planes_of(np.linspace(40, 220, 120))):
        out, held, _ = shown(planes, [0, 120])
        assert not held
        assert out is planes or (out == planes).all()


def test_off_changes_nothing_and_still_measures() -> None:
    planes = planes_of(square(10))
    hold = PixelHold(GRID, FPS, 120, limit=False)
    assert hold(planes) is planes
    assert most(hold.small) > 6


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(20, 230), min_size=60, max_size=60), st.integers(15, 45))
def test_no_join_makes_a_flash(levels: list[int], border: int) -> None:
    out, _, _ = shown(planes_of(np.array(levels, np.float64)), [0, border, 60])
    assert most(GRID.small(out)) <= 6


def test_a_frame_depends_on_its_chunk_alone() -> None:
    planes = planes_of(square(6))
    whole, _, _ = shown(planes, [0, 60, 120])
    hold = PixelHold(GRID, FPS, 60, limit=True)
    assert (hold(planes[60:]) == whole[60:]).all()


def test_red_is_held() -> None:
    planes = planes_of(np.full(90, 63.0))
    planes[:, SIDE:] = 128
    quarter = SIDE // 2
    red = np.arange(90) // 3 % 2 == 0  # 5 a second, between grey and BT.709's pure red
    planes[red, SIDE : SIDE + quarter // 2] = 102
    planes[red, SIDE + quarter // 2 :] = 240
    assert most(GRID.small(planes)) > 6
    out, held, _ = shown(planes, [0, 30, 90])
    assert held
    assert most(GRID.small(out)) <= 6


def checks(hertz: float, square: int, frames: int = 90) -> NDArray[np.uint8]:
    """Planes of a chequered picture whose squares change between dark and bright: its means stay."""
    rows, columns = np.mgrid[:SIDE, :SIDE] // square
    turn = (np.arange(frames) / FPS * hertz % 1 < 0.5).astype(int)
    planes = np.full((frames, SIDE * 3 // 2, SIDE), 128, np.uint8)
    planes[:, :SIDE] = np.where((rows + columns + turn[:, None, None]) % 2 == 0, 60, 200)
    return planes


@pytest.mark.parametrize("square", [1, 2])
def test_forms_finer_than_a_mean_are_seen_and_held_to_the_pixel(square: int) -> None:
    planes = checks(5, square)
    assert most(GRID.small(planes)) > 6
    assert most(FINE.small(planes), FINE) > 6
    out, held, _ = shown(planes, [0, 30, 90])
    assert held
    assert most(FINE.small(out), FINE) <= 6


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 70))
def test_moving_noise_is_held(seed: int, border: int) -> None:
    random = np.random.default_rng(seed)
    planes = np.full((90, SIDE * 3 // 2, SIDE), 128, np.uint8)
    size = int(random.choice([4, 8, 16]))
    blocks = random.integers(20, 230, (30, size, size))
    planes[:, :SIDE] = blocks.repeat(3, 0).repeat(SIDE // size, 1).repeat(SIDE // size, 2)
    out, _, _ = shown(planes, [0, border, 90])
    # What is between the points is estimated; a second over a join may hold one more of small fields on either side.
    assert most(FINE.small(out), FINE, ("iso",)) <= 7
    assert most(FINE.small(out), FINE, ("trace24",)) <= 9


def test_what_was_held_comes_back_by_and_by() -> None:
    levels = np.concatenate([square(5, 60), np.full(60, 200.0)])
    out, _, _ = shown(planes_of(levels), [0, 120])
    luma = out[60:, :SIDE].astype(int).mean((1, 2))
    assert np.abs(np.diff(luma)).max() < 60
    assert (out[-20:] == planes_of(levels)[-20:]).all()
