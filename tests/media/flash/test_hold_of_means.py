"""The hold of plans made before: to the bit, and as safe as it was by its own measure."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.hold_of_means import MeanHold
from akma_core.media.flash.meter import FlashMeter
from tests.support.holds import FPS, SIDE, held_frames, planes_of, square

GRID = Grid.coarse(SIDE, SIDE)


def shown(planes: NDArray[np.uint8], borders: list[int]) -> tuple[NDArray[np.uint8], int, NDArray[np.uint8]]:
    """See held_frames."""
    return held_frames(MeanHold, GRID, planes, borders)


def most(small: NDArray[np.uint8]) -> int:
    meter = FlashMeter(GRID, FPS)
    meter.add(small)
    verdict = meter.verdicts()["iso"]
    return max(verdict.general.transitions, verdict.red.transitions)


@pytest.mark.parametrize("borders", [[0, 120], [0, 30, 90, 120], [0, 43, 81, 120]])
@pytest.mark.parametrize("hertz", [4, 5, 7.5, 15])
def test_what_flashes_too_often_passes_held(hertz: float, borders: list[int]) -> None:
    planes = planes_of(square(hertz))
    assert most(GRID.small(planes)) > 6
    out, held, small = shown(planes, borders)
    assert held
    assert most(GRID.small(out)) <= 6
    assert (small == GRID.small(out)).all()


def test_a_slow_flash_and_a_small_one_are_left_to_the_bit() -> None:
    for planes in (planes_of(square(1.0)), planes_of(square(10), share=0.2), planes_of(np.linspace(40, 220, 120))):
        out, held, _ = shown(planes, [0, 120])
        assert not held
        assert out is planes or (out == planes).all()


def test_off_changes_nothing_and_still_measures() -> None:
    planes = planes_of(square(10))
    hold = MeanHold(GRID, FPS, 120, limit=False)
    assert hold(planes) is planes
    assert most(hold.small) > 6


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(20, 230), min_size=60, max_size=60), st.integers(15, 45))
def test_no_join_makes_a_flash(levels: list[int], border: int) -> None:
    out, _, _ = shown(planes_of(np.array(levels, np.float64)), [0, border, 60])
    assert most(GRID.small(out)) <= 6


def test_a_frame_depends_on_its_chunk_alone() -> None:
    planes = planes_of(square(6))
    whole, _, _ = shown(planes, [0, 60, 120])
    hold = MeanHold(GRID, FPS, 60, limit=True)
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


def test_frames_are_held_to_the_bit_as_they_were() -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    planes = np.full((60, SIDE * 3 // 2, SIDE), 128, np.uint8)
    for k in range(60):
        planes[k, :SIDE] = 40 + (columns * 3 + rows * k + 90 * (k // 3 % 2)) % 180
        planes[k, SIDE:] += np.uint8(k % 7)
    out, held, small = shown(planes, [0, 60])
    digest = hashlib.sha256(out.tobytes() + small.tobytes()).hexdigest()
    assert (held, digest) == (36, "2b31074e8adea8f37f3772f47cdb50931e4f840e191ef190aadfa4ef7143c0f4")
