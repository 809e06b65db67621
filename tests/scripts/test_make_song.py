"""The demo song: what the rest of the project relies on is that its passages are where it says, and as loud."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy import signal

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # the scripts are no package
import make_song
from make_song import RATE, SECTIONS, Section

Floats = NDArray[np.float64]
WINDOW = round(0.3 * RATE)
LOUD = [section for section in SECTIONS if section.loud]
CONTRASTS = list(pairwise(SECTIONS[:-1]))  # the ring-out is measured by itself


def cut(song: Floats, section: Section) -> Floats:
    return song[round(section.start * RATE) : round(section.stop * RATE)]


def levels(samples: Floats) -> Floats:
    """RMS in dB over each whole 0.3 s of the passage: float64[windows]."""
    count = len(samples) // WINDOW
    power = np.square(samples[: count * WINDOW]).reshape(count, -1).mean(axis=1)
    decibels: Floats = 10 * np.log10(power + 1e-12)
    return decibels


@pytest.fixture(scope="module")
def song() -> Floats:
    return make_song.make()


def test_is_stereo_of_eight_seconds(song: Floats) -> None:
    assert song.dtype == np.float64
    assert song.shape == (make_song.SAMPLES, 2)
    assert len(song) == 8 * RATE


def test_sections_cover_the_song_without_gaps(song: Floats) -> None:
    assert SECTIONS[0].start == 0
    assert [section.stop for section in SECTIONS[:-1]] == [section.start for section in SECTIONS[1:]]
    assert round(SECTIONS[-1].stop * RATE) == len(song)
    assert all(section.loud != following.loud for section, following in pairwise(SECTIONS))


def test_peak_is_at_minus_one_decibel_and_nothing_clips(song: Floats) -> None:
    assert np.isfinite(song).all()
    assert 20 * np.log10(np.abs(song).max()) == pytest.approx(-1, abs=1e-6)


def test_has_no_dc(song: Floats) -> None:
    assert np.abs(song.mean(axis=0)).max() < 1e-5


def test_starts_and_ends_in_silence(song: Floats) -> None:
    edge = RATE // 1000
    assert np.abs(song[0]).max() == 0
    assert np.abs(song[:edge]).max() < 1e-3
    assert np.abs(song[-edge:]).max() < 1e-3


@pytest.mark.parametrize(("before", "after"), CONTRASTS, ids=lambda section: section.name)
def test_neighbouring_passages_differ_by_twelve_decibels(song: Floats, before: Section, after: Section) -> None:
    step = np.median(levels(cut(song, after))) - np.median(levels(cut(song, before)))
    assert (step if after.loud else -step) >= 12


def test_every_loud_window_is_louder_than_every_quiet_one_before_the_ring_out(song: Floats) -> None:
    quiet = [levels(cut(song, section)) for section in SECTIONS[:-1] if not section.loud]
    assert min(levels(cut(song, section)).min() for section in LOUD) > max(each.max() for each in quiet) + 3


def test_opening_is_calm_and_the_breakdown_calmer(song: Floats) -> None:
    opening, breakdown = (np.median(levels(cut(song, section))) for section in SECTIONS if section.name[0] in "ob")
    assert opening == pytest.approx(-26, abs=2)
    assert breakdown < opening


def test_finale_is_louder_than_the_drop(song: Floats) -> None:
    drop, finale = (np.median(levels(cut(song, section))) for section in LOUD)
    assert finale > drop + 2


def test_ring_out_falls_away(song: Floats) -> None:
    fall = levels(cut(song, SECTIONS[-1]))
    assert (np.diff(fall) < 0).all()
    assert fall[-1] < fall[0] - 8


def test_kicks_carry_the_low_band_of_the_loud_passages(song: Floats) -> None:
    low = signal.sosfiltfilt(signal.butter(4, (40, 120), "bandpass", fs=RATE, output="sos"), song, axis=0)
    quiet = [np.square(cut(low, section)).mean() for section in SECTIONS[:-1] if not section.loud]
    assert all(np.square(cut(low, section)).mean() > 100 * max(quiet) for section in LOUD)
    hits = [np.square(low[round(beat * make_song.BEAT * RATE) :][: RATE // 10]).mean() for beat in make_song.KICKS]
    assert min(hits) > 1.5 * np.square(cut(low, LOUD[0])).mean()


def test_width_is_gentle(song: Floats) -> None:
    left, right = song.T  # of no DC, so that this is the correlation
    correlation = np.dot(left, right) / np.sqrt(np.dot(left, left) * np.dot(right, right))
    assert 0.3 < correlation < 0.95


def test_same_samples_on_every_call(song: Floats) -> None:
    np.testing.assert_array_equal(make_song.make(), song)


def test_writes_the_same_sixteen_bit_file_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], song: Floats
) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for path in paths:
        monkeypatch.setattr(sys, "argv", ["make_song.py", str(path)])
        make_song.main()
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with soundfile.SoundFile(paths[0]) as file:
        assert (file.samplerate, file.channels, file.subtype, file.format) == (RATE, 2, "PCM_16", "WAV")
        np.testing.assert_allclose(file.read(), song, atol=1 / 32768)
    printed = capsys.readouterr().out
    assert all(section.name in printed for section in SECTIONS)


def test_tone_is_a_series_of_falling_harmonics() -> None:
    wave = make_song.tone(100.0, make_song.clock(1.0), 0.5)
    spectrum = np.abs(np.fft.rfft(wave))
    np.testing.assert_allclose(spectrum[200:600:100] / spectrum[100], 0.5 ** np.arange(1, 5), rtol=1e-6)
    assert np.sqrt(np.mean(np.square(wave))) == pytest.approx(np.sqrt(0.5))


def test_limiter_leaves_the_quiet_alone_and_never_passes_full_scale() -> None:
    ramp = np.linspace(-10, 10, 2001)
    bent = make_song.limit(ramp)
    quiet = np.abs(ramp) <= make_song.KNEE
    np.testing.assert_array_equal(bent[quiet], ramp[quiet])
    assert np.abs(bent).max() <= 1
    assert (np.diff(bent) >= 0).all()
