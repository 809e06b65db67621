"""Counting: seconds, areas, directions, places; what is no flash; streams."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.meter import FlashMeter
from akma_core.media.flash.report import as_json, lines, passed
from tests.support.flashes import flicker, judged

GRID = Grid.coarse(256, 256)
FOUR = [60, 160] * 4  # seven transitions


@pytest.mark.parametrize("fps", [24.0, 29.97, 30.0, 60.0, 120.0])
def test_four_flashes_in_a_second_fail_and_three_pass(fps: float) -> None:
    for flashes, passes in ((4, False), (3, True)):
        levels = np.resize(np.repeat([60, 160], round(fps / flashes / 2)), round(3 * fps)).tolist()
        verdicts = judged(flicker(levels, GRID), GRID, fps)
        assert {verdict.passed for verdict in verdicts.values()} == {passes}


def test_transitions_of_seven_in_a_second_and_one_picture_are_six() -> None:
    within = [60, *[60] * 4, 160, 60, 160, 60, 160, 60, *[60] * 23, 160]
    assert judged(flicker(within, GRID), GRID)["iso"].general.transitions == 7
    beyond = [*within[:-1], 60, 160]
    assert judged(flicker(beyond, GRID), GRID)["iso"].general.transitions == 6


def test_a_quarter_of_the_picture_passes_where_more_fails() -> None:
    assert judged(flicker(FOUR, GRID, rows=8), GRID)["ofcom2017"].passed
    assert not judged(flicker(FOUR, GRID, rows=9), GRID)["ofcom2017"].passed
    # A field of 10 degrees is a seventh of a square picture that fills the screen's height.
    assert not judged(flicker(FOUR, GRID, rows=4), GRID)["wcag2_2"].passed
    assert judged(flicker(FOUR, GRID, rows=1), GRID)["wcag2_2"].passed


def test_small_and_bright_changes_are_no_flashes() -> None:
    for levels in ([100, 120], [232, 255]):  # by 0.07; and between 0.81 and 1
        assert judged(flicker(levels * 20, GRID), GRID)["iso"].general.transitions == 0


def test_moving_forms_are_no_flashes() -> None:
    """A bar that crosses the picture makes each place bright and dark once."""
    pictures = np.zeros((90, 32, 32, 3), np.uint8)
    for i in range(90):
        pictures[i, :, np.arange(i, i + 2) % 32] = 255
    assert {verdict.general.transitions for verdict in judged(pictures, GRID).values()} <= {0, 2}


def test_the_mean_tells_flashes_from_moving_forms() -> None:
    assert judged(flicker(FOUR, GRID), GRID)["trace24"].mean.transitions == 7
    stripes = np.zeros((30, 32, 32, 3), np.uint8)
    for i in range(30):
        stripes[i, :, np.arange(32) // 4 % 2 == i // 4 % 2] = 160  # change places seven times
    verdict = judged(stripes, GRID)["iso"]
    assert (verdict.general.transitions, verdict.mean.transitions) == (7, 0)
    assert verdict.mean.where is None


def test_the_mean_is_taken_all_over_the_picture() -> None:
    pictures = flicker([60] * 30, GRID)
    pictures[10:18:2, 20:, 20:] = 200
    for name, size in (("wcag2_2", 80), ("trace24", 96)):
        mean = judged(pictures, GRID)[name].mean
        assert mean.transitions == 8
        assert mean.second == pytest.approx(1 / 3)
        assert mean.where is not None
        assert mean.where[2:] == (size, size)
        assert min(mean.where[:2]) + size > 160


def test_halves_that_flash_in_turns_do_not_add_up() -> None:
    first = [160 if i % 20 in (0, 1) else 60 for i in range(90)]
    second = [160 if i % 20 in (10, 11) else 60 for i in range(90)]
    pictures = flicker(first, GRID, rows=16)
    pictures[:, 16:] = flicker(second, GRID)[:, 16:]
    assert judged(pictures, GRID)["iso"].general.transitions == 4


def test_a_flash_over_three_pictures_is_one() -> None:
    levels = [60, 90, 120, 160, 120, 90] * 10
    found = judged(flicker(levels, GRID), GRID)["iso"]
    assert found.general.transitions == 10


def test_red_flashes_of_equal_luminance() -> None:
    pictures = np.zeros((8, 32, 32, 3), np.uint8)
    pictures[::2] = (200, 10, 10)
    pictures[1::2] = (99, 99, 99)
    verdict = judged(pictures, GRID)["trace24"]
    assert (verdict.general.transitions, verdict.red.transitions, verdict.passed) == (0, 7, False)


def test_dark_red_is_black() -> None:
    pictures = np.zeros((60, 32, 32, 3), np.uint8)
    pictures[::2, ..., 0] = 60
    assert judged(pictures, GRID)["trace24"].red.transitions == 0


def test_the_worst_second_has_its_time_and_place() -> None:
    pictures = np.full((90, 32, 32, 3), 60, np.uint8)
    pictures[45:53:2, 20:32, 4:16] = 160
    verdict = judged(pictures, GRID)["trace24"]
    assert not verdict.passed
    assert verdict.general.second == pytest.approx(45 / 30)
    assert verdict.general.where is not None
    x, y, width, height = verdict.general.where
    assert (width, height) == (96, 96)
    assert x <= 32 + 24 <= x + width
    assert y >= 128


def test_long_flashing_below_the_limit_is_a_warning() -> None:
    short, long = ([*[60] * 6, *[160] * 6] * n for n in (2, 20))
    found = judged(flicker(short, GRID), GRID)["iso"]
    assert (found.passed, found.prolonged < 1) == (True, True)
    found = judged(flicker(long, GRID), GRID)["iso"]
    assert (found.passed, found.warning) == (True, True)
    assert found.prolonged == pytest.approx(7, abs=1)


def test_times_count_where_pictures_show_unevenly() -> None:
    meter = FlashMeter(GRID, 10)
    meter.add(flicker(FOUR, GRID), times=[0, 0.1, 0.4, 0.7, 1.1, 1.4, 1.7, 2.0])
    assert meter.verdicts()["iso"].passed
    meter = FlashMeter(GRID, 10)
    meter.add(flicker(FOUR, GRID), times=[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert not meter.verdicts()["iso"].passed


def test_reports() -> None:
    verdicts = FlashMeter(GRID, 30).verdicts()
    assert passed(verdicts)
    assert all("no flash" in line for line in lines(verdicts))
    meter = FlashMeter(GRID, 30)
    meter.add(flicker(FOUR, GRID))
    report = as_json(meter.verdicts())
    assert report["standards"]["iso"]["mean"] == report["standards"]["iso"]["general"]
    assert report["verdict"] == "fail"
    assert report["standards"]["iso"]["general"] == {
        "transitions": 7, "second": pytest.approx(1 / 30, abs=1e-3),
        "where": {"x": 0, "y": 0, "width": 256, "height": 256},
    }  # fmt: skip
    assert "FAIL  7 general transitions from 0.03 s, 256x256 pixels at 0,0" in lines(meter.verdicts())[-1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=60), st.lists(st.integers(1, 59), max_size=4))
def test_a_stream_may_be_cut_anywhere(levels: list[int], cuts: list[int]) -> None:
    grid = Grid.coarse(8, 8)
    pictures = flicker(levels, grid)
    meter = FlashMeter(grid, 30)
    for part in np.split(pictures, sorted(set(cuts))):
        meter.add(part)
    assert meter.verdicts() == judged(pictures, grid)
