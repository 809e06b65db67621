"""Upscaled segments and everything else of the clip they were made from into one file; only the pictures are new."""

import heapq
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast

import av
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from akma_core.media.container import discard
from akma_core.media.encoder import Encoder
from akma_core.media.mux import (
    AAC_CHANNEL_RATE,
    AAC_RATES,
    CONTAINERS,
    LAYOUTS,
    AnyPacket,
    copies,
    opened_segment,
    write_packets,
)
from akma_core.media.video_reader import VideoFile, opened

StreamT = TypeVar("StreamT", bound=Stream)

COPIED = ("audio", "subtitle")
# Of mp4's own kind; other names need the list of keys that QuickTime has, which fewer players read.
USUAL = {"title", "artist", "album", "album_artist", "composer", "date", "comment", "genre", "copyright", "description"}
OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id"}


@dataclass(frozen=True)
class Fit:
    """Container and tracks of the result."""

    suffix: str
    """.mp4, .mkv or .mov."""
    copied: tuple[int, ...]
    """Indices of the tracks of sound and subtitles that go there as they are."""
    encoded: tuple[int, ...]
    """Tracks of sound that this container does not hold, and that become AAC."""
    notes: tuple[str, ...]
    """Notes on what is otherwise, one sentence each."""


def fit(clip: VideoFile) -> Fit:
    """The container in which sound and subtitles fit as they are: .mp4 if they can, else .mkv or .mov.

    Where none holds all, .mkv takes what it can. A clip in a .mov stays in one if it can.
    """
    with opened(clip.path) as (source, _):
        tracks = _tracks(source)
        order = (".mov", ".mkv") if clip.path.suffix.lower() == ".mov" else (".mp4", ".mkv", ".mov")
        for suffix in order:
            if not tracks or _holds(suffix, tracks):
                return Fit(suffix, tuple(track.index for track in tracks), (), ())
        copied = [track for track in tracks if _holds(".mkv", [track])]
        encoded = [track for track in tracks if track not in copied and isinstance(track, AudioStream)]
        notes = [f"sound in {track.codec_context.name} fits in no MP4, MKV or MOV: encoded as AAC" for track in encoded]
        if left := len(tracks) - len(copied) - len(encoded):
            notes.append(f"left out: {left} track(s) that fit in no MP4, MKV or MOV")
        return Fit(".mkv", tuple(t.index for t in copied), tuple(t.index for t in encoded), tuple(notes))


def join(clip: VideoFile, segments: Sequence[Path], encoder: Encoder, fit: Fit, output: Path) -> None:
    """Join the segments of all pictures of `clip`, each at its own time, with the clip's sound, subtitles, chapters,
    names and rotation, into exactly `output`, whose suffix is fit's.

    All times keep their distances; the first is moved to 0 where the clip starts later. After an error there is no
    `output`. RequestError where the clip cannot be read, FailureError where a segment or `output` fails.
    """
    kind = CONTAINERS[fit.suffix]
    with opened(clip.path) as (source, pictures):
        tracks = [track for track in _tracks(source) if track.index in fit.copied + fit.encoded]
        metadata = _kept(source)
        container = av.open(str(output), "w", format=kind, options=_options(kind, clip, metadata, tracks))
        try:
            with opened_segment(segments[0]) as (_, first):
                video = container.add_stream_from_template(first)
            video.time_base = clip.time_base
            if clip.look.display:
                video.set_display_matrix(clip.look.display)
            _name(video, pictures)
            into: dict[int, Stream | Recoder] = {}
            for track in tracks:
                if track.index in fit.copied:
                    into[track.index] = _name(container.add_stream_from_template(track), track)
                else:
                    into[track.index] = Recoder(container, track)
            if kind == "matroska":
                for attachment in source.streams.attachments:
                    container.add_stream_from_template(attachment)
            container.metadata.update(metadata)
            container.set_chapters(source.chapters())
            start = _start(clip, tracks)
            packets = heapq.merge(
                _video(clip, copies(segments, encoder.fps, video), start),
                _others(source, tracks, into, start, strict=kind != "matroska"),
                key=_time,
            )
            write_packets(container, packets, output)
        except BaseException:
            discard(container, output)
            raise


