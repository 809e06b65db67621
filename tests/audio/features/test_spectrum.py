"""Spectra: where their frames lie, what a full-scale sine gives, what hostile samples do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.audio.features.spectrum import Samples, Spectra, mono_blocks


def spectra(blocks: list[Samples], rate: int) -> tuple[Spectra, np.ndarray]:
    made = Spectra(rate, 0.0464, 0.01, 16_500.0)
    rows = [made.feed(block) for block in mono_blocks(blocks, rate)]
    return made, np.concatenate([*rows, made.finish()])


@given(samples=st.integers(1, 60_000), rate=st.sampled_from([8000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000]))
@settings(max_examples=40, deadline=None)
def test_a_frame_every_ten_milliseconds_of_the_signal(samples: int, rate: int) -> None:
    _, rows = spectra([np.ones(samples, np.float32)], rate)
    assert len(rows) == int(np.ceil(samples * 100 / rate))


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 192_000])
def test_a_full_scale_sine_has_magnitude_one(rate: int) -> None:
    made = Spectra(rate, 0.0464, 0.01, 16_500.0)
    frequency = made.frequencies[20]  # in the middle of a bin
    made, rows = spectra([np.sin(2 * np.pi * frequency * np.arange(rate) / rate).astype(np.float32)], rate)
    assert rows[50].argmax() == 20
    assert rows[50, 20] == pytest.approx(1, abs=0.01)


@given(cuts=st.lists(st.integers(0, 30_000), max_size=6), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_cuts_change_nothing(cuts: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=30_000).astype(np.float32)
    whole = spectra([x], 8000)[1]
    assert np.array_equal(whole, spectra(np.split(x, sorted(cuts)), 8000)[1])


def test_a_click_is_centred_on_its_frame() -> None:
    x = np.zeros(44_100, np.float32)
    x[22_050] = 1
    _, rows = spectra([x], 44_100)
    assert rows.sum(axis=1).argmax() == 50


def test_bad_numbers_are_silence_and_huge_ones_are_clipped() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.5] * 2000, np.float32)
    _, rows = spectra([x], 44_100)
    assert np.isfinite(rows).all()


def test_constant_samples_are_silence_from_the_first_frame_on() -> None:
    _, rows = spectra([np.full(44_100, 0.7, np.float32)], 44_100)
    assert rows[:95].max() < 1e-3


def test_channels_are_averaged() -> None:
    x = np.random.default_rng(0).normal(size=(8000, 2)).astype(np.float32)
    assert np.allclose(spectra([x], 8000)[1], spectra([x.mean(axis=1)], 8000)[1])
