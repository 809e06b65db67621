import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from akma_core.errors import FailureError, RequestError
from akma_core.media.mux import AudioTrack, downmix, finish
from tests.support.media import (
    Song,
    boxes,
    clock,
    decode_audio,
    decode_video,
    edit,
    encoder,
    moving,
    walk,
    write_segment,
)

RATES = [Fraction(12), Fraction(24), Fraction(25), Fraction(30), Fraction(60)]
NTSC = [Fraction(24000, 1001), Fraction(30000, 1001)]


def segments(folder: Path, fps: Fraction, lengths: Sequence[int], side: int = 64) -> list[Path]:
    made = encoder(fps, side)
    return [write_segment(folder / f"{i}.seg", made, moving(n, side, i)) for i, n in enumerate(lengths)]


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    return segments(tmp_path, Fraction(30), (7, 20, 3))


def peak(samples: np.ndarray[Any, Any], near: int) -> int:
    start = max(near - 500, 0)
    return start + int(np.argmax(np.abs(samples[start : near + 500, 0].astype(float))))


@pytest.mark.parametrize("fps", RATES + NTSC)
def test_joined_frames_are_the_segments_at_their_times(tmp_path: Path, fps: Fraction) -> None:
    paths = segments(tmp_path, fps, (13, 1, 30, 6))
    output = tmp_path / "out.mp4"
    song = Song(44100, samples=round(44100 * 50 / fps))
    finish(paths, encoder(fps), AudioTrack(song), output)

    frames, times = decode_video(output)
    assert np.array_equal(frames, np.concatenate([decode_video(path)[0] for path in paths]))
    assert times == [k / fps for k in range(50)]

    data = output.read_bytes()
    movie, _ = clock(boxes(data, "moov", "mvhd")[0])
    video, audio = boxes(data, "moov", "trak", "mdia", "mdhd")
    assert Fraction(clock(video)[1], clock(video)[0]) == 50 / fps
    assert clock(audio) == (44100, 1024 + song.samples)
    shown, heard = (edit(elst) for elst in boxes(data, "moov", "trak", "edts", "elst"))
    assert (Fraction(shown[0], movie), shown[1]) == (50 / fps, 0)
    assert (Fraction(heard[0], movie), heard[1]) == (Fraction(song.samples, 44100), 1024)


@pytest.mark.parametrize(("suffix", "kind"), [(".mp4", b"nclx\0\1\0\1\0\1\0"), (".mov", b"nclc\0\1\0\1\0\1")])
def test_index_first_and_bt709(tmp_path: Path, parts: list[Path], suffix: str, kind: bytes) -> None:
    output = tmp_path / f"out{suffix}"
    finish(parts, encoder(), AudioTrack(Song()), output)
    data = output.read_bytes()
    order = [name for name, _ in walk(data)]
    assert order.index("moov") < order.index("mdat")
    entry = boxes(data, "moov", "trak", "mdia", "minf", "stbl", "stsd")[0][8:]
    sample = boxes(entry, "avc1")[0][78:]
    assert boxes(sample, "colr")[0] == kind
    with av.open(str(output)) as container:
        assert not [key for key in container.metadata if key in ("creation_time", "encoder")]


def test_mkv_is_right_to_the_millisecond(tmp_path: Path) -> None:
    fps = Fraction(30000, 1001)
    paths = segments(tmp_path, fps, (20, 20))
    output = tmp_path / "out.mkv"
    finish(paths, encoder(fps), AudioTrack(Song(clicks=[24000])), output)
    frames, times = decode_video(output)
    assert np.array_equal(frames, np.concatenate([decode_video(path)[0] for path in paths]))
    assert times == [Fraction(math.floor(k / fps * 1000 + Fraction(1, 2)), 1000) for k in range(40)]
    assert abs(peak(decode_audio(output), 24000) - 24000) <= 2


def test_without_audio(tmp_path: Path, parts: list[Path]) -> None:
    finish(parts, encoder(), None, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.duration == 1_000_000


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(24000, 1001)])
def test_flash_and_click_meet(tmp_path: Path, fps: Fraction) -> None:
    flashes, rate = (10, 41), 48000
    paths = []
    for i, start in enumerate((0, 25)):
        planes = np.full((25, 96, 64), 60, np.uint8)
        planes[[k - start for k in flashes if start <= k < start + 25], :64] = 235
        paths.append(write_segment(tmp_path / f"{i}.seg", encoder(fps), planes))
    clicks = [round(k / fps * rate) for k in flashes]
    output = tmp_path / "out.mp4"
    finish(paths, encoder(fps), AudioTrack(Song(rate, 110_000, clicks=clicks)), output)
    frames, times = decode_video(output)
    seen = [time for time, frame in zip(times, frames, strict=True) if frame[:64].mean() > 150]
    heard = [peak(decode_audio(output), click) for click in clicks]
    assert seen == [k / fps for k in flashes]
    assert all(abs(Fraction(at, rate) - time) <= Fraction(3, rate) for at, time in zip(heard, seen, strict=True))


