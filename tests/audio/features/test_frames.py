"""Columns as video frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.audio.features.frames import frame_curve


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 50, 60, 100, 240])
def test_means_over_frames_keep_the_integral(fps: float) -> None:
    column = np.random.default_rng(0).random(3000).astype(np.float32)
    frames = round(30 * fps)
    curve = frame_curve(column, fps, frames)
    assert curve.dtype == np.float32
    assert curve.shape == (frames,)
    assert curve.sum() / fps == pytest.approx(column.sum() / 100, rel=2e-3)


def test_a_frame_is_the_mean_of_its_values() -> None:
    column = np.arange(100, dtype=np.float32)
    assert np.allclose(frame_curve(column, 50, 50), np.arange(50) * 2 + 0.5)
    assert np.allclose(frame_curve(column, 100, 100), column)


@given(st.floats(0.5, 500), st.integers(0, 300), st.integers(0, 200))
@settings(deadline=None)
def test_a_constant_stays_and_the_last_value_holds(fps: float, frames: int, length: int) -> None:
    curve = frame_curve(np.full(length, 0.25, np.float32), fps, frames)
    assert curve.shape == (frames,)
    assert np.allclose(curve, 0.25 if length else 0, atol=1e-5)


def test_bad_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="fps"):
        frame_curve(np.zeros(1, np.float32), 0, 1)
