"""Audio: every format to the sample, the loudness to AKMA's formula, and every bad file in one line."""

import hashlib
import math
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from akma_core.audio.file import SampleType
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