class Recoder:
    """A track of sound encoded anew as AAC, for a container that does not hold it as it is."""

    def __init__(self, container: OutputContainer, track: Stream) -> None:
        assert isinstance(track, AudioStream)
        old = track.codec_context
        rate = old.sample_rate if old.sample_rate in AAC_RATES else 48000
        layout = LAYOUTS.get(old.layout.nb_channels, "stereo")
        stream = container.add_stream("aac", rate=rate)
        _name(stream, track)
        context = stream.codec_context
        context.layout, context.format = layout, "fltp"
        context.bit_rate = min(AAC_CHANNEL_RATE, 3 * rate) * context.layout.nb_channels
        context.flags |= Flags.bitexact
        self._stream, self._resampler = stream, av.AudioResampler(format="fltp", layout=layout, rate=rate)
        self._start: int | None = None
        self._samples = self._next = 0

    def packets(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Encode one more packet, on the clip's clock; an empty one is the last."""
        try:
            frames: list[av.AudioFrame | None] = [*cast("Packet[AudioStream]", packet).decode()]
        except av.InvalidDataError:
            frames = []
        for frame in frames if packet.size else [*frames, None]:
            if self._start is None and frame is not None:
                self._start = round((frame.pts or 0) * Fraction(frame.time_base or 1) * self._stream.rate)
            for even in self._resampler.resample(frame):
                # Counted: old containers round times to milliseconds, which would be gaps of a few samples.
                even.pts, even.time_base = self._samples + (self._start or 0), Fraction(1, self._stream.rate)
                self._samples += even.samples
                yield from self._encode(even)
        if not packet.size:
            yield from self._encode(None)

    def _encode(self, frame: av.AudioFrame | None) -> Iterator[AnyPacket]:
        for packet in self._stream.encode(frame):
            # The encoder leaves the last ones without a time.
            self._next = packet.pts if packet.pts is not None else self._next
            packet.pts = packet.dts = self._next
            self._next += packet.duration or 0
            yield packet


def _tracks(source: InputContainer) -> list[Stream]:
    return [stream for stream in source.streams if stream.type in COPIED]


def _holds(suffix: str, tracks: Sequence[Stream]) -> bool:
    """True where the container takes these tracks: its header is tried in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=CONTAINERS[suffix]) as container:
            for track in tracks:
                container.add_stream_from_template(track)
            container.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _options(kind: str, clip: VideoFile, metadata: dict[str, str], tracks: Sequence[Stream]) -> dict[str, str]:
    options = {"fflags": "+bitexact"}
    if kind != "matroska":
        # A movie clock in which the offsets between tracks are whole numbers: FFmpeg's own counts milliseconds.
        rates = [track.codec_context.sample_rate for track in tracks if isinstance(track, AudioStream)]
        scale = math.lcm(clip.time_base.denominator, *rates)
        flags = "+faststart" if metadata.keys() <= USUAL else "+faststart+use_metadata_tags"
        options |= {"movflags": flags, "movie_timescale": str(scale if scale < 2**31 else 90_000)}
    return options


def _kept(old: Stream | InputContainer) -> dict[str, str]:
    """Metadata but for what describes the old file itself."""
    return {key: value for key, value in old.metadata.items() if key.lower() not in OF_THE_FILE}


def _name(new: StreamT, old: Stream) -> StreamT:
    """Language, title and role of a track."""
    new.metadata.update(_kept(old))
    new.disposition = old.disposition
    return new


def _start(clip: VideoFile, tracks: Sequence[Stream]) -> Fraction:
    """The time that becomes 0: the first of all where it is late, the first picture where it would be before 0.

    Sound before 0 stays there: it is a codec's priming, which no player plays.
    """
    first = int(clip.times[0]) * clip.time_base
    sounds = [
        track.start_time * Fraction(track.time_base or 1)
        for track in tracks
        if track.type == "audio" and track.start_time is not None
    ]
    return max(Fraction(0), min([first, *sounds])) or min(Fraction(0), first)


def _video(clip: VideoFile, packets: Iterator[AnyPacket], start: Fraction) -> Iterator[AnyPacket]:
    shift = round(start / clip.time_base)
    for k, packet in enumerate(packets):
        time = int(clip.times[k])
        packet.time_base = clip.time_base
        packet.pts = packet.dts = time - shift
        packet.duration = int(clip.times[k + 1]) - time if k + 1 < clip.frames else clip.last
        yield packet


def _others(
    source: InputContainer,
    tracks: Sequence[Stream],
    into: dict[int, Stream | Recoder],
    start: Fraction,
    *,
    strict: bool,
) -> Iterator[AnyPacket]:
    """The packets of `tracks`. Times that run backwards are held, as a muxer wants."""
    last: dict[int, int] = {}
    for packet in source.demux(tracks) if tracks else ():
        index = packet.stream.index  # not packet.stream_index: that of an empty packet is 0
        track = into[index]
        if isinstance(track, Recoder):
            for new in track.packets(packet):
                new.pts = new.dts = (new.pts or 0) - round(start / new.time_base)
                yield new
        elif packet.pts is not None or packet.dts is not None:
            if strict and index not in last:
                _exact_priming(packet)
            pts, dts = ((t - round(start / packet.time_base)) for t in _times(packet))
            packet.dts = max(dts, last[index] + strict) if index in last else dts
            packet.pts = max(pts, packet.dts)
            last[index] = packet.dts
            packet.stream = track
            yield packet


def _exact_priming(packet: AnyPacket) -> None:
    """Start a track at minus what players skip, to the sample: Matroska's milliseconds would cut into the sound."""
    track = packet.stream
    if isinstance(track, AudioStream) and (packet.pts or 0) < 0 and packet.has_sidedata("skip_samples"):
        skip = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
        if skip:
            packet.pts = packet.dts = -skip
            packet.time_base = Fraction(1, track.codec_context.sample_rate)


def _times(packet: AnyPacket) -> tuple[int, int]:
    """Moments of showing and of decoding; where one is not known, the other."""
    pts = packet.pts if packet.pts is not None else packet.dts
    dts = packet.dts if packet.dts is not None else packet.pts
    return pts or 0, dts or 0


def _time(packet: AnyPacket) -> Fraction:
    return (packet.dts or 0) * packet.time_base
