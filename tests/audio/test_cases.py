"""Songs as people have them: read to their end, or refused, never cut without a word."""

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from akma_core.audio.reader import loudness, open_audio

CASES = Path(__file__).parents[1] / "golden" / "cases"
FLAC = "bb179c5573b86da192cc35c0f91a528d95d459f3fc2487ac5902dedd500b5ef0"


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("vbr-no-header.mp3", 66150, 68500),
        ("vbr-piped.mp3", 66150, 68500),
        ("joined.mp3", 110250, 116500),
        ("chained-vorbis.ogg", 110250, 111500),
    ],
)
def test_a_song_is_read_to_its_end(name: str, low: int, high: int) -> None:
    reader = open_audio(CASES / name)
    assert low <= reader.info.samples <= high
    assert (reader.info.sample_rate, reader.info.channels, reader.notes) == (44100, 2, [])
    assert sum(map(len, reader.blocks())) == reader.info.samples


@pytest.mark.parametrize(
    ("name", "samples", "sha256"),
    [
        ("chained-flac.oga", 110250, "8af43e3f471234ba58a30132a6520882e9ff96a87e78e53d76443d5ffed33a70"),
        ("id3v1-behind.flac", 66150, FLAC),
        ("id3-padding.flac", 66150, FLAC),
        ("data-size-0.wav", 33075, "f794fb535ccd2b3ec8dd9e33ba7b148c30e326a84d4378fc9726f31c52fd84df"),
    ],
)
def test_lossless_songs_to_the_bit(name: str, samples: int, sha256: str) -> None:
    reader = open_audio(CASES / name)
    blocks = [block.astype("<i2") for block in reader.blocks(dtype="int16")]
    assert reader.info.samples == samples == sum(map(len, blocks))
    assert hashlib.sha256(np.concatenate(blocks).tobytes()).hexdigest() == sha256
    assert reader.notes == []


def test_one_bad_packet_is_passed_over_with_a_note(tmp_path: Path) -> None:
    path, song = tmp_path / "hole.flac", np.random.default_rng(0).uniform(-0.5, 0.5, (100_000, 2))
    soundfile.write(path, song, 48000)
    data = bytearray(path.read_bytes())
    data[150_000:150_010] = bytes(10)
    path.write_bytes(data)
    reader = open_audio(path)
    assert reader.info.samples == 100_000
    heard = np.concatenate([*reader.blocks()])
    same = np.abs(heard - song).max(axis=1) < 1e-4
    assert len(heard) == 100_000
    # FFmpeg's parser gives the bad packet with its neighbours: three of 4096 samples, and silence for the fourth.
    assert (~same).sum() <= 4 * 4096
    assert 4096 <= (~heard.any(axis=1)).sum() < 4200
    assert same[: 7 * 4096].all()
    assert same[11 * 4096 :].all()
    assert len(reader.notes) == 1
    assert "damaged" in reader.notes[0]


@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_what_changes_midway_is_converted_with_a_note_or_refused(tmp_path: Path, kind: str) -> None:
    song = np.random.default_rng(0).uniform(-0.5, 0.5, (100_000, 2))
    parts = []
    for part, rate in ((song, 48000), (song[:, :1], 44100)):
        soundfile.write(tmp_path / "part", part, rate, format=kind)
        parts.append((tmp_path / "part").read_bytes())
    path = tmp_path / f"change.{kind.lower()}"
    path.write_bytes(b"".join(parts))
    if kind == "OGG":
        with pytest.raises(Exception, match=r"change\.ogg: .*midway"):
            open_audio(path)
        return
    reader = open_audio(path)
    assert abs(reader.info.samples - 100_000 - 100_000 * 48 / 44.1) < 4_000
    assert len(loudness(reader, Fraction(30))) > 100
    assert any("44100 Hz and 1 channel" in note for note in reader.notes)
