"""Onsets: peaks at the instants they belong to, whatever the level."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.audio.features.bands import BANDS, corners, triangles
from akma_core.audio.features.onset import growth, local_scale, normalised, peaks


def test_triangles_add_up_to_one_and_leave_out_what_the_rate_lacks() -> None:
    for rate, size in ((44_100, 2048), (48_000, 2250), (8000, 375), (192_000, 9000)):
        frequencies = np.arange(size // 2 + 1) * rate / size
        sums = triangles(frequencies).sum(axis=1)
        inside = corners()[2:] <= frequencies[-1]
        assert sums.shape == (BANDS,)
        assert np.allclose(sums[inside], 1, atol=1e-5)
        assert not sums[~inside].any()


def test_vibrato_does_not_grow_and_a_new_tone_does() -> None:
    levels = np.zeros((30, 20), np.float32)
    levels[np.arange(30), 8 + np.arange(30) % 2] = 1  # moves by one band to and fro
    assert growth(levels)[1:].max() == 0
    levels[15:, 15] = 1
    assert growth(levels)[15, 15] == 1


def test_silence_has_no_scale_and_no_peaks() -> None:
    silent = np.zeros(1000, np.float32)
    assert not normalised(silent).any()
    assert len(peaks(normalised(silent), 0.1)) == 0
    assert len(peaks(np.zeros(0, np.float32), 0.1)) == 0
    assert len(local_scale(np.zeros(0, np.float32))) == 0


@given(at=st.lists(st.integers(0, 59), unique=True, min_size=1), scale=st.floats(0.5, 100))
@settings(max_examples=15, deadline=None)
def test_peaks_are_found_where_they_are_at_any_scale(at: list[int], scale: float) -> None:
    curve = np.zeros(6000, np.float32)
    frames = np.array(sorted(at)) * 100 + 20
    curve[frames] = scale
    curve[frames - 1] = curve[frames + 1] = scale / 2
    found = peaks(normalised(curve), 0.2, 0.3)
    # The scale differs a little from frame to frame: far less than the hundredth of a frame that this allows.
    assert np.allclose(found[:, 0], frames / 100, atol=1e-4)


def test_of_two_near_peaks_the_higher_stays_and_a_parabola_places_it() -> None:
    curve = np.zeros(200, np.float32)
    curve[[100, 104]] = 0.5, 1
    curve[105] = 0.8
    found = peaks(curve, 0.1)
    assert len(found) == 1
    assert 1.04 < found[0, 0] < 1.05


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_peaks_are_ordered_apart_and_within_the_song(seed: int) -> None:
    curve = np.random.default_rng(seed).random(500).astype(np.float32)
    found = peaks(curve, 0.0)
    assert (np.diff(found[:, 0]) > 0.05).all()
    assert (found[:, 0] >= 0).all()
    assert (found[:, 0] < 5).all()
