from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from akma_core.media.encoder import Encoder
from akma_core.media.video_reader import open_video
from akma_core.upscale.remux import Fit, fit, join
from tests.support.clips import ROTATED, frames_of, make_clip, packets, samples_of
from tests.support.media import moving, write_segment

SIZE = 64


def joined(source: Path, chunk: int = 10) -> Path:
    """The clip with other pictures of 64x64, in chunks."""
    clip = open_video(source)
    encoder = Encoder(width=SIZE, height=SIZE, fps=clip.fps, crf=16.0, threads=1)
    planes = moving(clip.frames, SIZE)
    segments = [
        write_segment(source.with_name(f"{k}.seg"), encoder, planes[k : k + chunk])
        for k in range(0, clip.frames, chunk)
    ]
    places = fit(clip)
    output = source.with_name(f"joined{places.suffix}")
    join(clip, segments, encoder, places, output)
    return output


def moves(old: Sequence[tuple[Fraction, str]], new: Sequence[tuple[Fraction, str]]) -> set[float]:
    """By how many milliseconds packets moved."""
    return {round(float(1000 * (b[0] - a[0])), 1) for a, b in zip(old, new, strict=True)}


@pytest.mark.parametrize(
    ("name", "sound", "layout", "suffix"),
    [
        ("a.mp4", "aac", "mono", ".mp4"),
        ("a.mov", "aac", "stereo", ".mov"),
        ("a.mov", "pcm_s16le", "stereo", ".mov"),
        ("a.mkv", "ac3", "5.1(side)", ".mp4"),
        ("a.mkv", "flac", "5.1", ".mp4"),
        ("a.mkv", "pcm_s24le", "mono", ".mp4"),
        ("a.avi", "mp3", "stereo", ".mp4"),
        ("a.webm", "libopus", "stereo", ".mp4"),
    ],
)
def test_sound_is_copied_bit_for_bit(tmp_path: Path, name: str, sound: str, layout: str, suffix: str) -> None:
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    source = make_clip(tmp_path / name, codec=codec, sound=sound, layout=layout)
    output = joined(source)
    assert output.suffix == suffix
    (old,), (new,) = packets(source, "audio"), packets(output, "audio")
    assert len(old) > 5
    assert [digest for _, digest in new] == [digest for _, digest in old]
    assert max(map(abs, moves(old, new))) <= 0.6  # milliseconds are Matroska's grid
    (first, heard), (first_now, heard_now) = samples_of(source), samples_of(output)
    assert abs(first - first_now) <= Fraction(1, 1000)
    n = min(len(heard), len(heard_now))
    assert n > 40_000
    assert np.array_equal(heard_now[:n], heard[:n])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.mov"])
def test_every_frame_keeps_its_time(tmp_path: Path, name: str) -> None:
    times = [0, 33, 50, 133, 134, 400, 433, 900, 905, 910, 1000, 1033]
    codec, sound = ("libvpx-vp9", "libopus") if name == "a.webm" else ("libx264", "aac")
    source = make_clip(tmp_path / name, codec=codec, sound=sound, times=times, time_base=Fraction(1, 1000), fps=30)
    (_, before), (frames, after) = frames_of(source), frames_of(joined(source))
    assert frames.shape == (12, SIZE, SIZE)
    assert [round(1000 * time) for time in after] == [round(1000 * time) for time in before]
    assert [round(1000 * (time - after[0])) for time in after] == times


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("late", [Fraction(1, 4), Fraction(-1, 10), 0])
def test_sound_and_pictures_stay_together(tmp_path: Path, name: str, late: Fraction) -> None:
    source = make_clip(tmp_path / name, sound="ac3", late=late)
    output = joined(source)
    before = packets(source, "audio")[0][0][0] - frames_of(source)[1][0]
    after = packets(output, "audio")[0][0][0] - frames_of(output)[1][0]
    assert float(after) == pytest.approx(float(before), abs=0.0006)
    if name != "a.mp4" or late >= 0:  # mp4 hides what is before 0
        assert float(before) == pytest.approx(float(late), abs=0.012)
    assert min(packets(output, "audio")[0][0][0], frames_of(output)[1][0]) <= 0