@pytest.mark.parametrize(
    ("codec", "rate", "out_rate"),
    [
        ("aac", 48000, 48000),
        ("aac", 44100, 44100),
        ("aac", 22050, 22050),
        ("aac", 96000, 48000),
        ("aac", 37000, 48000),
        ("alac", 96000, 96000),
        ("flac", 44100, 44100),
    ],
)
def test_clicks_stay_at_their_samples(tmp_path: Path, parts: list[Path], codec: str, rate: int, out_rate: int) -> None:
    clicks = [100, rate // 2 + 1, rate - 60]
    track = AudioTrack(Song(rate, rate, clicks=clicks), codec=codec)
    assert track.rate == out_rate
    assert bool(track.notes) == (rate != out_rate)
    finish(parts, encoder(), track, tmp_path / "out.mp4")
    samples = decode_audio(tmp_path / "out.mp4")
    for click in clicks:
        want = round(click * out_rate / rate)
        assert abs(peak(samples, want) - want) <= 2


def test_no_drift_in_twenty_minutes(tmp_path: Path) -> None:
    """Long enough that lengths in the movie's clock pass 32 bits."""
    fps, rate, seconds = Fraction(30000, 1001), 44100, 1200
    part = segments(tmp_path, fps, (120,), side=16)[0]
    clicks = [1000, seconds * rate - 3000]
    output = tmp_path / "out.mp4"
    finish([part] * 300, encoder(fps, side=16), AudioTrack(Song(rate, seconds * rate, 1, clicks=clicks)), output)
    data = output.read_bytes()
    movie, length = clock(boxes(data, "moov", "mvhd")[0])
    assert length > 2**32
    lengths = [Fraction(edit(elst)[0], movie) for elst in boxes(data, "moov", "trak", "edts", "elst")]
    assert lengths == [36000 / fps, seconds]
    samples = decode_audio(output, "flt")
    assert [peak(samples, click) - click for click in clicks] == [0, 0]
    with av.open(str(output)) as container:
        last = [packet for packet in container.demux(video=0) if packet.size][-1]
        assert (last.pts or 0) * Fraction(last.time_base) == 35999 / fps


@pytest.mark.parametrize("codec", ["alac", "flac"])
@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_lossless_is_lossless(tmp_path: Path, parts: list[Path], codec: str, bits: int, channels: int) -> None:
    song = Song(48000, 50_001, channels, bits, noise=0.9)
    track = AudioTrack(song, 17, 49_000, codec)
    finish(parts, encoder(), track, tmp_path / "out.mp4")
    sent = np.concatenate(list(song.blocks(17, 49_000, 65536, "int32")))
    assert np.array_equal(decode_audio(tmp_path / "out.mp4", "s32"), sent)
    assert track.notes == ()


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_aac_keeps_channels(tmp_path: Path, parts: list[Path], channels: int) -> None:
    finish(parts, encoder(), AudioTrack(Song(channels=channels)), tmp_path / "out.mp4")
    assert decode_audio(tmp_path / "out.mp4").shape[1] == channels


def test_other_channel_counts_become_stereo(tmp_path: Path, parts: list[Path]) -> None:
    track = AudioTrack(Song(channels=3, clicks=[30_000]))
    assert track.notes == ("3 audio channels of unknown places mixed to stereo",)
    finish(parts, encoder(), track, tmp_path / "out.mp4")
    samples = decode_audio(tmp_path / "out.mp4")
    assert samples.shape[1] == 2
    assert peak(samples, 30_000) == 30_000


def test_downmix_is_the_mean_of_each_side() -> None:
    block = np.array([[1, 2, 3, 4], [0, 8, 0, 0]], np.float32)
    assert downmix(block).tolist() == [[2, 3], [0, 4]]
    assert downmix(np.array([[1, 2, 4]], np.float32)).tolist() == [[2.5, 3]]
    assert downmix(block).dtype == np.float32


def test_a_crop_starts_at_its_sample(tmp_path: Path, parts: list[Path]) -> None:
    track = AudioTrack(Song(clicks=[40_000]), start=31_000, stop=10**9)
    finish(parts, encoder(), track, tmp_path / "out.mp4")
    assert peak(decode_audio(tmp_path / "out.mp4"), 9_000) == 9_000


def test_floats_beyond_full_scale_pass(tmp_path: Path, parts: list[Path]) -> None:
    finish(parts, encoder(), AudioTrack(Song(noise=1e29)), tmp_path / "out.mp4")
    assert np.isfinite(decode_audio(tmp_path / "out.mp4")).all()


@pytest.mark.parametrize(
    ("song", "settings", "field"),
    [
        (Song(), {"codec": "mp3"}, "audio_codec"),
        (Song(), {"start": 96000}, "start"),
        (Song(), {"start": 50, "stop": 50}, "start"),
        (Song(), {"start": -1}, "start"),
        (Song(channels=3), {"codec": "flac"}, "audio_codec"),
        (Song(channels=8), {"codec": "alac"}, "audio_codec"),
    ],
)
def test_tracks_that_cannot_be(song: Song, settings: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        AudioTrack(song, **settings)
    assert caught.value.field == field


def test_more_than_24_bits_are_said() -> None:
    assert AudioTrack(Song(bits=32), codec="flac").notes == ("audio of 32 bits kept to 24 bits by flac",)


@pytest.mark.parametrize(("name", "codec"), [("out.avi", "aac"), ("out", "aac"), ("out.mov", "flac")])
def test_containers_that_cannot_be(tmp_path: Path, parts: list[Path], name: str, codec: str) -> None:
    with pytest.raises(RequestError):
        finish(parts, encoder(), AudioTrack(Song(), codec=codec), tmp_path / name)
    assert not (tmp_path / name).exists()


def test_segments_that_differ_are_refused(tmp_path: Path, parts: list[Path]) -> None:
    other = write_segment(tmp_path / "other.seg", encoder(preset="ultrafast"), moving(9))
    with pytest.raises(FailureError) as caught:
        finish([*parts, other], encoder(), AudioTrack(Song()), tmp_path / "out.mp4")
    assert caught.value.code == "segments_differ"
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("which", [0, 2])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_broken_segments_are_named(tmp_path: Path, parts: list[Path], which: int, damage: str) -> None:
    if damage == "gone":
        parts[which].unlink()
    else:
        parts[which].write_bytes(parts[which].read_bytes()[:1000])
    with pytest.raises(FailureError, match=parts[which].name) as caught:
        finish(parts, encoder(), None, tmp_path / "out.mp4")
    assert caught.value.code == "segment_broken"
    assert not (tmp_path / "out.mp4").exists()


def test_a_missing_folder_is_a_failure(tmp_path: Path, parts: list[Path]) -> None:
    with pytest.raises(FailureError) as caught:
        finish(parts, encoder(), None, tmp_path / "none" / "out.mp4")
    assert caught.value.code == "write_failed"


def test_a_failing_reader_leaves_nothing(tmp_path: Path, parts: list[Path]) -> None:
    class Failing(Song):
        def blocks(
            self, start: int = 0, stop: int | None = None, frames: int = 65536, dtype: Any = "float32"
        ) -> Iterator[np.ndarray[Any, Any]]:
            yield next(super().blocks(start, stop, frames, dtype))
            raise RequestError("damaged")

    with pytest.raises(RequestError, match="damaged"):
        finish(parts, encoder(), AudioTrack(Failing()), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_same_input_same_bytes(tmp_path: Path, parts: list[Path], name: str) -> None:
    made = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        finish(parts, encoder(), AudioTrack(Song(noise=0.5)), tmp_path / folder / name)
        made.append((tmp_path / folder / name).read_bytes())
    assert made[0] == made[1]


FULL = """
import resource, sys
from pathlib import Path
from akma_core.errors import FailureError
from akma_core.media.mux import AudioTrack, finish
from tests.support.media import Song, encoder
*parts, output, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit),) * 2)
try:
    finish([Path(part) for part in parts], encoder(), AudioTrack(Song(noise=0.5)), Path(output))
except FailureError as error:
    print(error.code, error.message, sep="\\n")
"""


def python(code: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_full_disk_at_any_byte(tmp_path: Path, parts: list[Path], name: str) -> None:
    output = tmp_path / name
    assert python(FULL, *parts, output, 10**9) == ""
    size = output.stat().st_size
    for limit in (0, size // 2, size - 1000, size - 1):
        code, message = python(FULL, *parts, output, limit).splitlines()
        assert code == "disk_full", limit
        assert str(output) in message
        assert not output.exists()


MEMORY = """
import resource, sys
from pathlib import Path
from akma_core.media.mux import AudioTrack, finish
from tests.support.media import Song, encoder
part, count, output = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
finish([part] * count, encoder(side=16), AudioTrack(Song(48000, 48000 * count)), output)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_song(tmp_path: Path) -> None:
    second = segments(tmp_path, Fraction(30), (30,), side=16)[0]
    short, long = (int(python(MEMORY, second, count, tmp_path / "out.mp4")) for count in (10, 300))
    assert long - short < 10_000  # KiB; the index alone grows, some 100 bytes a packet


def test_packets_are_interleaved(tmp_path: Path) -> None:
    second = segments(tmp_path, Fraction(30), (30,), side=16)[0]
    output = tmp_path / "out.mp4"
    finish([second] * 20, encoder(side=16), AudioTrack(Song(samples=20 * 48000)), output)
    with av.open(str(output)) as container:
        places = sorted(
            (packet.pos or 0, float((packet.dts or 0) * Fraction(packet.time_base)))
            for packet in container.demux()
            if packet.size
        )
    assert max(before - after for (_, before), (_, after) in pairwise(places)) < 1.1
