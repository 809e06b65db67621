"""A video file as pictures: what it holds, when each picture shows, and the pictures themselves in RGB.

A file is judged by its bytes, never by its name. FFmpeg may open nothing but the file itself: a playlist in disguise
would make it read others.
"""

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from akma_core.errors import RequestError
from akma_core.media.picture_times import by_packets, by_pictures, decode
from akma_core.media.pixel_format import Picture, PixelFormat, has_captions, notes_of, pixel_format_of, to_rgb

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,h263,h264,hevc,vvc,ivf,obu,"
    "ogg,nut,mxf,gxf,dv,gif,rm,vc1,wtv,yuv4mpegpipe,swf,nsv,bink,smk,roq,cavsvideo,dirac"
)
GIVE = "give an MP4, MOV, MKV, WebM, AVI or MPEG file"
MAX_PIXELS = 1 << 25  # a picture; 8K has 33.2 million
MAX_SIDE = 16384
DECODER_THREADS = 4  # each holds pictures of its own, so not as many as there are cores
COVERS = {"mjpeg", "png", "bmp", "gif", "webp", "tiff"}  # codecs of single pictures
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
    """The times belong to pictures in the order in which the decoder gives them: they are counted."""
    breaks: bool
    """The file's clock restarts or jumps, see media.clock."""
    edited: frozenset[int]
    """Tracks of sound from whose middle an edit cuts something."""
    notes: tuple[str, ...]
    """Notes on what will be otherwise in an 8-bit copy, one sentence each."""

    @property
    def frames(self) -> int:
        return len(self.times)


def open_video(path: Path) -> VideoFile:
    """Look at a file: reads it through without decoding it, but for the first picture.

    RequestError, one line, where it is no video that can be read.
    """
    film = _film(path)
    with opened(path, film) as (container, stream):
        index, name = stream.index, container.format.name.split(",")[0].replace("mov", "mp4")
        name = f"{name}/{stream.codec_context.name}"
        others = [track for track in container.streams if track.index != index]
        unsaid = [*_left_out(others), *_unsaid(stream)]
        declared = stream.guessed_rate or stream.average_rate
        found = by_packets(container, stream)
    with opened(path, film) as (container, stream):
        frame = next(decode(container.demux(stream), stream), None)
        if frame is None:
            raise bad_video(path, "holds no picture that can be decoded; export it again", "video_damaged")
        look, notes = _look(path, frame, stream), (*notes_of(frame), *unsaid)
    # Fields may be packets of their own.
    if found.doubtful or frame.interlaced_frame:
        with opened(path, film) as (container, stream):
            found = by_pictures(container, stream, declared or Fraction(25), found)
    if not len(found.times):
        raise bad_video(path, "holds no picture that can be decoded; export it again", "video_damaged")
    return VideoFile(
        path=path,
        format=name,
        stream=index,
        look=look,
        time_base=found.unit,
        times=found.times,
        keys=found.keys,
        last=found.last,
        fps=_rate(found.times, found.unit, declared),
        ordinal=found.counted,
        breaks=found.breaks,
        edited=found.edited,
        notes=tuple(dict.fromkeys((*notes, *found.notes))),
    )


