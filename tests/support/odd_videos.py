"""Videos in the shapes that cameras, rippers and editors write, each with what is really in it."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.support.clips import Pixels, make_clip

CASES = Path(__file__).parents[1] / "golden" / "cases"
X265 = {"x265-params": "log-level=none"}


def grays(low: float, high: float, frames: int = 12) -> Pixels:
    """Flat pictures of 64x64 that get lighter."""
    values = np.linspace(low, high, frames).round().astype(np.uint8)
    return np.broadcast_to(values[:, None, None, None], (frames, 64, 64, 3)).copy()


def clip(path: Path, low: float = 20, high: float = 110, frames: int = 12, **options: Any) -> Path:
    """Pictures of `grays` at 25 a second."""
    return make_clip(path, pictures=grays(low, high, frames), frames=frames, size=(64, 64), fps=25, **options)


def joined(path: Path, parts: int, **options: Any) -> None:
    """Clips one behind the other, as `cat` does; all of them begin at the same time."""
    whole = b""
    for k in range(parts):
        made = clip(path.with_name(f"part{k}{path.suffix}"), 20 + 70 * k, 80 + 70 * k, **options)
        whole += made.read_bytes()
    path.write_bytes(whole)


def later(path: Path, begins: int, **options: Any) -> None:
    """Two clips, of which the second begins at picture `begins` of the clock."""
    first = clip(path.with_name(f"first{path.suffix}"), 20, 80, **options).read_bytes()
    times = range(begins, begins + 12)
    second = make_clip(
        path.with_name(f"second{path.suffix}"), pictures=grays(90, 150), times=times, size=(64, 64), fps=25, **options
    )
    path.write_bytes(first + second.read_bytes())


def remuxed(
    path: Path, source: Path, kinds: Sequence[str] = ("video",), metadata: dict[str, str] | None = None, field: int = 0
) -> None:
    """The same packets in another container; those without a time `field` after the one before."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        into: dict[int, Any] = {s.index: new.add_stream_from_template(s) for s in old.streams if s.type in kinds}
        for stream in into.values():
            stream.metadata.update(metadata or {})
        last = 0
        for packet in old.demux([old.streams[index] for index in into]):
            if packet.dts is None and (packet.size == 0 or not field):
                continue
            if packet.dts is None:
                packet.pts = packet.dts = last + field
            last = packet.dts or 0
            packet.stream = into[packet.stream.index]
            new.mux(packet)


def raw_fields(path: Path) -> None:
    """H.264 field pictures without a container."""
    with av.open(str(CASES / "paff-frames.ts")) as container:
        path.write_bytes(b"".join(bytes(packet) for packet in container.demux(video=0)))


