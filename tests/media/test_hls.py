import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from akma_core import timeline
from akma_core.errors import FailureError
from akma_core.media.audio_segments import AudioSegments
from akma_core.media.hls import fragment, initialisation, playlist
from akma_core.media.mux import finish
from akma_core.render.plan import RenderPlan
from tests.media.test_audio_segments import LOUD, cut, pictures, plan_of
from tests.support.media import Song, boxes, clock, decode_video, walk

CLICKS = (30_000, 96_123, 251_111)
CLICKING = Song(48000, 48000 * 6, clicks=CLICKS)


@dataclass(frozen=True)
class Made:
    """A render's files, and what is served of them."""

    plan: RenderPlan
    segments: list[Path]
    pieces: list[Path]

    @property
    def firsts(self) -> list[int]:
        """First frame of each chunk, counted from the first of this video."""
        return [chunk.start - self.plan.first_frame for chunk in self.plan.chunks()]

    @property
    def durations(self) -> list[Fraction]:
        return [chunk.frames / self.plan.fps for chunk in self.plan.chunks()]

    def init(self, k: int = 0) -> bytes:
        return initialisation(self.segments[k], self.pieces[k])

    def fragment(self, k: int) -> bytes:
        return fragment(k, self.firsts[k], self.segments[k], self.pieces[k], self.plan.fps)

    def playlist(self, ready: int, *, ended: bool) -> str:
        return playlist(self.durations, ready, ended=ended, uri="{}.m4s".format, init_uri="init.mp4")


def make(folder: Path, song: Song, **fields: Any) -> Made:
    plan = plan_of(song, **fields)
    return Made(plan, pictures(folder / "v", plan), cut(folder / "a", song, plan))


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody waits for seconds."""
    monkeypatch.setattr(timeline, "CHUNK_SECONDS", (0.25, 0.25, 0.5))


@contextmanager
def serving(files: Callable[[str], bytes]) -> Iterator[str]:
    """A server on loopback of `files(name)`; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files(self.path.lstrip("/"))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def serve(made: Made, text: Callable[[], str]) -> Callable[[str], bytes]:
    def files(name: str) -> bytes:
        if name.endswith(".m3u8"):
            return text().encode()
        return made.init() if name == "init.mp4" else made.fragment(int(name.removesuffix(".m4s")))

    return files


def watch(url: str) -> tuple[np.ndarray[Any, Any], list[Fraction], np.ndarray[Any, Any], list[Fraction]]:
    """Frames and their times, samples [n, channels] and the times of their blocks, as FFmpeg plays them."""
    shown: list[Any] = []
    heard: list[Any] = []
    with av.open(url, options={"live_start_index": "0"}) as source:
        for frame in source.decode(video=0, audio=0):
            (shown if isinstance(frame, av.VideoFrame) else heard).append(frame)
    packed = av.AudioResampler(format="flt")
    blocks = [even.to_ndarray().reshape(-1, 2) for frame in heard for even in packed.resample(frame)]
    frames = np.stack([frame.to_ndarray() for frame in shown])
    return frames, times(shown), np.concatenate(blocks), times(heard)


def times(frames: Sequence[Any]) -> list[Fraction]:
    return [frame.pts * Fraction(frame.time_base) for frame in frames]


@pytest.mark.parametrize("codec", ["aac", "alac", "flac"])
@pytest.mark.parametrize("fps", ["12", "29.97"])
def test_all_of_the_video_is_played(tmp_path: Path, codec: str, fps: str) -> None:
    made = make(tmp_path, CLICKING, audio_codec=codec, fps=fps, start=0.5)
    whole = tmp_path / "whole.mp4"
    finish(made.segments, made.plan.make_encoder(), AudioSegments(made.pieces), whole)
    with serving(serve(made, lambda: made.playlist(len(made.pieces), ended=True))) as address:
        frames, shown, samples, heard = watch(f"{address}/stream.m3u8")
    assert np.array_equal(frames, decode_video(whole)[0])
    # FFmpeg's HLS hands times on in 1/90000 seconds.
    assert all(abs(at - k / made.plan.fps) <= Fraction(1, 90000) for k, at in enumerate(shown))
    assert shown[0] == heard[0] == 0
    assert all(after > before for before, after in pairwise(heard))
    first = made.plan.first_sample
    assert 0 <= len(samples) - (CLICKING.samples - first) < 1024
    for click in CLICKS:
        near = np.abs(samples[click - first - 500 : click - first + 500, 0])
        assert int(np.argmax(near)) == 500
    with av.open(str(whole)) as source:
        joined = np.concatenate([f.to_ndarray()[0] for f in source.decode(audio=0)])
    if codec == "aac":
        n = min(len(samples), len(joined))
        assert np.array_equal(samples[1024:n, 0], joined[1024:n])


