"""Segments and sound into one video file. Pictures are copied; the sound is encoded here, or copied from pieces."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from akma_core.errors import FailureError, RequestError
from akma_core.files import sync
from akma_core.media.container import discard, writing
from akma_core.media.encoder import Encoder

AnyPacket: TypeAlias = "Packet[Any]"

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
BLOCK = 65536  # samples; half a megabyte of stereo floats

# Channel layouts that a plain count stands for, in the order of WAV files.
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}
AAC_CHANNEL_RATE = 128_000  # bit/s a channel: 256 kbit/s for stereo
HEADROOM = 8.0  # 18 dB above full scale; FFmpeg's AAC encoder stops at absurd floats

DTYPES = {"flt": "float32", "s16": "int16", "s32": "int32"}


class AudioInfo(Protocol):
    """Facts of a song that AudioTrack needs."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def samples(self) -> int: ...
    @property
    def bits(self) -> int: ...


class AudioReader(Protocol):
    """A song that can be read in blocks [n, channels], more than once."""

    @property
    def info(self) -> AudioInfo: ...
    def blocks(
        self, start: int = 0, stop: int | None = None, frames: int = BLOCK, dtype: Any = "float32"
    ) -> Iterator[NDArray[Any]]: ...


@dataclass(frozen=True)
class SoundFormat:
    """Encoded sound; all that its encoder is told, so that two of one format have the same headers."""

    codec: str
    """aac, alac or flac."""
    rate: int
    """Samples per second."""
    channels: int
    """One of LAYOUTS."""
    sample: str
    """FFmpeg's name for the packed sample type: flt for aac, else s16 or s32, where 24 bits travel in the top."""

    @property
    def layout(self) -> str:
        return LAYOUTS[self.channels]

    def configure(self, context: AudioCodecContext) -> None:
        """Sets up a codec context, not yet open."""
        context.sample_rate, context.time_base = self.rate, Fraction(1, self.rate)
        context.layout = self.layout
        context.format = self.sample if self.codec == "flac" else self.sample + "p"
        context.flags |= Flags.bitexact | Flags.global_header
        if self.codec == "aac":
            # AAC holds 6 bits a sample at most; half of that is more than any ear asks for.
            context.bit_rate = min(AAC_CHANNEL_RATE, 3 * self.rate) * self.channels

    def encoder(self) -> AudioCodecContext:
        """An open encoder that belongs to no file; FFmpegError or ValueError where there is none."""
        context = av.CodecContext.create(self.codec, "w")
        assert isinstance(context, AudioCodecContext)
        self.configure(context)
        context.open()
        return context

    def add_to(self, container: OutputContainer) -> AudioStream:
        """A stream of this format in a container whose header is not yet written."""
        stream = container.add_stream(self.codec, rate=self.rate)
        assert isinstance(stream, AudioStream)
        self.configure(stream.codec_context)
        return stream


class Sound(Protocol):
    """The sound that `finish` puts beside the pictures."""

    @property
    def format(self) -> SoundFormat: ...
    def packets(self, stream: AudioStream) -> Iterator[AnyPacket]:
        """Packets for `stream`, in order of time: the first sample at 0, a codec's priming before it."""


