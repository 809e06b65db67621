"""Upscaled segments and everything else of the clip they were made from into one file; only the pictures are new."""

import heapq
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from akma_core.media.clock import Clock, moved
from akma_core.media.container import discard
from akma_core.media.encoder import Encoder
from akma_core.media.mux import (
    CONTAINERS,
    AnyPacket,
    copies,
    opened_segment,
    write_packets,
)
from akma_core.media.picture_times import interleaved
from akma_core.media.video_reader import VideoFile, opened
from akma_core.upscale.recoder import Recoder, codec_for
from akma_core.upscale.trial import holds, samples_of

StreamT = TypeVar("StreamT", bound=Stream)

COPIED = ("audio", "subtitle")
# Of mp4's own kind; other names need the list of keys that QuickTime has, which fewer players read.
USUAL = {"title", "artist", "album", "album_artist", "composer", "date", "comment", "genre", "copyright", "description"}
STATISTICS = re.compile(r"(BPS|DURATION|NUMBER_OF_(FRAMES|BYTES)|_STATISTICS_\w+)(-\w+)?|alpha_mode", re.IGNORECASE)
PRIMING = Fraction(12, 100)  # seconds before the first sample: Opus asks for 0.08, AAC for less
OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id"}


@dataclass(frozen=True)
class Fit:
    """Container and tracks of the result."""

    suffix: str
    """.mp4, .mkv or .mov."""
    copied: tuple[int, ...]
    """Indices of the tracks of sound and subtitles that go there as they are."""
    encoded: tuple[int, ...]
    """Tracks of sound that are encoded anew: this container does not hold them, or an edit cuts into them."""
    notes: tuple[str, ...]
    """Notes on what is otherwise, one sentence each."""


def fit(clip: VideoFile) -> Fit:
    """The container in which sound and subtitles fit as they are: .mp4 if they can, else .mkv or .mov.

    Where none holds all, .mkv takes what it can. A clip in a .mov stays in one if it can. Sound into which an edit cuts
    is encoded anew: a packet holds more than what is left of it.
    """
    with opened(clip.path, clip.stream) as (source, _):
        tracks, metadata = _tracks(source), _kept(source)
        samples = samples_of(source, tracks)
        wanted = [track for track in tracks if track.index not in clip.edited]
        cut = [track for track in tracks if isinstance(track, AudioStream) and track.index in clip.edited]

        def takes(suffix: str, some: Sequence[Stream]) -> bool:
            options = _options(CONTAINERS[suffix], clip, metadata, some)
            return holds(suffix, clip, some, samples, options)

        order = (".mov", ".mkv") if clip.path.suffix.lower() == ".mov" else (".mp4", ".mkv", ".mov")
        suffix = next((suffix for suffix in order if not wanted or takes(suffix, wanted)), None)
        notes, copied = list[str](), wanted
        if suffix is None:
            suffix, copied = ".mkv", [track for track in wanted if takes(".mkv", [track])]
        encoded = [track for track in wanted if track not in copied and isinstance(track, AudioStream)]
        for track in encoded:
            name = codec_for(track, suffix).upper()
            notes.append(f"sound in {track.codec_context.name} fits in no MP4, MKV or MOV: encoded as {name}")
        for track in cut:
            notes.append(f"an edit cuts into the sound: encoded again as {codec_for(track, suffix).upper()}")
        if left := len(wanted) - len(copied) - len(encoded):
            notes.append(f"left out: {left} track(s) that fit in no MP4, MKV or MOV")
        if suffix != ".mkv" and source.streams.attachments:
            notes.append(f"left out: {len(source.streams.attachments)} attachment(s), which only MKV holds")
        anew = sorted(track.index for track in (*encoded, *cut))
        return Fit(suffix, tuple(track.index for track in copied), tuple(anew), tuple(notes))