def renamed(path: Path, old: bytes, new: bytes, **options: Any) -> None:
    """A clip one of whose codecs has a name that nobody knows."""
    clip(path, **options)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def cover_first(path: Path, codec: str) -> None:
    """A picture as a track of its own before the film."""
    film = clip(path.with_name(f"film{path.suffix}"), sound="aac", options={"bf": "0"})
    with av.open(str(film)) as old, av.open(str(path), "w") as new:
        cover: Any = new.add_stream(codec, rate=25, width=128, height=128)
        cover.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        into: dict[int, Any] = {s.index: new.add_stream_from_template(s) for s in old.streams}
        frame = av.VideoFrame.from_ndarray(np.full((128, 128, 3), 200, np.uint8), format="rgb24")
        new.mux([*cover.encode(frame.reformat(format=cover.pix_fmt)), *cover.encode(None)])
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = into[packet.stream.index]
                new.mux(packet)


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of the boxes of an MP4."""
    found, place = [], 0
    while place + 8 <= len(data):
        size = struct.unpack(">I", data[place : place + 4])[0]
        found.append((data[place + 4 : place + 8], data[place + 8 : place + size]))
        place += size
    return found


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def edited(path: Path, **options: Any) -> None:
    """A clip of 100 pictures of which an edit list leaves the first and the last second."""
    whole = clip(path, 20, 220, 100, **options).read_bytes()
    made = b""
    for kind, content in boxes(whole):
        made += box(kind, _cut_movie(content) if kind == b"moov" else content)
    path.write_bytes(made)


def _cut_movie(movie: bytes) -> bytes:
    unit = struct.unpack(">I", dict(boxes(movie))[b"mvhd"][12:16])[0]
    made = b""
    for kind, content in boxes(movie):
        made += box(kind, _cut_track(content, unit) if kind == b"trak" else content)
    return made


def _cut_track(track: bytes, movie_unit: int) -> bytes:
    parts = boxes(track)
    media = dict(boxes(dict(parts)[b"mdia"]))
    unit = struct.unpack(">I", media[b"mdhd"][12:16])[0]
    old = dict(boxes(dict(parts).get(b"edts", b""))).get(b"elst")
    start = struct.unpack(">i", old[12:16])[0] if old else 0
    entries = [(movie_unit, start), (movie_unit, start + 3 * unit)]
    table = struct.pack(">II", 0, 2) + b"".join(struct.pack(">Iii", length, at, 1 << 16) for length, at in entries)
    edits = box(b"edts", box(b"elst", table))
    kept = [(kind, content) for kind, content in parts if kind != b"edts"]
    return b"".join((edits if kind == b"mdia" else b"") + box(kind, content) for kind, content in kept)


@dataclass(frozen=True)
class OddVideo:
    """A video and its truth."""

    suffix: str
    make: Callable[[Path], object]
    pictures: Sequence[float] | NDArray[np.float64]
    """Gray of each picture."""
    note: str | None = None
    sound: float | None = None
    """Seconds of sound."""
    lossless: bool = False
    """The sound of the result has no loss."""
    fps: Fraction = Fraction(25)

    def write(self, folder: Path) -> Path:
        path = folder / f"video{self.suffix}"
        self.make(path)
        return path


ONE = np.linspace(20, 110, 12)
TWO = [*np.linspace(20, 80, 12), *np.linspace(90, 150, 12)]
THREE = [*TWO, *np.linspace(160, 220, 12)]
EDITED = [*np.linspace(20, 220, 100)[:25], *np.linspace(20, 220, 100)[75:]]
PAFF = [40 + 5.8 * k for k in range(13)]
STATISTICS = {"BPS-eng": "9", "NUMBER_OF_BYTES-eng": "5063"}
CLOCK = "clock restarts or jumps"

ODD_VIDEOS: dict[str, OddVideo] = {
    "mpeg-2 and mp2 joined": OddVideo(
        ".ts", lambda path: joined(path, 2, codec="mpeg2video", sound="mp2"), TWO, CLOCK, 0.96
    ),
    "three clips joined": OddVideo(".ts", lambda path: joined(path, 3, sound="ac3"), THREE, CLOCK, 1.44),
    "hevc joined": OddVideo(".ts", lambda path: joined(path, 2, codec="libx265", options=X265), TWO, CLOCK),
    "vob joined": OddVideo(
        ".vob", lambda path: joined(path, 2, codec="mpeg2video", sound="mp2"), TWO, CLOCK, 0.96
    ),
    "m2ts joined": OddVideo(".m2ts", lambda path: joined(path, 2, sound="ac3"), TWO, CLOCK, 0.96),
    "clips with B-frames joined": OddVideo(".ts", lambda path: joined(path, 2, options={"bf": "3"}), TWO, CLOCK),
    "an hour between": OddVideo(".ts", lambda path: later(path, 90_000), TWO, CLOCK),
    "overlap": OddVideo(".ts", lambda path: later(path, 6), TWO, CLOCK),
    "B-frames of mpeg-4 in avi": OddVideo(".avi", lambda path: clip(path, codec="mpeg4", options={"bf": "2"}), ONE),
    "B-frames of h264 in avi": OddVideo(".avi", lambda path: clip(path, options={"bf": "3"}), ONE),
    "B-frames of mpeg-2 in avi": OddVideo(
        ".avi", lambda path: clip(path, codec="mpeg2video", options={"bf": "2"}), ONE
    ),
    "B-frames without a container": OddVideo(".h264", lambda path: clip(path, options={"bf": "3"}), ONE),
    "u8 in avi": OddVideo(".avi", lambda path: clip(path, codec="mjpeg", pixels="yuvj420p", sound="pcm_u8"), ONE,
                          sound=0.48, lossless=True),
    "mono s24 in avi": OddVideo(
        ".avi", lambda path: clip(path, codec="mpeg4", sound="pcm_s24le", layout="mono"), ONE, sound=0.48,
        lossless=True,
    ),
    "adpcm in avi": OddVideo(".avi", lambda path: clip(path, codec="mpeg4", sound="adpcm_ima_wav"), ONE, sound=0.48),
    "mu-law in mov": OddVideo(".mov", lambda path: clip(path, sound="pcm_mulaw", layout="mono"), ONE, sound=0.48),
    "pcm of a blu-ray": OddVideo(
        ".m2ts", lambda path: clip(path, sound="pcm_bluray"), ONE, note="FLAC", sound=0.48, lossless=True
    ),
    "pcm of a dvd": OddVideo(
        ".vob", lambda path: clip(path, codec="mpeg2video", sound="pcm_dvd"), ONE, note="FLAC", sound=0.48,
        lossless=True,
    ),
    "wma": OddVideo(".wmv", lambda path: clip(path, codec="wmv2", sound="wmav2"), ONE, note="AAC", sound=0.48),
    "fields in mkv": OddVideo(".mkv", lambda path: remuxed(path, CASES / "paff-frames.ts", field=1800), PAFF),
    "fields in mp4": OddVideo(".mp4", lambda path: remuxed(path, CASES / "paff-frames.ts", field=1800), PAFF),
    "fields without a container": OddVideo(".h264", raw_fields, PAFF),
    "vp9 with hidden frames": OddVideo(
        ".webm",
        lambda path: clip(path, 20, 200, 40, codec="libvpx-vp9", options={"auto-alt-ref": "1", "lag-in-frames": "16"}),
        np.linspace(20, 200, 40),
    ),
    "vp8 with hidden frames": OddVideo(
        ".mkv",
        lambda path: clip(path, 20, 200, 40, codec="libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16"}),
        np.linspace(20, 200, 40),
    ),
    "sound that nobody knows in mp4": OddVideo(
        ".mp4", lambda path: renamed(path, b"ac-3", b"xyz1", sound="ac3"), ONE, "codec that FFmpeg does not know"
    ),
    "sound that nobody knows in mkv": OddVideo(
        ".mkv", lambda path: renamed(path, b"A_AAC", b"A_XYZ", sound="aac"), ONE, "codec that FFmpeg does not know"
    ),
    "edit of aac": OddVideo(".mp4", lambda path: edited(path, sound="aac"), EDITED, "an edit cuts", 2.0),
    "edit of pcm": OddVideo(
        ".mov", lambda path: edited(path, sound="pcm_s16le"), EDITED, "an edit cuts", 2.0, lossless=True
    ),
    "edit of ac3": OddVideo(".mp4", lambda path: edited(path, sound="ac3"), EDITED, "an edit cuts", 2.0),
    "edit of pictures alone": OddVideo(".mp4", edited, EDITED),
    "cover of png in mp4": OddVideo(".mp4", lambda path: cover_first(path, "png"), ONE, "covers", 0.48),
    "cover of mjpeg in mkv": OddVideo(".mkv", lambda path: cover_first(path, "mjpeg"), ONE, "covers", 0.48),
    "captions in ts": OddVideo(
        ".ts", lambda path: remuxed(path, CASES / "captions.mp4"), np.linspace(28, 168, 25), "captions left out"
    ),
    "captions in mkv": OddVideo(
        ".mkv", lambda path: remuxed(path, CASES / "captions.mp4"), np.linspace(28, 168, 25), "captions left out"
    ),
    "vp8 with alpha": OddVideo(
        ".webm", lambda path: _tagged(path, {"alpha_mode": "1"}, codec="libvpx"), ONE, "transparency left out"
    ),
    "statistics with a language": OddVideo(
        ".mkv", lambda path: _tagged(path, STATISTICS, sound="aac", options={"bf": "0"}), ONE, sound=0.48
    ),
}  # fmt: skip


def _tagged(path: Path, metadata: dict[str, str], **options: Any) -> None:
    made = clip(path.with_name(f"plain{path.suffix}"), **options)
    remuxed(path, made, ("video", "audio"), metadata)
