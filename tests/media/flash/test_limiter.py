"""Fewer full hits, and the lock on exposure."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from akma_core.media.flash.grid import LINEAR
from akma_core.media.flash.limiter import (
    expose,
    exposure_gain,
    exposure_target,
    limit_events,
    luminance,
)

EVENTS = arrays.arrays(np.float64, st.tuples(st.integers(0, 40), st.just(2)), elements=st.floats(0, 1)).map(
    lambda events: events * [6, 1]
)


def test_the_strongest_three_of_a_second_keep_their_strength() -> None:
    events = np.array([[0.0, 0.9], [0.2, 0.5], [0.4, 1.0], [0.6, 0.8], [1.1, 0.7], [1.3, 0.6]])
    assert limit_events(events)[:, 1] == pytest.approx([0.9, 0.15, 1.0, 0.8, 0.7, 0.18])


def test_four_a_second_and_slower_are_left_alone() -> None:
    for gap, kept in ((1 / 3, 12), (0.34, 12), (0.3, 9)):
        events = np.stack([np.arange(12) * gap, np.linspace(1, 0.9, 12)], 1)
        assert (limit_events(events)[:, 1] > 0.5).sum() == kept


@given(EVENTS)
def test_no_second_has_more_than_three(events: np.ndarray) -> None:
    limited = limit_events(events)
    scaled = limited[:, 1] != events[:, 1]
    assert (limited[:, 0] == events[:, 0]).all()
    assert limited[scaled, 1] == pytest.approx(events[scaled, 1] * 0.3)
    full = np.sort(events[~scaled & (events[:, 1] > 0.3), 0])
    assert (full[3:] - full[:-3] >= 1 - 1e-6).all()
    # Each that was weakened would have been the fourth of a second with three that are no weaker.
    for time, strength in events[scaled]:
        stronger = np.sort([t for (t, s), weak in zip(events, scaled, strict=True) if not weak and s >= strength])
        near = np.sort([*stronger, time])
        assert (near[3:] - near[:-3] < 1).any()
    assert (limit_events(limited) == limited).all()


def test_the_target_follows_slowly_and_has_no_edges() -> None:
    scouted = np.array([0.2] * 10 + [0.4] * 10)
    target = exposure_target(scouted, 2, 300, 30)
    assert target[0] == pytest.approx(0.2)
    assert target[-1] == pytest.approx(0.4)
    assert (np.diff(target) >= -1e-7).all()
    assert np.diff(np.log(target)).max() * 30 < 0.5  # less than half in a second
    assert (exposure_target(np.zeros(1), 2, 5, 30) > 0).all()


def test_luminance_is_the_pictures_mean() -> None:
    rgb = torch.rand(3, 3, 48, 64, generator=torch.Generator().manual_seed(1))
    light = LINEAR[(rgb.numpy() * 255).round().astype(np.uint8)].mean((2, 3))
    assert luminance(rgb).numpy() == pytest.approx(light @ [0.2126, 0.7152, 0.0722], abs=1e-4)
    assert luminance(rgb)[1] == luminance(rgb[1:2])[0]  # in whatever batch
    assert luminance(torch.ones(1, 3, 300, 300)).item() == pytest.approx(1, abs=1e-4)


def test_gains_are_bounded_and_as_strong_as_asked() -> None:
    now, target = torch.tensor([0.1, 0.4, 0.2, 0.0]), torch.tensor([0.2, 0.1, 0.25, 0.2])
    assert exposure_gain(now, target).tolist() == pytest.approx([2, 0.5, 1.25, 2])
    assert exposure_gain(now, target, 0).tolist() == [1, 1, 1, 1]
    assert exposure_gain(now, target, 0.5).tolist()[2] == pytest.approx(1.25**0.5)


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.0, 1.3, 2.0])
def test_light_is_scaled(gain: float) -> None:
    codes = torch.linspace(0, 1, 256).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    light = np.minimum(LINEAR.astype(np.float64) * gain, 1)
    wanted = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    found = expose(codes, torch.tensor([gain]))[0, 0].flatten().numpy()
    assert np.abs(found - wanted).max() * 255 < 0.4


def test_a_flickering_picture_is_held() -> None:
    base = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 0.6
    frames = torch.cat([base, base * 1.35] * 4)
    before = luminance(frames)
    after = luminance(expose(frames, exposure_gain(before, before.mean().expand(8))))
    assert after.std() < 0.1 * before.std()
