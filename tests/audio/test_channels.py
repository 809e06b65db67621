"""Channels that make the curve."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from akma_core.audio.channels import Channels
from akma_core.audio.reader import AudioReader, loudness, open_audio
from akma_core.errors import RequestError
from akma_core.settings import RenderSettings
from tests.audio.test_reader import noise, whole, write

CASES = Path(__file__).parents[1] / "golden" / "cases"


def song(folder: Path, channels: int = 2) -> AudioReader:
    return open_audio(write(folder / "song.wav", noise(20_000, channels), codec="DOUBLE"))


@pytest.mark.parametrize("channels", ["mean", "left", "right", "mid", "side", "loudest"])
def test_a_mix_is_what_its_name_says(tmp_path: Path, channels: Channels) -> None:
    reader = song(tmp_path, 3)
    stored = whole(reader)
    wanted = {
        "mean": stored.mean(axis=1),
        "left": stored[:, 0],
        "right": stored[:, 1],
        "mid": (stored[:, 0] + stored[:, 1]) / 2,
        "side": (stored[:, 0] - stored[:, 1]) / 2,
        "loudest": stored[np.arange(len(stored)), np.abs(stored).argmax(axis=1)],
    }[channels]
    mixed = reader.mixed(channels)
    heard = loudness(mixed, Fraction(25))
    bounds = np.linspace(0, len(stored), len(heard) + 1).round().astype(int)
    expected = [np.abs(wanted[a:b]).mean() for a, b in pairwise(bounds)]
    np.testing.assert_allclose(heard, expected, rtol=1e-12)
    if channels != "mean":
        assert mixed.info.channels == 1
        np.testing.assert_allclose(whole(mixed, start=1_000, stop=9_000)[:, 0], wanted[1_000:9_000], rtol=1e-12)


def test_integers_of_full_scale_do_not_overflow(tmp_path: Path) -> None:
    loud = np.array([[0.99, 0.99], [-1.0, 0.99], [-1.0, -1.0]])
    reader = open_audio(write(tmp_path / "loud.wav", loud))
    low, high = -(2**15), round(0.99 * 2**15)
    cases: tuple[tuple[Channels, list[float]], ...] = (
        ("mid", [high, (low + high) / 2, low]),
        ("side", [0, (low - high) / 2, 0]),
    )
    for channels, wanted in cases:
        mixed = whole(reader.mixed(channels), dtype="int16")
        assert mixed.ravel().tolist() == pytest.approx(wanted, abs=2)


def test_a_mono_song_has_no_side(tmp_path: Path) -> None:
    reader = song(tmp_path, 1)
    with pytest.raises(RequestError, match=r"song\.wav: is mono and has no side"):
        reader.mixed("side")
    for channels in ("left", "right", "mid", "loudest"):
        assert np.array_equal(whole(reader.mixed(channels)), whole(reader))


def test_channels_that_cancel_each_other_are_told() -> None:
    reader = open_audio(CASES / "opposite-phase.wav")
    assert not loudness(reader, Fraction(30)).any()
    (note,) = reader.notes
    assert "cancel each other" in note
    assert "silent" not in note
    again = open_audio(reader.path)
    assert loudness(again.mixed("loudest"), Fraction(30)).max() > 0.01
    assert again.notes == []


@pytest.mark.parametrize("channels", [2, 8, 64])
def test_one_channel_alone_cancels_nothing(tmp_path: Path, channels: int) -> None:
    samples = np.zeros((5_000, channels))
    samples[:, 0] = noise(5_000, 1)[:, 0]
    reader = open_audio(write(tmp_path / "one.wav", samples))
    loudness(reader, Fraction(30))
    assert reader.notes == []


def test_the_setting() -> None:
    assert RenderSettings.parse({}).channels == "mean"
    with pytest.raises(RequestError, match="channels"):
        RenderSettings.parse({"channels": "middle"})
