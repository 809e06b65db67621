"""Files that are no songs, damaged, cut or hostile: one line each, and memory stays flat."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akma_core.audio.file import SampleType
from akma_core.audio.reader import loudness, open_audio
from akma_core.errors import RequestError
from tests.audio.test_reader import noise, whole, write, write_av, write_video


def refuse(act: Callable[[], object], code: str, words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        act()
    assert (caught.value.code, caught.value.field) == (code, "audio")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 250


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 64, 64, 8, 2, 0, 0, 0)
NOT_AUDIO = {
    "text.wav": b"la la la\n" * 500,
    "page.mp3": b"<!DOCTYPE html><html><body>404</body></html>" * 20,
    "paper.flac": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" * 50,
    "image.wav": PNG + bytes(4000),
    "song.raw": bytes(4000),
    "zeros": bytes(100_000),
    "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n",
    "header.wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "header.flac": b"fLaC\x00\x00\x00\x22",
    "header.m4a": struct.pack(">I4s4sI", 16, b"ftyp", b"M4A ", 0),
}


@pytest.mark.parametrize("name", NOT_AUDIO)
def test_what_is_not_audio_is_refused(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(NOT_AUDIO[name])
    refuse(lambda: open_audio(tmp_path / name), "audio_unknown", f"^{name}: is not audio .* give a WAV")
    assert capfd.readouterr() == ("", "")


def test_a_playlist_does_not_reach_other_files(tmp_path: Path) -> None:
    write_av(tmp_path / "secret.m4a", noise(5_000, 1), "mp4", "aac")
    playlist = tmp_path / "list.wav"
    playlist.write_text("ffconcat version 1.0\nfile secret.m4a\n")
    refuse(lambda: open_audio(playlist), "audio_unknown", "is not audio")


def test_no_file_no_samples_no_sound(tmp_path: Path) -> None:
    refuse(lambda: open_audio(tmp_path / "no.wav"), "audio_not_found", "no.wav: does not exist")
    refuse(lambda: open_audio(tmp_path / "no" / "no.wav"), "audio_not_found", "does not exist")
    refuse(lambda: open_audio("nul\0.wav"), "audio_not_found", "does not exist")
    refuse(lambda: open_audio("n" * 5000), "audio_unreadable", "cannot be read")
    refuse(lambda: open_audio(tmp_path), "audio_unreadable", "is a folder")
    os.mkfifo(tmp_path / "pipe")
    refuse(lambda: open_audio(tmp_path / "pipe"), "audio_unreadable", "a pipe")
    (tmp_path / "empty.wav").touch()
    refuse(lambda: open_audio(tmp_path / "empty.wav"), "audio_empty", "is empty")
    refuse(lambda: open_audio(write(tmp_path / "zero.wav", np.zeros((0, 2)))), "audio_empty", "no samples")
    refuse(lambda: open_audio(write_video(tmp_path / "mute.mp4")), "audio_missing_track", "no audio track")


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path / "locked.wav", noise(100, 1))
    path.chmod(0)
    code = (
        "import os, sys\nfrom akma_core.audio.reader import open_audio\nfrom akma_core.errors import RequestError\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try: open_audio(sys.argv[1])\nexcept RequestError as error: print(error.code, error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("audio_unreadable locked.wav: may not be read")


def test_a_strange_name_stays_one_line(tmp_path: Path) -> None:
    refuse(lambda: open_audio(tmp_path / "a\nb\x1b[31m\u202e.wav"), "audio_not_found", r"^a b \[31m .wav: does")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e31])
@pytest.mark.parametrize("codec", ["FLOAT", "DOUBLE"])
def test_samples_that_are_no_numbers(tmp_path: Path, codec: str, value: float) -> None:
    song = noise(200_000, 2)
    song[150_000, 1] = value
    reader = open_audio(write(tmp_path / "nan.wav", song, codec=codec))
    refuse(lambda: loudness(reader, Fraction(30)), "audio_not_finite", "near second 2.73")
    for dtype in get_args(SampleType):
        refuse(lambda dtype=dtype: whole(reader, dtype=dtype), "audio_not_finite", "no numbers")  # type: ignore[misc]
    assert np.array_equal(whole(reader, stop=100_000), soundfile.read(reader.path)[0][:100_000])


def test_samples_that_are_no_numbers_through_ffmpeg(tmp_path: Path) -> None:
    song = np.full((9_000, 1), np.nan)
    reader = open_audio(write_av(tmp_path / "nan.mka", song, "matroska", "pcm_f32le"))
    refuse(lambda: loudness(reader, Fraction(30)), "audio_not_finite", "no numbers")


def wav(rate: int, channels: int, claimed: int, data: bytes) -> bytes:
    width = channels * 2
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * width % 2**32, width % 2**16, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", (claimed + 36) % 2**32, b"WAVE")
        + form
        + struct.pack("<4sI", b"data", claimed)
        + data
    )


def test_a_header_that_claims_4_gb_yields_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "liar.wav"
    path.write_bytes(wav(48000, 2, 0xFFFFFF00, bytes(range(200)) * 5))
    reader = open_audio(path)
    assert reader.info.samples == 250
    assert [len(block) for block in reader.blocks()] == [250]


@pytest.mark.parametrize(("rate", "channels"), [(0, 2), (3, 1), (4_000_000_000, 1), (48000, 65), (48000, 1000)])
def test_absurd_headers(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "absurd.wav"
    path.write_bytes(wav(rate, channels, 4000, bytes(4000)))
    with pytest.raises(RequestError) as caught:
        open_audio(path)
    assert caught.value.code in ("audio_unsupported", "audio_unknown")


def test_a_flac_that_does_not_know_its_length_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "stream.flac", noise(30_001, 2), 48000, "FLAC")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # STREAMINFO's 36 bits of total samples: 0 says unknown
    data[22:26] = bytes(4)
    path.write_bytes(data)
    reader = open_audio(path)
    assert reader.info.samples == len(whole(reader)) == 30_001


@pytest.mark.parametrize(("container", "codec"), [("FLAC", "PCM_24"), ("CAF", "ALAC_16")])
def test_a_cut_file_is_told(tmp_path: Path, container: str, codec: str) -> None:
    path = write(tmp_path / "cut", noise(100_000, 2), 48000, container, codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RequestError) as caught:
        open_audio(path)
    assert caught.value.code in ("audio_damaged", "audio_unknown")


@pytest.mark.parametrize(("container", "codec"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("WAV", "PCM_16")])
def test_a_cut_stream_is_counted(tmp_path: Path, container: str, codec: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "cut", noise(100_000, 2), 48000, container, codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reader = open_audio(path)
    assert 20_000 < reader.info.samples < 80_000
    assert len(whole(reader)) == reader.info.samples
    assert capfd.readouterr() == ("", "")


def test_a_damaged_mp3_plays_in_silence_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "hole.mp3", noise(100_000, 2), 48000, "MP3", "MPEG_LAYER_III")
    data = bytearray(path.read_bytes())
    data[6_000:6_400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(data)
    reader = open_audio(path)
    assert len(loudness(reader, Fraction(30))) > 50
    assert len(whole(reader)) == reader.info.samples
    print("stderr is back", file=sys.stderr)
    assert capfd.readouterr() == ("", "stderr is back\n")


@pytest.mark.parametrize("name", ["song.wav", "song.flac", "song.mka", "song.mp3"])
def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path, name: str) -> None:
    path, song = tmp_path / name, noise(400_000, 2)
    if name.endswith("mka"):
        write_av(path, song, "matroska", "flac")
    else:
        soundfile.write(path, song, 48000)
    reader = open_audio(path)
    blocks = reader.blocks(frames=1000)
    next(blocks)
    os.truncate(path, path.stat().st_size // 3)
    with pytest.raises(RequestError) as caught:
        list(blocks)
    assert caught.value.code in ("audio_damaged", "audio_unknown")
    path.unlink()
    refuse(lambda: loudness(reader, Fraction(30)), "audio_not_found", "does not exist")


def test_another_file_in_its_place(tmp_path: Path) -> None:
    reader = open_audio(write(tmp_path / "song.wav", noise(1_000, 2)))
    write(tmp_path / "song.wav", noise(2_000, 1))
    refuse(lambda: whole(reader), "audio_damaged", "changed")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([*SMALL]))
    content = bytearray(SMALL[kind](tmp_path / kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged-{kind}"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with suppress(RequestError):
        reader = open_audio(path)
        assert sum(map(len, reader.blocks())) == reader.info.samples


SMALL: dict[str, Callable[[Path], bytes]] = {
    "a.wav": lambda path: write(path, noise(3_000, 2)).read_bytes(),
    "a.flac": lambda path: write(path, noise(3_000, 2), container="FLAC").read_bytes(),
    "a.mp3": lambda path: write(path, noise(3_000, 2), container="MP3", codec="MPEG_LAYER_III").read_bytes(),
    "a.aiff": lambda path: write(path, noise(3_000, 2), container="AIFF", codec="FLOAT").read_bytes(),
    "a.m4a": lambda path: write_av(path, noise(3_000, 2), "mp4", "aac").read_bytes(),
}


MEASURE = """
import resource, sys
from fractions import Fraction
from akma_core.audio.reader import digest, open_audio, scan
assert not {"torch", "matplotlib", "av"} & set(sys.modules)
def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
before = used()
reader = open_audio(sys.argv[1])
scan(reader, Fraction(30), 1480)
digest(sys.argv[1])
assert "av" not in sys.modules
print(reader.info.samples, used() - before)
"""


@pytest.mark.parametrize(("name", "codec", "seconds"), [("a.wav", "PCM_24", 600), ("a.mp3", None, 100)])
def test_a_long_song_costs_a_few_megabytes(tmp_path: Path, name: str, codec: str | None, seconds: int) -> None:
    second = noise(48_000, 2)
    with soundfile.SoundFile(tmp_path / name, "w", 48000, 2, codec) as file:
        for _ in range(seconds):
            file.write(second)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    samples, kib = map(int, done.stdout.split())
    assert samples == seconds * 48_000
    assert kib < 16 * 1024  # the samples would take 73 MiB (100 s) or 439 MiB (600 s)
