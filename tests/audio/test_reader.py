"""Audio: every format to the sample, the loudness to AKMA's formula, and every bad file in one line."""

import hashlib
import math
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from akma_core.audio.decode import SampleType
from akma_core.audio.reader import AudioReader, digest, loudness, open_audio, peaks, scan
from akma_core.errors import RequestError
from akma_core.timeline import frame_count

Floats = NDArray[np.float64]

FORMATS = [
    *(("WAV", codec) for codec in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
    *(("WAV", codec) for codec in ("IMA_ADPCM", "MS_ADPCM")),
    *(("WAVEX", codec) for codec in ("PCM_16", "PCM_24", "FLOAT")),
    *(("RF64", codec) for codec in ("PCM_16", "PCM_24", "DOUBLE")),
    *(("W64", codec) for codec in ("PCM_16", "PCM_24", "FLOAT")),
    *(("AIFF", codec) for codec in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("FLAC", codec) for codec in ("PCM_S8", "PCM_16", "PCM_24")),
    *(("CAF", codec) for codec in ("PCM_16", "PCM_24", "FLOAT", "ALAC_16", "ALAC_24")),
    ("AU", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]
BITS = {"PCM_24": 24, "ALAC_24": 24, "FLOAT": 24, "PCM_32": 32, "DOUBLE": 32}
LOSSY = {"ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "VORBIS", "OPUS", "MPEG_LAYER_III"}


def noise(samples: int, channels: int, seed: int = 0) -> Floats:
    """Noise that swells and fades, in -0.5..0.5, [samples, channels]."""
    swell = 0.25 * (1 - np.cos(np.arange(samples) / 9000))[:, None]
    return np.random.default_rng(seed).uniform(-1, 1, (samples, channels)) * swell


def write(path: Path, samples: Floats, rate: int = 48000, container: str = "WAV", codec: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, format=container, subtype=codec)
    return path


def write_av(path: Path, samples: Floats, container: str, codec: str, rate: int = 44100) -> Path:
    import av

    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    with av.open(str(path), "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout=layout)  # an AudioStream
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T.astype(np.float32)), format="fltp", layout=layout
        )
        frame.rate, frame.pts = rate, 0
        context = stream.codec_context
        resampler = av.AudioResampler(context.format.name, layout, rate, context.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            out.mux(stream.encode(part))
    return path


def write_video(path: Path) -> Path:
    import av

    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=30, width=64, height=64, pix_fmt="yuv420p")
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        out.mux(stream.encode(None))
    return path


def whole(reader: AudioReader, **options: Any) -> NDArray[Any]:
    return np.concatenate(list(reader.blocks(**options)))


def akma_loudness(samples: Floats, rate: int, fps: float) -> list[float]:
    """Steps 1 to 3 of the 2022 notebook, word for word."""
    mono = np.abs(np.mean(samples, axis=1))
    frames = math.ceil((len(mono) / rate) * fps)
    per_frame = len(mono) / frames
    return [float(np.mean(mono[round(f * per_frame) : round((f + 1) * per_frame)])) for f in range(frames)]


@pytest.mark.parametrize(("container", "codec"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_reads_as_libsndfile_reads_it(tmp_path: Path, container: str, codec: str, channels: int) -> None:
    rate = 48000 if codec == "OPUS" else 44100
    path = write(tmp_path / "song", noise(70_001, channels), rate, container, codec)
    expected, _ = soundfile.read(path, always_2d=True)
    with open_audio(path) as reader:
        info = reader.info
        assert (info.sample_rate, info.channels, info.samples) == (rate, channels, len(expected))
        assert info.duration == len(expected) / rate
        assert info.format.endswith(codec)
        assert info.bits == BITS.get(codec, 16)
        assert info.lossless == (codec not in LOSSY)
        assert np.array_equal(whole(reader), expected)
        assert np.array_equal(whole(reader, dtype="float32"), soundfile.read(path, dtype="float32", always_2d=True)[0])
        for start, stop in ((0, 1), (50_001, 50_777), (65_536, None), (len(expected) - 1, len(expected) + 9)):
            assert np.array_equal(whole(reader, start=start, stop=stop, frames=700), expected[start:stop])
        actual = loudness(reader, Fraction(30))
        np.testing.assert_allclose(actual, akma_loudness(expected, rate, 30.0), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("container", "codec"), FORMATS)
def test_integers_have_the_full_scale_of_their_type(tmp_path: Path, container: str, codec: str) -> None:
    path = write(tmp_path / "song", 1.6 * noise(48_000, 1), 48000, container, codec)
    reader = open_audio(path)
    floats = whole(reader)
    for dtype, scale in (("int16", 2.0**15), ("int32", 2.0**31)):
        integers = whole(reader, dtype=dtype)
        assert integers.dtype == dtype
        assert np.abs(integers / scale - np.clip(floats, -1, 1)).max() <= 1.01 / 2**15


@pytest.mark.parametrize(("dtype", "name"), [("float64", "double"), ("float32", "single")])
def test_loud_float_samples_clip_in_integers_and_not_in_floats(tmp_path: Path, dtype: str, name: str) -> None:
    codec = {"double": "DOUBLE", "single": "FLOAT"}[name]
    path = write(tmp_path / "loud.wav", np.array([[1.5], [-1.5], [0.25]]), codec=codec)
    reader = open_audio(path)
    assert whole(reader).ravel().tolist() == [1.5, -1.5, 0.25]
    assert whole(reader, dtype="int16").ravel().tolist() == [32767, -32768, 8192]
    assert whole(reader, dtype=dtype).dtype == dtype


AV_FORMATS = [
    ("mp4", "aac", "mp4/aac", 16, False),
    ("matroska", "aac", "matroska/aac", 16, False),
    ("mp4", "alac", "mp4/alac", 24, True),
    ("mov", "pcm_s24le", "mp4/pcm_s24le", 24, True),
    ("mov", "pcm_s16le", "mp4/pcm_s16le", 16, True),
    ("matroska", "pcm_f32le", "matroska/pcm_f32le", 24, True),
    ("matroska", "flac", "matroska/flac", 16, True),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("container", "codec", "name", "bits", "lossless"), AV_FORMATS)
def test_ffmpeg_formats_start_at_the_songs_first_sample(
    tmp_path: Path, container: str, codec: str, name: str, bits: int, lossless: bool, channels: int
) -> None:
    clicks = np.zeros((100_003, channels))
    clicks[[12_345, 77_000]] = 0.9
    reader = open_audio(write_av(tmp_path / "song.wav", clicks, container, codec))
    info = reader.info
    assert (info.format, info.bits, info.lossless) == (name, bits, lossless)
    assert (info.sample_rate, info.channels) == (44100, channels)
    assert 0 <= info.samples - 100_003 < 1024
    samples = whole(reader)
    assert len(samples) == info.samples
    assert abs(int(np.abs(samples[:40_000, -1]).argmax()) - 12_345) <= 1
    assert abs(int(np.abs(samples[40_000:, -1]).argmax()) + 40_000 - 77_000) <= 1
    if lossless:
        assert np.abs(samples[:100_003] - clicks).max() < 2.0**-14
    for start, stop in ((0, 1), (1_023, 3_000), (77_000, None)):
        assert np.array_equal(whole(reader, start=start, stop=stop, frames=500), samples[start:stop])
    actual = loudness(reader, Fraction(24))
    np.testing.assert_allclose(actual, akma_loudness(samples, 44100, 24.0), rtol=1e-12, atol=1e-18)


def test_blocks_have_the_size_asked_for_in_every_decoder(tmp_path: Path) -> None:
    song = noise(10_000, 2)
    for path in (write(tmp_path / "a.wav", song), write_av(tmp_path / "a.mov", song, "mov", "pcm_s16le")):
        for frames in (1_000, 1_024, 3_333, 65_536):
            sizes = [len(block) for block in open_audio(path).blocks(frames=frames)]
            assert sizes == [frames] * (10_000 // frames) + [10_000 % frames] * (10_000 % frames > 0)


def test_dtypes_of_ffmpeg_agree_with_those_of_libsndfile(tmp_path: Path) -> None:
    song = np.round(noise(5_000, 2) * 2**15) / 2**15
    ours = open_audio(write_av(tmp_path / "a.mov", song, "mov", "pcm_s16le"))
    theirs = open_audio(write(tmp_path / "a.wav", song))
    for dtype in get_args(SampleType):
        assert np.array_equal(whole(ours, dtype=dtype), whole(theirs, dtype=dtype))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 88200, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_loudness_at_any_rate_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    path = write(tmp_path / "song.wav", noise(rate + 1, channels), rate, codec="PCM_24")
    samples, _ = soundfile.read(path, always_2d=True)
    for fps in (Fraction(24), Fraction(30000, 1001), Fraction(60), Fraction(1, 10)):
        actual = loudness(open_audio(path), fps)
        assert len(actual) == frame_count(len(samples), rate, fps)
        np.testing.assert_allclose(actual, akma_loudness(samples, rate, float(fps)), rtol=1e-12, atol=0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.integers(1, 200_000),
    channels=st.integers(1, 3),
    fps=st.fractions(Fraction(1, 100), 240, max_denominator=1001),
)
def test_loudness_is_akmas_formula(tmp_path: Path, samples: int, channels: int, fps: Fraction) -> None:
    path = write(tmp_path / "song.wav", noise(samples, channels, seed=samples), codec="DOUBLE")
    data, _ = soundfile.read(path, always_2d=True)
    np.testing.assert_allclose(
        loudness(open_audio(path), fps), akma_loudness(data, 48000, float(fps)), rtol=1e-12, atol=1e-30
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=st.integers(1, 150_000), columns=st.integers(1, 3_000))
def test_peaks_are_the_extremes_of_equal_parts(tmp_path: Path, samples: int, columns: int) -> None:
    path = write(tmp_path / "song.wav", noise(samples, 2, seed=columns), codec="DOUBLE")
    mono = np.mean(soundfile.read(path, always_2d=True)[0], axis=1)
    parts = min(samples, columns)
    size = samples / parts
    expected = []
    for column in range(columns):
        part = column * parts // columns
        of = mono[round(part * size) : round((part + 1) * size)]
        expected.append((of.min(), of.max()))
    np.testing.assert_allclose(peaks(open_audio(path), columns), expected, rtol=1e-12)


def test_scan_is_loudness_and_peaks(tmp_path: Path) -> None:
    reader = open_audio(write(tmp_path / "song.wav", noise(100_000, 2)))
    values, extremes = scan(reader, Fraction(30), 200)
    assert np.array_equal(values, loudness(reader, Fraction(30)))
    assert np.array_equal(extremes, peaks(reader, 200))


@given(
    samples=st.integers(1, 10**10),
    rate=st.sampled_from([8000, 44100, 48000, 192000]),
    fps=st.fractions(Fraction(1, 1000), 240, max_denominator=1001),
)
def test_frame_count_is_akmas(samples: int, rate: int, fps: Fraction) -> None:
    expected = math.ceil((samples / rate) * float(fps))
    if expected <= samples:
        assert frame_count(samples, rate, fps) == expected
    else:
        with pytest.raises(RequestError):
            frame_count(samples, rate, fps)


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-30), Fraction(48001), Fraction(10**400)])
def test_impossible_fps(fps: Fraction) -> None:
    with pytest.raises(RequestError, match="fps") as caught:
        frame_count(480_000, 48_000, fps)
    assert caught.value.field == "fps"


def test_tiny_fps_is_one_frame() -> None:
    assert frame_count(480_000, 48_000, Fraction(1, 10**400)) == 1


def test_digest(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)) * 9_999)
    assert digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(RequestError, match="does not exist"):
        digest(tmp_path / "none")


def test_passes_overlap(tmp_path: Path) -> None:
    reader = open_audio(write(tmp_path / "song.ogg", noise(50_000, 2), 48000, "OGG", "VORBIS"))
    pairs = list(zip(reader.blocks(frames=999), reader.blocks(frames=999), strict=True))
    assert len(pairs) == 51
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_misuse_is_a_value_error(tmp_path: Path) -> None:
    reader = open_audio(write(tmp_path / "song.wav", noise(100, 1)))
    bad: list[dict[str, Any]] = [{"start": -1}, {"stop": -1}, {"frames": 0}]
    for options in bad:
        with pytest.raises(ValueError, match="must be"):
            reader.blocks(**options)
    assert list(reader.blocks(start=100)) == []


# Bad files


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