def recoded(clip: VideoFile, fit: Fit) -> Fit:
    """The same container with all sound encoded anew, for sound so damaged that it cannot be copied into it."""
    with opened(clip.path, clip.stream) as (source, _):
        sounds = {track.index for track in _tracks(source) if track.type == "audio"}
    copied = tuple(index for index in fit.copied if index not in sounds)
    encoded = tuple(sorted({*fit.encoded, *(index for index in fit.copied if index in sounds)}))
    return Fit(fit.suffix, copied, encoded, ("the sound is damaged and could not be copied: encoded again",))


def join(clip: VideoFile, segments: Sequence[Path], encoder: Encoder, fit: Fit, output: Path) -> list[str]:
    """Join the segments of all pictures of `clip`, each at its own time, with the clip's sound, subtitles, chapters,
    names and rotation, into exactly `output`, whose suffix is fit's.

    All times keep their distances; the first is moved to 0 where the clip starts later. After an error there is no
    `output`. Returns notes on what was found on the way. RequestError where the clip cannot be read,
    FailureError where a segment or `output` fails.
    """
    kind = CONTAINERS[fit.suffix]
    with opened(clip.path, clip.stream) as (source, pictures):
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
                    codec = codec_for(cast("AudioStream", track), fit.suffix)
                    recoder = Recoder(container, track, codec, edited=track.index in clip.edited)
                    _name(recoder.stream, track)
                    into[track.index] = recoder
            if kind == "matroska":
                for attachment in source.streams.attachments:
                    container.add_stream_from_template(attachment)
            container.metadata.update(metadata)
            container.set_chapters(source.chapters())
            start = _start(clip, tracks)
            packets = heapq.merge(
                _video(clip, copies(segments, encoder.fps, video), start),
                _others(clip, source, into, start, strict=kind != "matroska"),
                key=_time,
            )
            left_out = list[int]()

            def spare(packet: AnyPacket) -> bool:
                left_out.append(packet.stream_index)
                return packet.stream_index != video.index

            write_packets(container, packets, output, spare)
        except BaseException:
            discard(container, output)
            raise
    damaged = sum(track.damaged for track in into.values() if isinstance(track, Recoder))
    notes = [f"{damaged} damaged packet(s) of sound could not be decoded: silence there"] if damaged else []
    return [*notes, f"left out: {len(left_out)} damaged packet(s) of sound or subtitles"] if left_out else notes


def _tracks(source: InputContainer) -> list[Stream]:
    return [stream for stream in source.streams if stream.type in COPIED and stream.codec_context is not None]


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
    """Metadata but for what describes the old file itself, as mkvmerge's statistics do."""
    kept = {key: value for key, value in old.metadata.items() if key.lower() not in OF_THE_FILE}
    return {key: value for key, value in kept.items() if not STATISTICS.fullmatch(key)}


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
    clip: VideoFile,
    source: InputContainer,
    into: dict[int, Stream | Recoder],
    start: Fraction,
    *,
    strict: bool,
) -> Iterator[AnyPacket]:
    """The packets of the tracks in `into`. Times that run backwards are held, as a muxer wants.

    What an edit cut away is left out, but for the priming that a decoder needs before the first packet.
    """
    last, heard = dict[int, int](), set[int]()
    for packet in _demuxed(clip, source, into):
        index = packet.stream.index  # not packet.stream_index: that of an empty packet is 0
        track = into[index]
        if packet.is_discard and not isinstance(track, Recoder) and (index in heard or _time(packet) < -PRIMING):
            continue
        if packet.size and not packet.is_discard:
            heard.add(index)
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


def _demuxed(clip: VideoFile, source: InputContainer, into: Collection[int]) -> Iterator[AnyPacket]:
    """The packets of the tracks in `into`, by the one clock where the file's own breaks."""
    if not into:
        return
    if not clip.breaks:
        yield from source.demux([source.streams[index] for index in into])
        return
    video = cast("VideoStream", source.streams[clip.stream])
    for packet in moved(interleaved(source, video, all_of_them=True), Clock()):
        if packet.stream.index in into:
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