class FrameReader:
    """Reads the pictures of a clip; cheapest one after another."""

    def __init__(self, clip: VideoFile) -> None:
        self.clip = clip
        self.repeated = 0
        """Times whose own picture could not be decoded: the one before stands in."""
        self.patched = 0
        """Damaged pictures that the decoder completed from others."""
        self.captions = False
        """A picture had closed captions, which its copy has not."""
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
                self.patched += current.is_corrupt
                following = next(source, None)
            self.repeated += now != time
            self.captions = self.captions or has_captions(current)
            if picture is None:
                picture = to_rgb(current, clip.look)
            yield picture

    def _frames(self, time: int) -> Iterator[tuple[int, VideoFrame]]:
        """Frames with their times, from one at or before `time` on."""
        clip = self.clip
        place = int(np.searchsorted(clip.keys, time, side="right")) - 2
        # From a key frame earlier than need be: the first pictures after one may lean on what was before it.
        for seek in [int(clip.keys[place])] if place > 0 else []:
            with opened(clip.path, clip.stream) as (container, stream):
                container.seek(seek, stream=stream)
                frames = _timed(container, stream)
                first = next(frames, None)
                if first is not None and first[0] <= seek:
                    yield first
                    yield from frames
                    return
        with opened(clip.path, clip.stream) as (container, stream):
            if clip.ordinal:
                yield from zip(clip.times.tolist(), decode(container.demux(stream), stream), strict=False)
            else:
                yield from _timed(container, stream)


@contextmanager
def opened(path: Path, film: int | None = None) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its track of pictures (index `film`, by default the best), ready to decode.

    Whatever is wrong becomes a RequestError.
    """
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
                yield container, _pictures_of(path, container, film)
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


def _pictures_of(path: Path, container: InputContainer, film: int | None = None) -> VideoStream:
    streams = _films(container)
    best = container.streams.best("video")
    stream = next(
        (each for each in streams if each.index == film), best if best in streams else next(iter(streams), None)
    )
    if not isinstance(stream, VideoStream):
        if any(each.codec_context is None for each in container.streams.video):
            raise bad_video(path, "is in a codec that FFmpeg does not know; convert it first", "video_unsupported")
        what = "has sound and no pictures" if container.streams.audio else "has no pictures"
        raise bad_video(path, f"{what}; {GIVE}", "video_missing_track")
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS or max(context.width, context.height) > MAX_SIDE:
        message = f"is {context.width}x{context.height}, larger than 8K; make it smaller first"
        raise bad_video(path, message, "video_unsupported")
    # Of each picture, since the header may promise less; codecs count their padding in.
    context.options = {"max_pixels": str(2 * MAX_PIXELS)}
    context.thread_type, context.thread_count = "AUTO", DECODER_THREADS
    return stream


def _films(container: InputContainer) -> list[VideoStream]:
    """Tracks of pictures that are no cover, in codecs that FFmpeg knows."""
    videos = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    return [stream for stream in videos if stream.codec_context is not None]


def _film(path: Path) -> int | None:
    """The track that is the film where the best one is a single picture, a cover; None: the best."""
    with opened(path) as (container, best):
        tracks = _films(container)
        if len(tracks) < 2 or best.codec_context.name not in COVERS:
            return None
        packets = dict.fromkeys((track.index for track in tracks), 0)
        with suppress(av.InvalidDataError):
            for packet in container.demux(tracks):
                packets[packet.stream.index] += packet.size > 0
                if packets[best.index] > 1:
                    return None
        longest = max(packets, key=lambda index: packets[index])
        return longest if packets[longest] > 1 else None


def _timed(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoFrame]]:
    for frame in decode(container.demux(stream), stream):
        if frame.pts is not None:
            yield frame.pts, frame


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


def _left_out(others: Sequence[Stream]) -> Iterator[str]:
    """Describe the tracks that no result has, a sentence each kind."""
    kinds = [track.type for track in others]
    for kind, what in (("video", "pictures (covers, other views)"), ("data", "data (timecodes, sensors)")):
        if kind in kinds:
            yield f"left out: {kinds.count(kind)} track(s) of {what}"
    for kind, what in (("audio", "sound"), ("subtitle", "subtitles")):
        if unknown := sum(track.type == kind and track.codec_context is None for track in others):
            yield f"left out: {unknown} track(s) of {what} in a codec that FFmpeg does not know"


def _unsaid(stream: VideoStream) -> Iterator[str]:
    """Describe what the first picture does not show."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if tags.get("alpha_mode") == "1":  # of VP8 and VP9, beside the pictures
        yield "transparency left out"
