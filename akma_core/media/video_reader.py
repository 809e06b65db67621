"""A video file as pictures: what it holds, when each picture shows, and the pictures themselves in RGB.

A file is judged by its bytes, never by its name. FFmpeg may open nothing but the file itself: a playlist in disguise
would make it read others.
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from akma_core.errors import RequestError
from akma_core.media.pixel_format import Picture, PixelFormat, notes_of, pixel_format_of, to_rgb

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,h263,h264,hevc,vvc,ivf,obu,"
    "ogg,nut,mxf,gxf,dv,gif,rm,vc1,wtv,yuv4mpegpipe,swf,nsv,bink,smk,roq,cavsvideo,dirac"
)
GIVE = "give an MP4, MOV, MKV, WebM, AVI or MPEG file"
MAX_PIXELS = 1 << 25  # a picture; 8K has 33.2 million
MAX_SIDE = 16384
DECODER_THREADS = 4  # each holds pictures of its own, so not as many as there are cores
BUFFER = 1 << 18  # bytes read at once


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoFile:
    """Facts of a video file."""

    path: Path
    format: str
    """Container and codec, such as "mp4/h264"."""
    stream: int
    """Index of the pictures' track."""
    look: PixelFormat
    time_base: Fraction
    """Seconds that the times count."""
    times: NDArray[np.int64]
    """Time stamps of the pictures, rising; int64 [frames]."""
    keys: NDArray[np.int64]
    """Times from which decoding can start; empty where it can only start at the beginning."""
    last: int
    """Time that the last picture shows, in units of `time_base`."""
    fps: Fraction
    """Pictures a second; their mean where the rate varies."""
    ordinal: bool
    """The file has no times for pictures: they are counted."""
    notes: tuple[str, ...]
    """Notes on what will be otherwise in an 8-bit copy, one sentence each."""

    @property
    def frames(self) -> int:
        return len(self.times)


def open_video(path: Path) -> VideoFile:
    """Look at a file: reads it through without decoding it, but for the first picture.

    RequestError, one line, where it is no video that can be read.
    """
    with opened(path) as (container, stream):
        index, name = stream.index, container.format.name.split(",")[0].replace("mov", "mp4")
        name, time_base = f"{name}/{stream.codec_context.name}", Fraction(stream.time_base or 1)
        others = [track.type for track in container.streams if track.index != index]
        declared = stream.guessed_rate or stream.average_rate
        times, keys, last, clock = _scan(container, stream)
    if clock == "none":
        time_base = 1 / (declared or Fraction(25))
    with opened(path) as (container, stream):
        frame = next(_decode(container, stream), None)
        if frame is None or not len(times):
            raise bad_video(path, "holds no picture that can be decoded; export it again", "video_damaged")
        look, notes = _look(path, frame, stream), (*notes_of(frame), *_left_out(others))
    return VideoFile(
        path=path,
        format=name,
        stream=index,
        look=look,
        time_base=time_base,
        times=times,
        keys=keys if clock == "pictures" else keys[:0],
        last=last,
        fps=_rate(times, time_base, declared),
        ordinal=clock != "pictures",
        notes=notes,
    )