@dataclass(frozen=True)
class AudioTrack:
    """The song as the video carries it. Raises RequestError where the codec cannot carry it."""

    reader: AudioReader
    start: int = 0
    """First sample, per channel."""
    stop: int | None = None
    """One past the last sample; None or too many: the song's end."""
    codec: str = "aac"
    """aac; alac or flac keep every sample: 16 bits, or 24 where the source has more than 16."""

    def __post_init__(self) -> None:
        if self.codec not in ("aac", "alac", "flac"):
            raise RequestError(f"audio codec {self.codec} is not one of aac, alac, flac", field="audio_codec")
        if not 0 <= self.start < self.end:
            samples = self.reader.info.samples
            message = f"no audio from sample {self.start} to {self.end}: the song has {samples} samples"
            raise RequestError(message, field="start")
        info = self.reader.info
        try:
            if self.codec != "aac" and info.channels not in LAYOUTS:
                raise ValueError("unknown channel layout")
            self.format.encoder()
        except (av.FFmpegError, ValueError) as error:
            what = f"{info.channels} channels at {info.sample_rate} Hz"
            message = f"{self.codec} does not carry {what}: use aac, which mixes and resamples"
            raise RequestError(message, field="audio_codec") from error

    @property
    def end(self) -> int:
        """One past the last sample that is read."""
        samples = self.reader.info.samples
        return samples if self.stop is None else min(self.stop, samples)

    @property
    def rate(self) -> int:
        """Samples per second in the video: the song's, or 48000 where AAC does not take that."""
        rate = self.reader.info.sample_rate
        return 48000 if self.codec == "aac" and rate not in AAC_RATES else rate

    @property
    def format(self) -> SoundFormat:
        """Format in the video; channels that have no known places become stereo."""
        info = self.reader.info
        sample = "flt" if self.codec == "aac" else "s32" if info.bits > 16 else "s16"
        return SoundFormat(self.codec, self.rate, info.channels if info.channels in LAYOUTS else 2, sample)

    @property
    def notes(self) -> tuple[str, ...]:
        """Differences of the video's audio from the song's, one sentence each, for the manifest."""
        info, notes = self.reader.info, []
        if self.rate != info.sample_rate:
            notes.append(f"audio resampled from {info.sample_rate} Hz to {self.rate} Hz for {self.codec}")
        if info.channels not in LAYOUTS:
            notes.append(f"{info.channels} audio channels of unknown places mixed to stereo")
        if self.codec != "aac" and info.bits > 24:
            notes.append(f"audio of {info.bits} bits kept to 24 bits by {self.codec}")
        return tuple(notes)

    def packets(self, stream: AudioStream) -> Iterator[AnyPacket]:
        """The encoded song, by the encoder of `stream`: sample `start` at time 0, priming before it."""
        for packet in self.encoded(stream.codec_context):
            packet.stream = stream
            yield packet

    def encoded(self, encoder: AudioCodecContext) -> Iterator[AnyPacket]:
        """The same for no stream yet, by an encoder of `format`. The last packet may hold no sound but new headers."""
        try:
            for frame in self._frames():
                yield from encoder.encode(frame)
            yield from encoder.encode(None)
        except av.FFmpegError as error:
            raise FailureError(f"cannot encode the audio as {self.codec}: {error}", code="audio_failed") from error

    def _frames(self) -> Iterator[av.AudioFrame]:
        info, sound, position = self.reader.info, self.format, 0
        for block in self.reader.blocks(self.start, self.end, BLOCK, DTYPES[sound.sample]):
            samples = block if info.channels in LAYOUTS else downmix(block)
            if sound.sample == "flt":
                samples = samples.clip(-HEADROOM, HEADROOM)
            packed = np.ascontiguousarray(samples).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format=sound.sample, layout=sound.layout)
            frame.sample_rate, frame.time_base = info.sample_rate, Fraction(1, info.sample_rate)
            frame.pts = position
            position += len(block)
            yield frame


def downmix(block: NDArray[Any]) -> NDArray[Any]:
    """[n, channels] -> [n, 2]: the mean of the odd-numbered channels left, of the even-numbered right.

    A last channel without a partner goes to both sides.
    """
    left, right = block[:, 0::2], block[:, 1::2]
    if left.shape[1] > right.shape[1]:
        right = np.concatenate([right, left[:, -1:]], axis=1)
    return np.stack([left.mean(axis=1), right.mean(axis=1)], axis=1)


