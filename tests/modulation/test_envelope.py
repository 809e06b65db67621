"""The reactive curve: AKMA's to 1e-12, and none of its crashes."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from akma_core.errors import RequestError
from akma_core.modulation.envelope import MAX_POLYORDER, MAX_WINDOW, reactive_curve

Floats = NDArray[np.float64]


def beats(frames: int, seed: int = 0) -> Floats:
    """Loudness of a song with beats, > 0."""
    decay = np.exp(-(np.arange(frames) % 15) / 5)
    return 0.2 * (0.1 + decay) * np.random.default_rng(seed).uniform(0.5, 1, frames)


def akma_curve(loudness: Floats, window_length: int, polyorder: int, compression: float) -> Floats:
    """Steps 4 to 6 of the 2022 notebook, word for word."""
    compressed = loudness ** (1 / compression)
    smooth = savgol_filter(compressed, window_length, polyorder)
    return np.array([value / max(smooth) for value in smooth])


@given(
    frames=st.integers(1, 400),
    window=st.integers(0, 60).map(lambda half: 2 * half + 1),
    polyorder=st.integers(0, MAX_POLYORDER),
    compression=st.floats(0.2, 5),
)
def test_the_curve_is_akmas(frames: int, window: int, polyorder: int, compression: float) -> None:
    window = min(window, frames - 1 + frames % 2)
    polyorder = min(polyorder, window - 1)
    loudness = beats(frames, seed=frames)
    options = {"window_length": window, "polyorder": polyorder, "compression": compression}
    expected = akma_curve(loudness, window, polyorder, compression)
    original = reactive_curve(loudness, original=True, **options)  # type: ignore[arg-type]
    clamped = reactive_curve(loudness, **options)  # type: ignore[arg-type]
    np.testing.assert_allclose(original.values, expected, rtol=1e-12, atol=1e-12)
    assert np.array_equal(clamped.values, np.clip(original.values, 0, 1))
    assert (original.window_length, original.polyorder, original.notes) == (window, polyorder, ())


def test_defaults_are_33_3_1() -> None:
    curve = reactive_curve(beats(300), original=True)
    assert (curve.window_length, curve.polyorder) == (33, 3)
    assert curve.values.dtype == np.float64
    assert curve.values.max() == 1.0
    np.testing.assert_allclose(curve.values, akma_curve(beats(300), 33, 3, 1.0), rtol=1e-12, atol=1e-12)


def test_the_overshoot_below_zero_is_clamped_unless_original() -> None:
    click = np.zeros(200)
    click[100] = 1.0
    assert reactive_curve(click, original=True).values.min() < -0.1
    assert reactive_curve(click).values.min() == 0.0


@given(frames=st.integers(1, 400), silence=st.sampled_from([0.0, -0.0]))
def test_silence_is_zeros(frames: int, silence: float) -> None:
    curve = reactive_curve(np.full(frames, silence))
    assert np.array_equal(curve.values, np.zeros(frames))
    assert "loudness is 0" in curve.notes[-1]


@pytest.mark.parametrize(
    ("frames", "window", "polyorder"), [(1, 1, 0), (2, 1, 0), (3, 3, 2), (4, 3, 2), (32, 31, 3), (33, 33, 3)]
)
def test_a_clip_shorter_than_the_window_gets_the_largest_that_fits(frames: int, window: int, polyorder: int) -> None:
    curve = reactive_curve(beats(frames), original=True)
    assert (curve.window_length, curve.polyorder) == (window, polyorder)
    np.testing.assert_allclose(curve.values, akma_curve(beats(frames), window, polyorder, 1.0), rtol=1e-12, atol=1e-12)
    assert len(curve.notes) == (frames < 33)
    assert all(f"window_length {window}" in note for note in curve.notes)


@given(
    loudness=st.lists(st.floats(0, 1.7e308), min_size=1, max_size=80),
    compression=st.floats(5e-324, 1.7e308),
    window=st.sampled_from([1, 3, 33]),
)
def test_any_numbers_give_a_curve_within_0_and_1(loudness: list[float], compression: float, window: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = reactive_curve(loudness, window_length=window, polyorder=0, compression=compression)
    assert curve.values.shape == (len(loudness),)
    assert np.isfinite(curve.values).all()
    assert curve.values.min() >= 0
    assert curve.values.max() == (1.0 if max(loudness) > 0 else 0.0)


@given(exponent=st.integers(-1060, 1000))
def test_the_curve_does_not_depend_on_full_scale(exponent: int) -> None:
    near = reactive_curve(beats(100), compression=0.5).values
    far = reactive_curve(np.ldexp(beats(100), exponent), compression=0.5).values
    tolerance = 1e-12 if exponent > -1000 else 0.1  # denormal loudness has few bits left
    np.testing.assert_allclose(far, near, atol=tolerance)


@pytest.mark.parametrize("window", [17, 33, 99, 999, MAX_WINDOW])
def test_the_highest_order_is_well_conditioned(window: int) -> None:
    curve = reactive_curve(beats(MAX_WINDOW + 1), window_length=window, polyorder=MAX_POLYORDER, original=True)
    assert np.isfinite(curve.values).all()
    assert np.abs(curve.values).max() < 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("window_length", value) for value in (-33, -1, 0, 2, 34, MAX_WINDOW + 2)),
        *(("polyorder", value) for value in (-1, 33, MAX_POLYORDER + 1)),
        *(("compression", value) for value in (0.0, -1.0, math.nan, math.inf, -math.inf)),
    ],
)
@pytest.mark.parametrize("frames", [5, 100])
def test_settings_out_of_range_are_named(field: str, value: float, frames: int) -> None:
    with pytest.raises(RequestError, match=f"^{field} is {value}; give") as caught:
        reactive_curve(beats(frames), **{field: value})  # type: ignore[arg-type]
    assert (caught.value.field, caught.value.code) == (field, "bad_setting")


def test_order_must_be_below_the_window() -> None:
    with pytest.raises(RequestError, match=r"give 0 to 2, less than window_length \(3\)"):
        reactive_curve(beats(50), window_length=3, polyorder=3)


@pytest.mark.parametrize("loudness", [[], [[1.0]], 1.0, [math.nan], [math.inf], [1.0, -0.1]])
def test_what_is_no_loudness_is_a_value_error(loudness: object) -> None:
    with pytest.raises(ValueError, match="one row of finite numbers"):
        reactive_curve(loudness)  # type: ignore[arg-type]