@pytest.mark.usefixtures("short_chunks")
def test_a_growing_playlist_is_played_to_its_end(tmp_path: Path) -> None:
    made = make(tmp_path, CLICKING, duration=1.2)
    asked: list[str] = []

    def grow() -> str:
        ready = min(len(asked) or 1, len(made.pieces))  # the second time there is nothing new
        asked.append(made.playlist(ready, ended=len(asked) > len(made.pieces)))
        return asked[-1]

    with serving(serve(made, grow)) as address:
        frames, shown, samples, heard = watch(f"{address}/stream.m3u8")
    assert len(frames) == made.plan.frames
    assert shown[0] == heard[0] == 0
    assert int(np.argmax(np.abs(samples[:60_000, 0]))) == CLICKS[0]
    assert 0 <= len(samples) - made.plan.last_sample < 1024
    assert not any("ENDLIST" in text for text in asked[:-1])
    assert "ENDLIST" in asked[-1]
    assert all(after.startswith(before) for before, after in pairwise(asked))


def test_a_playlist() -> None:
    durations = [Fraction(30 * 1001, 30000), Fraction(2002, 1000), Fraction(4004, 1000), Fraction(1, 30)]
    text = playlist(durations, 2, ended=False, uri=lambda k: f"{k}.m4s?token=a", init_uri="init.mp4?token=b")
    assert text == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:EVENT\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n"
        '#EXT-X-MAP:URI="init.mp4?token=b"\n'
        "#EXTINF:1.001000,\n"
        "0.m4s?token=a\n"
        "#EXTINF:2.002000,\n"
        "1.m4s?token=a\n"
    )


@pytest.mark.parametrize("longest", [Fraction(1, 60), Fraction(1001, 1000), Fraction(7, 2), Fraction(10)])
def test_the_target_holds_for_all_and_stays(longest: Fraction) -> None:
    """RFC 8216, 4.3.3.1: rounded to the nearest whole number, none is longer."""
    durations = [longest / 4, longest / 2, longest, longest / 3]
    texts = [playlist(durations, k, ended=k == 4, uri=str, init_uri="i") for k in range(5)]
    targets = {int(re.findall(r"TARGETDURATION:(\d+)", text)[0]) for text in texts}
    (target,) = targets
    assert target >= 1
    extinf = [float(value) for value in re.findall(r"EXTINF:([\d.]+),", texts[-1])]
    assert len(extinf) == 4
    assert all(int(value + 0.5) <= target for value in extinf)
    assert texts[-1].endswith("#EXT-X-ENDLIST\n")


def tracks(moof: bytes) -> list[tuple[int, int, list[int], int]]:
    """Of each track of a fragment: number, time of the first sample, lengths of all, and flags of the first."""
    found = []
    for traf in boxes(moof, "moof", "traf"):
        ((head,), (first,), (run,)) = (boxes(traf, name) for name in ("tfhd", "tfdt", "trun"))
        flags = int.from_bytes(head[1:4], "big")
        assert flags & 0x20000  # default-base-is-moof
        at, default = 8, {}
        for bit, name in ((0x2, "description"), (0x8, "duration"), (0x10, "size"), (0x20, "flags")):
            if flags & bit:
                default[name], at = number(head, at), at + 4
        flags, count, at = int.from_bytes(run[1:4], "big"), number(run, 4), 8 + 4
        first_flags = default["flags"]
        if flags & 0x4:
            first_flags, at = number(run, at), at + 4
        fields = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
        rows = [[number(run, at + 4 * (k * len(fields) + i)) for i in range(len(fields))] for k in range(count)]
        assert 0x800 not in fields  # no composition offsets: no B-frames
        place = fields.index(0x100) if 0x100 in fields else None
        lengths = [default["duration"] if place is None else row[place] for row in rows]
        if 0x400 in fields:
            first_flags = rows[0][fields.index(0x400)]
        assert first[0] == 1
        found.append((number(head, 4), int.from_bytes(first[4:12], "big"), lengths, first_flags))
    return found