def test_no_sound(tmp_path: Path) -> None:
    output = joined(make_clip(tmp_path / "a.mp4", fps=Fraction(24000, 1001)))
    with av.open(str(output)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].average_rate == Fraction(24000, 1001)
        assert container.duration == pytest.approx(24 * 1001 / 24000 * 1e6, abs=50)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_phone_held_upright(tmp_path: Path, name: str) -> None:
    clip = open_video(joined(make_clip(tmp_path / name, display=ROTATED, sound="aac")))
    assert clip.look.display == ROTATED


def test_a_phone_held_upright_in_matroska(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", display=ROTATED)
    clip, output = open_video(source), tmp_path / "out.mkv"
    encoder = Encoder(width=SIZE, height=SIZE, fps=clip.fps, crf=16.0, threads=1)
    segment = write_segment(tmp_path / "a.seg", encoder, moving(clip.frames, SIZE))
    join(clip, [segment], encoder, Fit(".mkv", (), (), ()), output)
    assert open_video(output).look.display == ROTATED


def test_subtitles_chapters_and_names(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "a.mkv",
        sound="aac",
        subtitle="subrip",
        metadata={"title": "A title", "ARTIST": "Somebody", "MADE_WITH": "love"},
    )
    output = joined(source)
    assert output.suffix == ".mkv"  # mp4 has no SubRip
    assert packets(output, "subtitle") == packets(source, "subtitle") != []
    assert [digest for _, digest in packets(output, "audio")[0]] == [d for _, d in packets(source, "audio")[0]]
    with av.open(str(output)) as container:
        assert container.metadata["title"] == "A title"
        assert container.metadata["ARTIST"] == "Somebody"
        assert container.metadata["MADE_WITH"] == "love"


def test_chapters_and_languages(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "plain.mp4", sound="aac")
    with av.open(str(source)) as old, av.open(str(tmp_path / "a.mp4"), "w") as new:
        into: dict[int, Any] = {s.index: new.add_stream_from_template(s) for s in old.streams}
        into[1].metadata["language"] = "deu"
        new.metadata["title"] = "A title"
        chapter = {"id": 0, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}
        new.set_chapters([chapter])  # type: ignore[list-item]
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = into[packet.stream.index]
                new.mux(packet)
    with av.open(str(joined(tmp_path / "a.mp4"))) as container:
        assert container.streams.audio[0].metadata["language"] == "deu"
        assert container.metadata["title"] == "A title"
        (found,) = container.chapters()
        assert found["metadata"] == {"title": "one"}
        assert found["end"] * Fraction(found["time_base"] or 0) == Fraction(1, 2)


def test_sound_that_fits_nowhere_becomes_aac(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.wmv", codec="wmv2", sound="wmav2", frames=48)
    places = fit(open_video(source))
    assert (places.suffix, places.copied, places.encoded) == (".mkv", (), (1,))
    assert "wmav2" in places.notes[0]
    output = joined(source)
    (first, heard), (first_now, heard_now) = samples_of(source), samples_of(output)
    assert abs(first - first_now) <= Fraction(1, 500)
    n = min(len(heard), len(heard_now)) - 4096
    assert n > 80_000
    lags = [
        float(np.mean((heard[2000 : n - 200] - heard_now[2000 + lag : n - 200 + lag]) ** 2)) for lag in (-60, 0, 60)
    ]
    assert lags[1] < 1e-3 < min(lags[0], lags[2])


def test_the_same_again_gives_the_same_bytes(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", sound="aac")
    first = joined(source).read_bytes()
    assert joined(source).read_bytes() == first
