"""The analysis as a whole: exact times, no dependence on blocks, gain or rate, and hostile songs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from akma_core.audio.features.analysis import COLUMNS, WANTED, Analysis, analyse

RATE = 22_050


def clicks(times: NDArray[np.float64], seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """Bursts of noise that die within 20 ms."""
    x = np.zeros(round(seconds * rate), np.float32)
    burst = np.random.default_rng(0).normal(size=rate // 10) * np.exp(-np.arange(rate // 10) / (0.02 * rate)) * 0.5
    for time in times:
        first = round(time * rate)
        x[first : first + len(burst)] += burst[: len(x) - first].astype(np.float32)
    return x


def same(a: Analysis, b: Analysis) -> bool:
    return (
        all(np.array_equal(a.columns[name], b.columns[name]) for name in a.columns)
        and all(np.array_equal(a.events[name], b.events[name]) for name in a.events)
        and (a.tempo, a.sections) == (b.tempo, b.sections)
    )


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 96_000])
def test_clicks_are_found_within_ten_milliseconds(rate: int) -> None:
    times = np.arange(0.25, 9.5, 0.37)
    found = analyse([clicks(times, 10, rate)], rate, {"onsets", "hits"})
    for name in ("onsets", "hits"):
        assert len(found.events[name]) == len(times), name
        assert np.abs(found.events[name][:, 0] - times).max() <= 0.010, name
        assert (found.events[name][:, 1] > 0.15).all()


def test_beats_and_tempo_of_a_metronome() -> None:
    times = np.arange(0.2, 40, 60 / 117)
    found = analyse([clicks(times, 40)], RATE, {"tempo", "beats", "downbeats"})
    assert found.tempo.bpm == pytest.approx(117, rel=0.005)
    assert found.tempo.confidence > 0.5
    beats = found.events["beats"][:, 0]
    assert np.abs(beats[:, None] - times).min(axis=1).max() <= 0.02
    assert len(beats) >= len(times) - 2


def test_no_grid_where_nothing_repeats() -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(0.5, 70) + 0.08)
    found = analyse([clicks(times[times < 29], 30)], RATE, {"tempo", "beats"})
    assert len(found.events["beats"]) == 0 or found.beat_confidence < 0.5
    noise = rng.normal(size=30 * RATE).astype(np.float32) * 0.1
    quiet = analyse([noise], RATE, {"tempo", "beats"})
    assert len(quiet.events["beats"]) == 0
    assert quiet.tempo.confidence < 0.2


@given(cuts=st.lists(st.integers(0, RATE * 3), max_size=5))
@settings(max_examples=8, deadline=None)
def test_blocks_change_nothing(cuts: list[int]) -> None:
    song = clicks(np.arange(0.1, 3, 0.31), 3)
    assert same(analyse([song], RATE), analyse(np.split(song, sorted(cuts)), RATE))


def test_segments_join_without_a_seam() -> None:
    """Three segments of 20 s and the look-ahead: a hit on each border is one hit, and nothing else appears."""
    times = np.array([5.0, 19.99, 20.01 + 0.2, 35.0, 40.0, 50.0, 60.0])
    found = analyse([clicks(times, 65)], RATE, {"onsets"})
    assert np.abs(found.events["onsets"][:, 0] - times).max() <= 0.010


@pytest.mark.parametrize("gain", [2.0**-5, 2.0**-2, 2.0])
def test_gain_changes_no_event(gain: float) -> None:
    song = clicks(np.arange(0.3, 12, 0.4), 12)
    one, other = analyse([song], RATE), analyse([song * np.float32(gain)], RATE)
    for name, events in one.events.items():
        assert other.events[name].shape == events.shape, name
        assert np.allclose(other.events[name], events, atol=1e-3), name
    assert np.allclose(other.columns["low"], one.columns["low"] * gain, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "song",
    [
        np.zeros(0, np.float32),
        np.zeros(1, np.float32),
        np.ones(50, np.float32),
        np.zeros(RATE * 2, np.float32),
        np.full(RATE * 5, 0.5, np.float32),
        np.full(RATE, np.nan, np.float32),
        np.sign(np.sin(np.arange(RATE * 3) * 0.05)).astype(np.float32) * 3,
        np.random.default_rng(0).normal(size=(RATE * 2, 2)).astype(np.float32) * 2e-5,
    ],
    ids=["empty", "one sample", "short", "silence", "dc", "nan", "clipped", "hiss"],
)
def test_odd_songs_give_finite_columns_and_events_within_them(song: NDArray[np.float32]) -> None:
    found = analyse([song], RATE)
    frames = int(np.ceil(len(song) * 100 / RATE))
    assert set(found.columns) == set(COLUMNS)
    for name, column in found.columns.items():
        assert column.dtype == np.float32, name
        assert column.shape == (frames,), name
        assert np.isfinite(column).all(), name
    for name, events in found.events.items():
        assert events.shape[1] == 2, name
        assert ((events >= 0) & (events[:, 1:] <= 1)).all(), name
        assert (events[:, 0] <= found.duration).all(), name


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_no_hit_in_silence_or_hiss_and_none_at_the_start(level: float) -> None:
    song = np.random.default_rng(1).normal(size=5 * RATE).astype(np.float32) * np.float32(level)
    assert not any(len(events) for events in analyse([song], RATE, {"hits", "onsets", "beats"}).events.values())
    constant = np.full(5 * RATE, 0.6, np.float32)
    assert len(analyse([constant], RATE, {"onsets"}).events["onsets"]) == 0
    later = np.concatenate([song[: 2 * RATE], clicks(np.array([0.5]), 2)])
    assert analyse([later], RATE, {"hits"}).events["hits"][:, 0] == pytest.approx([2.5], abs=0.01)


def test_only_what_is_wanted_is_computed() -> None:
    song = clicks(np.arange(0.1, 3, 0.31), 3)
    whole = analyse([song], RATE)
    for name in sorted(WANTED - {"sections"}):
        part = analyse([song], RATE, {name})
        assert set(part.columns) | set(part.events) <= {name}
        for kind in ("columns", "events"):
            for key, value in getattr(part, kind).items():
                assert np.array_equal(value, getattr(whole, kind)[key]), name
    assert not analyse([song], RATE, set()).columns


def test_a_band_of_ones_own_hears_its_tone_only() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    found = analyse([tone], RATE, set(), {"mine": (900.0, 1100.0), "other": (3000.0, 5000.0)})
    assert found.columns["mine"][50] == pytest.approx(1, abs=0.02)
    assert found.columns["other"][50] < 0.01


def test_unknown_names_and_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="kicks"):
        analyse([], RATE, {"kicks"})
    with pytest.raises(ValueError, match="rate"):
        analyse([], 100)


def test_chroma_names_the_pitch_class() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE).astype(np.float32)
    found = analyse([tone], RATE)
    classes = {name: float(found.columns[name][100]) for name in COLUMNS if name.startswith("chroma_")}
    assert max(classes, key=lambda name: classes[name]) == "chroma_a"