class FrameReader:
    """Reads the pictures of a clip; cheapest one after another."""

    def __init__(self, clip: VideoFile) -> None:
        self.clip = clip
        self.repeated = 0
        """Times whose own picture could not be decoded: the one before stands in."""
        self._next = 0
        self._source: Iterator[Picture] = iter(())

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Pictures start..stop as stored (not rotated), full-range RGB, uint8 [stop - start, h, w, 3]. RequestError."""
        if start != self._next or start == 0:
            self._source = self._pictures(start)
        self._next = stop
        return np.stack([next(self._source) for _ in range(start, stop)])

    def _pictures(self, start: int) -> Iterator[Picture]:
        """A picture for each time from `start` on: the last one that is due by then."""
        clip = self.clip
        source = self._frames(int(clip.times[start]))
        (now, current), following = next(source), next(source, None)
        picture: Picture | None = None
        for time in clip.times[start:].tolist():
            while following is not None and following[0] <= time:
                (now, current), picture = following, None
                following = next(source, None)
            self.repeated += now != time
            if picture is None:
                picture = to_rgb(current, clip.look)
            yield picture

    def _frames(self, time: int) -> Iterator[tuple[int, VideoFrame]]:
        """Frames with their times, from one at or before `time` on."""
        clip = self.clip
        place = int(np.searchsorted(clip.keys, time, side="right")) - 2
        # From a key frame earlier than need be: the first pictures after one may lean on what was before it.
        for seek in [int(clip.keys[place])] if place > 0 else []:
            with opened(clip.path) as (container, stream):
                container.seek(seek, stream=stream)
                frames = _timed(container, stream)
                first = next(frames, None)
                if first is not None and first[0] <= seek:
                    yield first
                    yield from frames
                    return
        with opened(clip.path) as (container, stream):
            if clip.ordinal:
                yield from zip(clip.times.tolist(), _decode(container, stream), strict=False)
            else:
                yield from _timed(container, stream)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its track of pictures, ready to decode; whatever is wrong becomes a RequestError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe could wait for ever
            raise bad_video(path, f"is no file; {GIVE}", "video_unreadable")
        with path.open("rb") as file:
            if not file.peek(1):
                raise bad_video(path, "is empty; copy it again", "video_empty")
            options = {"format_whitelist": CONTAINERS}
            container = av.open(
                file,
                "r",
                options=options,
                metadata_errors="replace",
                buffer_size=BUFFER,
                io_open=partial(_refuse, path),
            )
            with container:
                yield container, _pictures_of(path, container)
    except (OSError, ValueError) as error:  # FFmpeg's own errors are of these kinds too
        if isinstance(error, av.FFmpegError) or not isinstance(error, OSError):
            raise bad_video(path, f"is not a video that can be read, or damaged; {GIVE}", "video_unknown") from error
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise bad_video(path, f"{reason}; check the path", "video_unreadable") from error


def bad_video(path: Path, what: str, code: str) -> RequestError:
    """A RequestError about a video file, in one short line."""
    name = "".join(letter if letter.isprintable() else " " for letter in path.name or str(path))
    return RequestError(
        f"{name if len(name) <= 80 else name[:60] + '…' + name[-16:]}: {what}", code=code, field="video"
    )


def _refuse(path: Path, *_: Any) -> NoReturn:
    raise bad_video(path, f"asks for other files to be opened; {GIVE}", "video_unknown")


def _pictures_of(path: Path, container: InputContainer) -> VideoStream:
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    stream = best if best in streams else next(iter(streams), None)
    if not isinstance(stream, VideoStream):
        what = "has sound and no pictures" if container.streams.audio else "has no pictures"
        raise bad_video(path, f"{what}; {GIVE}", "video_missing_track")
    if stream.codec_context is None:
        raise bad_video(path, "is in a codec that FFmpeg does not know; convert it first", "video_unsupported")
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS or max(context.width, context.height) > MAX_SIDE:
        message = f"is {context.width}x{context.height}, larger than 8K; make it smaller first"
        raise bad_video(path, message, "video_unsupported")
    # Of each picture, since the header may promise less; codecs count their padding in.
    context.options = {"max_pixels": str(2 * MAX_PIXELS)}
    context.thread_type, context.thread_count = "AUTO", DECODER_THREADS
    return stream


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Every frame that can be decoded; packets that cannot are passed over."""
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except (av.InvalidDataError, EOFError):
                continue
    except av.InvalidDataError:  # the container breaks off
        return


def _timed(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoFrame]]:
    for frame in _decode(container, stream):
        if frame.pts is not None:
            yield frame.pts, frame


Clock = Literal["pictures", "packets", "none"]


def _scan(container: InputContainer, stream: VideoStream) -> tuple[NDArray[np.int64], NDArray[np.int64], int, Clock]:
    """Times of pictures and of key frames, length of the last, and what has those times; "none": they are counted."""
    shown, decoded, keys, lengths = list[int | None](), list[int | None](), list[int](), dict[int, int]()
    hidden = stream.codec_context.name == "vp8"  # has packets with no picture to show
    try:
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            if not packet.size or packet.is_discard or (hidden and not bytes(packet)[0] & 0x10):
                continue
            shown.append(packet.pts)
            decoded.append(packet.dts)
            if packet.pts is not None:
                lengths[packet.pts] = packet.duration or 0
    except av.InvalidDataError:  # the container breaks off: what is before that is good
        pass
    clock: Clock = "pictures"
    known = [time for time in shown if time is not None]
    if len(known) < len(shown):
        clock, known = "packets", [time for time in decoded if time is not None]
        if len(known) < len(shown) or len(set(known)) < len(known):
            clock, known = "none", list(range(len(shown)))
    times = np.unique(np.array(known, np.int64))
    usual = int(np.median(np.diff(times))) if len(times) > 1 else 1
    last = lengths.get(int(times[-1]), 0) if len(times) else 0
    return times, np.unique(np.array(keys, np.int64)), max(1, last or usual), clock


def _rate(times: NDArray[np.int64], time_base: Fraction, declared: Fraction | None) -> Fraction:
    """The declared rate where the times bear it out, else their mean; 1 to 240."""
    span = (int(times[-1]) - int(times[0])) * time_base if len(times) > 1 else Fraction(0)
    mean = (len(times) - 1) / span if span else declared or Fraction(25)
    if declared and abs(declared / mean - 1) < Fraction(1, 1000):
        mean = declared
    return min(max(mean, Fraction(1)), Fraction(240)).limit_denominator(1001)


def _look(path: Path, frame: VideoFrame, stream: VideoStream) -> PixelFormat:
    try:
        return pixel_format_of(frame, stream)
    except ValueError as error:
        raise bad_video(path, str(error), "video_unsupported") from None


def _left_out(others: Sequence[str]) -> Iterator[str]:
    for kind, what in (("video", "pictures (covers, other views)"), ("data", "data (timecodes, sensors)")):
        if kind in others:
            yield f"left out: {others.count(kind)} track(s) of {what}"