def finish(segments: Sequence[Path], encoder: Encoder, sound: Sound | None, output: Path) -> None:
    """Joins segments in their order and adds the sound, into exactly `output` (.mp4, .mov or .mkv).

    Frame k is at k / fps (to the millisecond in mkv) and the audio's first sample at 0; mp4 and mov have the
    index first. The same segments and sound give the same bytes, whether the sound is an AudioTrack or its
    AudioSegments. Returns when the file is on the disk; after an error there is no `output`. To put it in place at
    once, give a name beside the final one and rename.
    Raises RequestError on another suffix or a codec that the container does not hold; FailureError where
    segments differ (segments_differ), one cannot be read (segment_broken), or the file cannot be written.
    """
    form = sound.format if sound else None
    kind = container_format(output, form.codec if form else None)
    if not segments:
        raise ValueError("no segments to join")
    options = {"fflags": "+bitexact"}
    if kind != "matroska":
        # A movie clock in which both tracks' lengths are whole numbers: FFmpeg's own counts milliseconds.
        scale = math.lcm(encoder.fps.numerator, form.rate if form else 1)
        scale = scale if scale < 2**31 else encoder.fps.numerator
        options |= {"movflags": "+faststart", "movie_timescale": str(scale)}
    container = av.open(str(output), "w", format=kind, options=options)
    try:
        with opened_segment(segments[0]) as (_, first):
            video = container.add_stream_from_template(first)
        tracks = [copies(segments, encoder.fps, video)]
        if sound and form:
            tracks.append(sound.packets(form.add_to(container)))
        # In the order of time, so that the muxer holds no packet back.
        write_packets(container, heapq.merge(*tracks, key=packet_time), output)
    except BaseException:
        discard(container, output)
        raise


def write_packets(
    container: OutputContainer,
    packets: Iterable[AnyPacket],
    output: Path,
    spare: Callable[[AnyPacket], bool] = lambda _: False,
) -> None:
    """Writes all of `packets` into the file `output` behind `container`, closed and on the disk. FailureError.

    Where the container cannot make anything of a packet of which `spare` is true, it is left out.
    """
    with writing(output):
        container.start_encoding()
    for packet in packets:
        with writing(output):
            try:
                container.mux(packet)
            except av.InvalidDataError:
                if not spare(packet):
                    raise
    with writing(output):
        container.close()
        sync(output)


def container_format(output: Path, codec: str | None) -> str:
    """FFmpeg's name for the container that the suffix asks for, with sound in `codec`. RequestError as `finish`."""
    kind = CONTAINERS.get(output.suffix.lower())
    if kind is None:
        raise RequestError(f"cannot write {output.name}: use .mp4, .mov or .mkv", field="output")
    if kind == "mov" and codec == "flac":
        raise RequestError(".mov does not hold flac: use alac, or .mp4 or .mkv", field="audio_codec")
    return kind


def packet_time(packet: AnyPacket) -> Fraction:
    """Moment of decoding, in seconds."""
    return (packet.dts or 0) * packet.time_base


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A segment or a piece for reading; FailureError where it is broken."""
    try:
        with av.open(str(path)) as source:
            yield source
    except (av.FFmpegError, OSError, IndexError) as error:
        raise FailureError(f"cannot read {path}: remove it and render again", code="segment_broken") from error


@contextmanager
def opened_segment(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A segment and its pictures; FailureError where it is broken."""
    with opened(path) as source:
        yield source, source.streams.video[0]


def copies(segments: Sequence[Path], fps: Fraction, stream: VideoStream, frame: int = 0) -> Iterator[AnyPacket]:
    """The segments' packets for `stream`, each 1 / fps long, counted on from `frame`; FailureError as `finish`."""
    for path in segments:
        with opened_segment(path) as (source, video):
            if video.codec_context.extradata != stream.codec_context.extradata:
                message = f"{path} was encoded otherwise than {segments[0]}: remove both and render again"
                raise FailureError(message, code="segments_differ")
            for packet in source.demux(video):
                if packet.size:
                    packet.stream, packet.time_base = stream, 1 / fps
                    packet.pts = packet.dts = frame
                    packet.duration = 1
                    frame += 1
                    yield packet
