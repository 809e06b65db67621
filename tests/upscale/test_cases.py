"""Videos as people have them, through `akma upscale --outscale 1`: whole, or with a note of what is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from akma_core.media.video_reader import FrameReader, open_video
from tests.support.clips import packets
from tests.upscale.test_command import Command, upscale  # noqa: F401

CASES = Path(__file__).parents[1] / "golden" / "cases"
RATE = 44100


@dataclass
class Result:
    """What came of a file."""

    path: Path
    said: str
    grays: list[float]
    times: list[float]
    length: float

    def is_gray(self, *wanted: float) -> bool:
        return len(wanted) == len(self.grays) and np.abs(np.array(wanted) - self.grays).max() <= 5


@pytest.fixture
def made(
    upscale: Command,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[str], Result]:
    def make(name: str) -> Result:
        assert upscale(CASES / name, "-o", tmp_path / "out", "--outscale", 1) is None
        (path,) = (path for path in (tmp_path / "out").iterdir() if path.suffix != ".json")
        clip = open_video(path)
        grays = [float(picture.mean()) for picture in FrameReader(clip).read(0, clip.frames)]
        times = [float((int(time) - int(clip.times[0])) * clip.time_base) for time in clip.times]
        return Result(path, capsys.readouterr().err, grays, times, times[-1] + float(clip.last * clip.time_base))

    return make


def heard(path: Path) -> NDArray[Any]:
    """The first channel, from the first sample that a player plays on."""
    with av.open(str(path)) as container:
        planar, blocks = av.AudioResampler(format="fltp"), []
        for frame in container.decode(audio=0):
            blocks += [even.to_ndarray()[0] for even in planar.resample(frame)]
    return np.concatenate(blocks)


def pitch(sound: NDArray[Any], rate: int = RATE) -> float:
    """Hz of the loudest tone."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(spectrum.argmax() * rate / len(sound))


def test_pcm_of_an_avi(made: Callable[[str], Result]) -> None:
    result = made("pcm-stereo.avi")
    assert result.is_gray(*(5 + 16.3 * k for k in range(12)))
    with av.open(str(CASES / "pcm-stereo.avi")) as old, av.open(str(result.path)) as new:
        before, after = (b"".join(bytes(packet) for packet in each.demux(audio=0)) for each in (old, new))
    assert before == after
    assert len(after) == 21168 * 4


@pytest.mark.parametrize("name", ["restart.ts", "restart-silent.ts", "jump.ts"])
def test_clocks_that_break(made: Callable[[str], Result], name: str) -> None:
    result = made(name)
    assert result.is_gray(*np.linspace(5, 107, 12), *np.linspace(121, 224, 12))
    assert result.length == pytest.approx(0.96, abs=0.03)
    assert result.times == sorted(result.times)
    assert "clock restarts or jumps" in result.said
    if name == "restart.ts":
        sound = heard(result.path)
        rate = av.open(str(result.path)).streams.audio[0].rate
        assert len(sound) / rate == pytest.approx(0.96, abs=0.08)
        third = len(sound) // 3
        assert pitch(sound[:third], rate) == pytest.approx(440, abs=15)
        assert pitch(sound[-third:], rate) == pytest.approx(880, abs=15)


def test_packed_b_frames(made: Callable[[str], Result]) -> None:
    result = made("packed-bframes.avi")
    assert result.is_gray(*(5 + 8.15 * k for k in range(30)))
    assert result.times == pytest.approx(np.arange(30) / 25, abs=0.001)
    assert "damaged" not in result.said


def test_fields(made: Callable[[str], Result]) -> None:
    result = made("paff-frames.ts")
    assert result.is_gray(*(40 + 5.8 * k for k in range(13)))
    assert result.times == pytest.approx(np.arange(13) / 25, abs=0.001)
    assert result.length == pytest.approx(0.52, abs=0.005)


def test_repeats(made: Callable[[str], Result]) -> None:
    result = made("theora-repeats.ogv")
    assert result.is_gray(5, 21, 37, 54, 70, 86, 102, 119)
    assert result.times == pytest.approx(0.12 * np.arange(8), abs=0.001)


def test_a_track_that_nobody_can_decode(made: Callable[[str], Result]) -> None:
    result = made("iphone-apac.mov")
    assert len(result.grays) == 12
    assert "left out: 1 track(s) of sound" in result.said
    old, new = packets(CASES / "iphone-apac.mov", "audio")[0], packets(result.path, "audio")[0]
    assert [digest for _, digest in new] == [digest for _, digest in old]


def test_what_an_edit_cut_away_stays_away(made: Callable[[str], Result]) -> None:
    result = made("edit-list-cut.mp4")
    assert len(result.grays) == 50
    sound = heard(result.path)
    assert len(sound) / RATE == pytest.approx(2.0, abs=0.05)
    half = len(sound) // 2
    for part, tone in ((sound[2000 : half - 2000], 440), (sound[half + 2000 : -2000], 1760)):
        assert pitch(part) == pytest.approx(tone, abs=3)
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
        near = spectrum[round(870 * len(part) / RATE) : round(890 * len(part) / RATE)]
        assert near.max() < spectrum.max() / 50
    assert "an edit cuts into the sound" in result.said


def test_a_cover_is_no_film(made: Callable[[str], Result]) -> None:
    result = made("cover-first.mp4")
    assert result.is_gray(*(5 + 16.3 * k for k in range(12)))
    clip = open_video(result.path)
    assert (clip.look.width, clip.look.height) == (64, 48)


@pytest.mark.parametrize(
    ("name", "words"), [("captions.mp4", "closed captions left out"), ("alpha-vp9.webm", "transparency left out")]
)
def test_what_is_lost_is_said(made: Callable[[str], Result], name: str, words: str) -> None:
    assert words in made(name).said


def test_statistics_of_the_old_track(made: Callable[[str], Result]) -> None:
    result = made("statistics.mkv")
    with av.open(str(result.path)) as container:
        for stream in container.streams:
            assert not {key for key in stream.metadata if "STATISTICS" in key or key in ("BPS", "NUMBER_OF_BYTES")}
        assert Fraction(container.streams.video[0].average_rate or 0) == 25
