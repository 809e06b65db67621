from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.modulation.envelope import reactive_curve
from akma_core.modulation.rows import Shape
from akma_core.modulation.shape import follow, frames_of_window, shape_curve

FPS = Fraction(30)
LOUD = np.abs(np.random.default_rng(0).standard_normal(400)) * np.linspace(0.1, 3, 400)


def test_akmas_window_is_akmas_curve_to_the_power() -> None:
    expected = reactive_curve(LOUD, window_length=99, polyorder=3, compression=2).values ** 1.3
    got = shape_curve(LOUD, Shape(window=99, polyorder=3, compression=2.0, power=1.3), FPS, unit=False)
    assert np.array_equal(got, expected)


def test_percentiles_scale_what_is_not_0_to_1_by_nature() -> None:
    lo, hi = np.percentile(LOUD, [5, 98])
    expected = np.clip((LOUD - lo) / (hi - lo), 0, 1)
    assert np.array_equal(shape_curve(LOUD, Shape(), FPS, unit=False), expected)
    assert np.array_equal(shape_curve(LOUD, Shape(percentile=(5.0, 98.0)), FPS), expected)
    assert np.array_equal(shape_curve(expected, Shape(), FPS), expected)


def test_order_is_delay_invert_power_gain_clip() -> None:
    x = np.linspace(0, 1, 61)
    got = shape_curve(x, Shape(delay=0.5, invert=True, power=2.0, gain=3.0), FPS)
    delayed = np.concatenate([np.zeros(15), x[:-15]])
    assert np.abs(got - np.clip((1 - delayed) ** 2 * 3, 0, 1)).max() < 1e-12
    ahead = shape_curve(x, Shape(delay=-0.5), FPS)
    assert np.abs(ahead - np.concatenate([x[15:], np.ones(15)])).max() < 1e-12


def test_attack_and_release_are_one_pole_each_way() -> None:
    x = np.array([0.0] * 5 + [1.0] * 60 + [0.0] * 60)
    got = shape_curve(x, Shape(attack=0.25, release=1.2), FPS)
    y, expected = 0.0, []
    for value in x:
        tau = 0.25 if value > y else 1.2
        y += (1 - np.exp(-1 / (30 * tau))) * (value - y)
        expected.append(y)
    assert np.abs(got - expected).max() < 1e-12
    assert np.array_equal(follow(x, 0, 0), x)


@pytest.mark.parametrize("values", [np.zeros(10), np.full(10, 0.3), np.zeros(1)])
def test_a_curve_without_differences_is_still_a_curve(values: np.ndarray) -> None:
    for shape in (Shape(), Shape(window=33, polyorder=3, power=2.0), Shape(percentile=(5.0, 98.0), attack=1.0)):
        got = shape_curve(values, shape, FPS, unit=False)
        assert got.shape == values.shape
        assert np.isfinite(got).all()


@given(window=st.integers(0, 500).map(lambda k: 2 * k + 1), fps=st.sampled_from([24, 25, 30, 48, 60, 240]))
def test_a_window_lasts_as_long_at_any_rate(window: int, fps: int) -> None:
    frames = frames_of_window(window, Fraction(fps))
    assert frames % 2 == 1
    assert abs(frames / fps - window / 30) <= 1 / fps + 1e-9 or frames == 9999


def test_what_is_no_curve_is_refused() -> None:
    for values in (np.array([1.0, np.nan]), np.zeros((2, 2)), np.zeros(0)):
        with pytest.raises(ValueError, match="one row of finite numbers"):
            shape_curve(values, Shape(), FPS)
