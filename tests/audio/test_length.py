"""Lengths that headers tell of."""

from pathlib import Path

import pytest

from akma_core.audio.length import shortfall
from akma_core.audio.reader import open_audio
from tests.audio.test_reader import noise, write, write_av

FORMATS = [
    ("WAV", "PCM_16"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("AIFF", "PCM_16"), ("WAV", "IMA_ADPCM"),
    ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec"), FORMATS)
def test_a_file_that_was_cut_has_a_note(tmp_path: Path, container: str, codec: str) -> None:
    path = write(tmp_path / "song", noise(100_000, 2), 48000, container, codec)
    assert open_audio(path).notes == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    reader = open_audio(path)
    (note,) = reader.notes
    assert "cut" in note
    assert f"{reader.info.duration:.2f}" in note
    assert reader.info.samples < 80_000


def test_the_share_that_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "song.wav", noise(100_000, 2))
    assert shortfall(path) == 0
    path.write_bytes(path.read_bytes()[: 44 + 300_000])
    assert shortfall(path) == pytest.approx(0.25)


def test_an_index_that_tells_of_more(tmp_path: Path) -> None:
    path = write_av(tmp_path / "song.mka", noise(200_000, 2), "matroska", "aac")
    assert open_audio(path).notes == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (note,) = open_audio(path).notes
    assert "missing" in note