def number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


@pytest.mark.parametrize("codec", ["aac", "alac", "flac"])
@pytest.mark.parametrize("fps", ["12", "29.97", "24000/1001"])
def test_fragments_go_on_to_the_sample(tmp_path: Path, codec: str, fps: str) -> None:
    made = make(tmp_path, replace(LOUD, rate=44100), audio_codec=codec, fps=fps, start=0.3)
    init = made.init()
    assert [name for name, _ in walk(init)] == ["ftyp", "moov"]
    assert boxes(init, "moov", "trak", "edts") == []
    assert b"elst" not in init
    video_clock, audio_clock = (clock(mdhd)[0] for mdhd in boxes(init, "moov", "trak", "mdia", "mdhd"))
    assert audio_clock == 44100
    due = [0, 0]
    for k, first in enumerate(made.firsts):
        made_fragment = made.fragment(k)
        assert [name for name, _ in walk(made_fragment)] == ["moof", "mdat"]
        assert number(boxes(made_fragment, "moof", "mfhd")[0], 4) == k + 1
        video, audio = tracks(made_fragment)
        assert (video[0], audio[0]) == (1, 2)
        assert [video[1], audio[1]] == due
        assert Fraction(video[1], video_clock) == first / made.plan.fps
        assert 0 <= Fraction(audio[1], audio_clock) - first / made.plan.fps < Fraction(4608, 44100)
        assert video[3] & 0x10000 == 0  # a sync sample
        due = [video[1] + sum(video[2]), audio[1] + sum(audio[2])]
    assert Fraction(due[0], video_clock) == made.plan.frames / made.plan.fps
    assert 0 <= due[1] - (made.plan.last_sample - made.plan.first_sample) < 1024


@pytest.mark.parametrize("codec", ["aac", "alac", "flac"])
def test_one_init_for_all_and_the_same_bytes_again(tmp_path: Path, codec: str) -> None:
    made = make(tmp_path, LOUD, audio_codec=codec)
    assert len({made.init(k) for k in range(len(made.pieces))}) == 1
    assert made.fragment(1) == made.fragment(1)


def test_a_chunk_without_a_packet(tmp_path: Path) -> None:
    made = make(tmp_path, Song(1000, 10_000, noise=0.3), audio_codec="alac")
    assert [[track[0] for track in tracks(made.fragment(k))] for k in range(4)] == [[1, 2], [1], [1, 2], [1, 2]]
    (_, start, _, _) = tracks(made.fragment(1))[0]
    video_clock = clock(boxes(made.init(), "moov", "trak", "mdia", "mdhd")[0])[0]
    assert Fraction(start, video_clock) == 1


def test_late_fragments_have_long_times(tmp_path: Path) -> None:
    """Pictures of the second day; 2^32 ticks of a clock of 30000 are 40 hours."""
    made = make(tmp_path, LOUD, fps="29.97")
    start = 10_000_000
    video, _ = tracks(fragment(7, start, made.segments[0], made.pieces[0], made.plan.fps))
    assert video[1] == start * 1001 > 2**32


@pytest.mark.parametrize("kind", ["segments", "pieces"])
def test_broken_files_are_named(tmp_path: Path, kind: str) -> None:
    made = make(tmp_path, LOUD)
    broken = list(getattr(made, kind))[1]
    broken.write_bytes(broken.read_bytes()[:1000])
    for work in (made.init, made.fragment):
        with pytest.raises(FailureError, match=broken.name) as caught:
            work(1)
        assert caught.value.code == "segment_broken"
