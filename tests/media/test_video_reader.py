import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from akma_core.errors import RequestError
from akma_core.media import video_reader as clips
from akma_core.media.video_reader import FrameReader, VideoFile, open_video
from tests.support.clips import ROTATED, audio_packets, make_clip, scene
from tests.support.songs import write_song

NTSC = Fraction(24000, 1001)


def refusal(work: Callable[[], object]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        work()
    assert caught.value.message.splitlines() == [caught.value.message]
    assert caught.value.field == "video"
    return caught.value


def seconds(clip: VideoFile) -> list[Fraction]:
    return [int(time) * clip.time_base for time in clip.times]


def error(rgb: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(rgb.astype(int) - wanted).mean())


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx265", "yuv420p10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.webm", "libvpx", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.ts", "mpeg2video", "yuv420p"),
        ("a.mov", "prores_ks", "yuv422p10le"),
    ],
)
def test_every_frame_at_its_time(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {"b": "2000000"}
    size = (64, 64)  # in fewer pixels x265 writes where it should not
    clip = open_video(make_clip(tmp_path / name, fps=NTSC, size=size, codec=codec, pixels=pixels, options=options))
    assert (clip.frames, clip.fps) == (24, NTSC)
    times = np.array(seconds(clip), float)
    assert times - times[0] == pytest.approx(np.arange(24) / float(NTSC), abs=0.001)
    assert float(clip.last * clip.time_base) == pytest.approx(1 / float(NTSC), abs=0.0015)
    pictures = FrameReader(clip)
    rgb = pictures.read(0, 24)
    assert pictures.repeated == 0
    right, off_by_one = (np.abs(rgb[1:].astype(int) - scene(24, *size)[k : 23 + k]).mean() for k in (1, 0))
    assert right < 12 < off_by_one


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_variable_rate(tmp_path: Path, name: str) -> None:
    times = [0, 33, 50, 133, 134, 400, 433, 900]
    clip = open_video(make_clip(tmp_path / name, times=times, time_base=Fraction(1, 1000), fps=30))
    assert seconds(clip) == [Fraction(time, 1000) for time in times]
    assert clip.fps == pytest.approx(7 / 0.9, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"x264-params": "keyint=8:bframes=3:open-gop=1:scenecut=0"}),
        ("a.ts", "libx264", {"x264-params": "keyint=8:bframes=3:scenecut=0"}),
        ("a.mkv", "libx265", {"x265-params": "keyint=8:min-keyint=8:bframes=4:open-gop=1:scenecut=0:log-level=none"}),
        ("a.mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=8"}),
        ("a.webm", "libvpx-vp9", {"g": "8"}),
        ("a.avi", "mpeg4", {"g": "8"}),
    ],
)
def test_pictures_from_the_middle_are_the_same(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    size = (64, 64)  # in fewer pixels x265 writes where it should not
    clip = open_video(make_clip(tmp_path / name, frames=60, size=size, codec=codec, options=options))
    whole = FrameReader(clip).read(0, 60)
    for start in (1, 15, 16, 17, 31, 40, 59):
        pictures = FrameReader(clip)
        assert np.array_equal(pictures.read(start, 60), whole[start:])
        assert pictures.repeated == 0


def test_decoding_starts_near_what_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = open_video(make_clip(tmp_path / "a.mp4", frames=60, options={"x264-params": "keyint=8:bframes=0"}))
    decoded: list[int] = []
    timed = clips._timed

    def counting(container: object, stream: object) -> object:
        for item in timed(container, stream):  # type: ignore[arg-type]
            decoded.append(item[0])
            yield item

    monkeypatch.setattr(clips, "_timed", counting)
    FrameReader(clip).read(50, 52)
    assert 0 < len(decoded) <= 8 + 8 + 3


def test_reading_on_and_jumping(tmp_path: Path) -> None:
    clip = open_video(make_clip(tmp_path / "a.mp4", frames=20))
    pictures, whole = FrameReader(clip), FrameReader(clip).read(0, 20)
    for start, stop in ((0, 3), (3, 7), (12, 20), (0, 2), (2, 3)):
        assert np.array_equal(pictures.read(start, stop), whole[start:stop])


def test_a_damaged_picture_is_replaced_by_the_one_before(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.avi", frames=12, codec="mjpeg", pixels="yuvj420p")
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][5]
        place, size = packet.pos, packet.size
    whole = FrameReader(open_video(path)).read(0, 12)
    data = bytearray(path.read_bytes())
    assert place is not None
    data[place + 16 : place + size - 16] = bytes(size - 32)
    path.write_bytes(data)
    clip = open_video(path)
    pictures = FrameReader(clip)
    rgb = pictures.read(0, 12)
    assert (clip.frames, pictures.repeated) == (12, 1)
    assert np.array_equal(rgb[5], whole[4])
    assert np.array_equal(np.delete(rgb, 5, 0), np.delete(whole, 5, 0))


def test_a_file_that_breaks_off_gives_what_is_there(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", frames=48, options={"x264-params": "bframes=0:keyint=8"})
    whole = FrameReader(open_video(path)).read(0, 48)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    clip = open_video(path)
    assert 10 < clip.frames < 48
    assert np.array_equal(FrameReader(clip).read(0, clip.frames)[:-1], whole[: clip.frames - 1])


def test_rotation_and_the_shape_of_pixels(tmp_path: Path) -> None:
    turned = open_video(make_clip(tmp_path / "a.mp4", display=ROTATED))
    assert turned.look.display == ROTATED
    assert (turned.look.width, turned.look.height) == (48, 32)
    assert open_video(make_clip(tmp_path / "b.mp4")).look.display is None


def test_odd_sizes(tmp_path: Path) -> None:
    clip = open_video(make_clip(tmp_path / "a.mkv", frames=3, size=(47, 31), pixels="yuv444p"))
    assert FrameReader(clip).read(0, 3).shape == (3, 31, 47, 3)


def test_what_will_be_otherwise_is_said(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16}
    hdr = open_video(make_clip(tmp_path / "a.mp4", frames=2, pixels="yuv420p10le", tags=tags))
    assert [note[:8] for note in hdr.notes] == ["HDR (PQ)"]
    said = {"colorspace": 1}
    assert open_video(make_clip(tmp_path / "b.mp4", frames=2, tags=said)).notes == ()
    deep = open_video(make_clip(tmp_path / "c.mp4", frames=2, pixels="yuv420p10le", tags=said))
    assert deep.notes == ("10 bits a colour became 8",)
    lines = {"flags": "+ildct+ilme", "x264-params": "interlaced=1"}
    (note,) = open_video(make_clip(tmp_path / "d.mp4", frames=4, tags=said, options=lines)).notes
    assert note.startswith("interlaced: ")


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    assert refusal(lambda: open_video(bad)).message == "bad.mp4: does not exist; check the path"
    bad.write_bytes(b"")
    assert refusal(lambda: open_video(bad)).code == "video_empty"
    bad.write_bytes(b"hello, this is text\n" * 100)
    assert refusal(lambda: open_video(bad)).code == "video_unknown"
    whole = make_clip(tmp_path / "a.mp4").read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])  # its index is at the end
    assert refusal(lambda: open_video(bad)).code == "video_unknown"
    assert refusal(lambda: open_video(tmp_path)).code == "video_unreadable"
    assert refusal(lambda: open_video(write_song(tmp_path / "song.wav", 1))).code == "video_unknown"
    with av.open(str(tmp_path / "song.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        container.mux(audio_packets(stream, 48000, 0))
    assert "sound and no pictures" in refusal(lambda: open_video(tmp_path / "song.m4a")).message
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refusal(lambda: open_video(tmp_path / "pipe.mp4")).code == "video_unreadable"
    assert refusal(lambda: open_video(tmp_path / "nul\0.mp4")).field == "video"


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {secret}\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        '<Representation id="1" mimeType="video/mp4"><BaseURL>{secret}</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>",
    ],
)
def test_a_playlist_opens_no_other_file(tmp_path: Path, playlist: str) -> None:
    make_clip(tmp_path / "secret.mp4")
    bad = tmp_path / "bad.mp4"
    bad.write_text(playlist.format(secret="secret.mp4"))
    assert refusal(lambda: open_video(bad)).code == "video_unknown"
    bad.write_text(playlist.format(secret=(tmp_path / "secret.mp4").as_uri()))
    assert refusal(lambda: open_video(bad)).code == "video_unknown"


def test_pictures_larger_than_8k_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(clips, "MAX_PIXELS", 48 * 32)
    assert open_video(path).frames == 24
    monkeypatch.setattr(clips, "MAX_PIXELS", 48 * 32 - 1)
    assert refusal(lambda: open_video(path)).code == "video_unsupported"
