"""Filters pass what they should pass and stop what they should stop."""

import numpy as np
import pytest

from akma_core.networks.stylegan3.filters import lowpass, radial_lowpass


@pytest.mark.parametrize(("taps", "cutoff", "half_width", "rate"), [(12, 32.0, 32.0, 256.0), (24, 45.25, 18.7, 512.0)])
def test_lowpass_in_frequency(taps: int, cutoff: float, half_width: float, rate: float) -> None:
    h = lowpass(taps, cutoff, half_width, rate).astype(np.float64)
    frequency = np.linspace(0, rate / 2, 500)
    gain = np.abs(np.exp(-2j * np.pi * frequency[:, None] / rate * np.arange(taps)) @ h)
    assert h.sum() == pytest.approx(1, abs=1e-6)
    assert h == pytest.approx(h[::-1])
    assert gain[frequency < cutoff - half_width].min(initial=1) > 0.9
    assert gain[frequency > cutoff + half_width].max() < 0.1
    assert gain[np.abs(frequency - cutoff).argmin()] == pytest.approx(0.5, abs=0.05)


def test_one_tap_is_the_identity() -> None:
    assert lowpass(1, 1.0, 1.0, 16.0).tolist() == [1.0]


def test_radial_has_the_symmetries_of_a_square_and_no_direction() -> None:
    h = radial_lowpass(12, 32.0, 32.0, 256.0).astype(np.float64)
    assert h.sum() == pytest.approx(1, abs=1e-6)
    for other in (h.T, h[::-1], h[:, ::-1]):
        assert h == pytest.approx(other)
    t = np.arange(12) - 5.5
    for f in (16.0, 40.0):
        phase = 2 * np.pi * f / 256
        along = np.sum(h * np.cos(phase * t)[None, :])
        diagonal = np.sum(h * np.cos(phase * (t[:, None] + t[None, :]) / np.sqrt(2)))
        assert along == pytest.approx(diagonal, abs=0.01)
