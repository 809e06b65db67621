"""Sound through FFmpeg (PyAV): what libsndfile does not read, or does not read to its end.

A packet that cannot be decoded is passed over and silence stands in for it, so that what follows stays in time; what
changes its rate or channels midway is resampled to how it began. Both are said in a note.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from io import BufferedReader
from pathlib import Path

import av  # loaded only where it is asked: most songs do without FFmpeg's libraries
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from akma_core.audio.file import (
    GIVE,
    AudioInfo,
    Block,
    Decode,
    SampleType,
    bad_audio,
    check,
    check_length,
    damaged,
    opened,
)

# The containers FFmpeg may open: never a playlist (hls, concat, dash), which makes it open other files.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,mp3,ogg,flac,wav,w64,aiff,caf,au,avi,asf,flv,mpegts,mpeg,"
    "ac3,eac3,dts,wv,ape,tta,tak,amr"
)
MAX_BAD = 0.1  # share of packets that may fail: with more of them it is no song any more
MAX_GAP = 10  # seconds of silence that stand in for packets in a row
PADDING = 1 << 22  # bytes of zeros in front that are passed over
LEAST_PADDING = 16  # bytes; the size at the head of an MP4 has fewer zeros
WHOLE, SHORT = 0.98, 0.1  # of the length that a container tells of, and seconds: what is missing below that is told
TELLING = ("mp4", "caf", "matroska")  # containers that know their length, while others guess it by the bit rate
LOSSLESS = ("flac", "alac", "wavpack", "tta", "ape", "tak", "truehd")
REFUSED = (av.InvalidDataError, av.PatchWelcomeError, av.ExternalError)


@dataclass(frozen=True, eq=False)
class _Frame:
    format: str  # container/codec
    rate: int  # Hz
    samples: Block  # in the decoder's own type


@dataclass
class _Track:
    """Decoding of one track: its shape, which is that of its first frame, and what went wrong on the way."""

    path: Path
    name: str
    """Container and codec."""
    gaps: bool
    """True if its times are exact, so that a gap in them is damage."""
    notes: list[str]
    shape: tuple[int, int] | None = None
    """Hz and channels."""
    told: float = 0.0
    """Seconds that the container tells of; 0: it does not know."""
    packets: int = 0
    bad: list[float] = field(default_factory=list)
    """Seconds at which packets could not be decoded."""
    samples: int = 0
    _end: Fraction | None = None
    _failed: bool = False
    _now: tuple[int, int] | None = None
    _packed: av.AudioResampler | None = None

    def failed(self) -> None:
        """One more packet gave nothing."""
        self._failed = True
        self.bad.append(self.samples / self.shape[0] if self.shape else 0.0)

    def take(self, frame: av.AudioFrame) -> Iterator[_Frame]:
        """Samples of a frame, after the silence for what is missing before it."""
        now = frame.sample_rate, frame.layout.nb_channels
        check(self.path, *now)
        if self._packed is None or now != self._now:
            yield from self._change(frame, now)
        silence = self._missing(frame)
        for whole in self._packed.resample(frame) if self._packed else ():
            yield from self._give(whole, silence)
            silence = 0

    def end(self) -> Iterator[_Frame]:
        """Rest that the resampler still holds, and the note on what was passed over."""
        if self._packed and self.shape != self._now:
            for whole in self._packed.resample(None):
                yield from self._give(whole)
        if self.bad and self.samples and self.shape:
            if len(self.bad) > max(2, MAX_BAD * self.packets):
                raise damaged(self.path)
            places = ", ".join(f"{second:.2f}" for second in self.bad[:5]) + (" and others" if self.bad[5:] else "")
            self._note(f"{len(self.bad)} damaged packet(s) could not be decoded, near second {places}: silence there")
        there = self.samples / self.shape[0] if self.shape else 0.0
        if self.samples and there < self.told * WHOLE - SHORT:
            if self.name.split("/")[1] in LOSSLESS:
                raise damaged(self.path)
            self._note(f"cut or damaged: about {self.told - there:.2f} seconds are missing, {there:.2f} are there")

    def _change(self, frame: av.AudioFrame, now: tuple[int, int]) -> Iterator[_Frame]:
        if self.shape is None or self._packed is None:
            # Interleaved first: PyAV 18.1 reads beyond the end of 8 planar channels.
            self._packed = av.AudioResampler(format=frame.format.packed.name)
            self.shape, self._layout, self._format = now, frame.layout, frame.format.packed.name
        else:
            if self._now != self.shape:
                for whole in self._packed.resample(None):
                    yield from self._give(whole)
            self._note(
                f"from second {self.samples / self.shape[0]:.2f} on the sound has {now[0]} Hz and {now[1]} channel(s): "
                f"converted to {self.shape[0]} Hz and {self.shape[1]}, as it began"
            )
            self._packed = av.AudioResampler(format=self._format, layout=self._layout, rate=self.shape[0])
        self._now, self._end = now, None

    def _missing(self, frame: av.AudioFrame) -> int:
        """Samples between the end of the last frame and this one that were lost."""
        if frame.pts is None or frame.time_base is None:
            if self._end is not None:
                self._end += Fraction(frame.samples, frame.sample_rate)
            return 0
        begins, before = frame.pts * Fraction(frame.time_base), self._end
        self._end = begins + Fraction(frame.samples, frame.sample_rate)
        failed, self._failed = self._failed, False
        if before is None and self.gaps:
            before = Fraction(0)
        if before is None or not (failed or self.gaps) or not 0 < begins - before <= MAX_GAP:
            return 0
        rate = self.shape[0] if self.shape else frame.sample_rate
        if not failed:
            self.bad.append(self.samples / rate)
        return round((begins - before) * rate)

    def _give(self, whole: av.AudioFrame, silence: int = 0) -> Iterator[_Frame]:
        assert self.shape
        samples = whole.to_ndarray().reshape(-1, self.shape[1])
        if silence:
            middle = 1 << (8 * samples.dtype.itemsize - 1) if samples.dtype.kind == "u" else 0
            yield self._counted(np.full((silence, self.shape[1]), middle, samples.dtype))
        yield self._counted(samples)

    def _counted(self, samples: Block) -> _Frame:
        self.samples += len(samples)
        return _Frame(self.name, self.shape[0] if self.shape else 0, samples)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def probe_av(
    path: Path, longest: float | None = None, notes: list[str] | None = None, promised: int = 0
) -> tuple[AudioInfo, Decode]:
    """Facts of the file by FFmpeg and how to decode it.

    `longest`: seconds after which it is refused; `notes` takes what a listener should know; `promised`: samples that a
    header tells of, without which it is refused as cut.
    """
    samples, first = 0, None
    said = [] if notes is None else notes
    for frame in _frames(path, said):
        first = first or frame
        samples += len(frame.samples)
        check_length(path, samples / frame.rate, longest)
    if first is None:
        raise bad_audio(path, f"has no sound in it; {GIVE}", "audio_empty")
    if samples < promised:
        raise damaged(path)
    codec = first.format.split("/")[1]
    lossless = codec.startswith("pcm_") or codec in LOSSLESS
    bits = 16
    if lossless and first.samples.dtype.itemsize > 2:  # FFmpeg hands out 24-bit samples in 32
        bits = 32 if codec.startswith(("pcm_s32", "pcm_f64")) else 24
    info = AudioInfo(first.rate, first.samples.shape[1], samples, bits, first.format, lossless)

    def decode(start: int, frames: int, dtype: SampleType) -> Iterator[Block]:  # noqa: ARG001
        return decode_av(path, start, frames, said)

    return info, decode


def decode_av(path: Path, start: int, frames: int, notes: list[str]) -> Iterator[Block]:
    """Samples from `start` on in blocks of `frames`, in the decoder's own type."""
    end, count, kept = 0, 0, list[Block]()
    for frame in _frames(path, notes):
        end += len(frame.samples)
        if end <= start:
            continue
        kept.append(frame.samples[-(end - start) :])
        count += len(kept[-1])
        if count >= frames:
            joined = np.concatenate(kept)
            for at in range(0, count - frames + 1, frames):
                yield joined[at : at + frames]
            kept, count = [joined[count - count % frames :]], count % frames
    if count:
        yield np.concatenate(kept)


def packet_samples(path: Path) -> tuple[int, int]:
    """Samples in all packets, by their headers alone, and in the longest; nothing is decoded. 0, 0: unknown."""
    total, longest, whole = Fraction(0), Fraction(0), False
    with suppress(av.FFmpegError, ValueError), _container(path) as (container, stream):
        rate = stream.codec_context.sample_rate
        for packet in container.demux(stream):
            length = (packet.duration or 0) * packet.time_base * rate
            total, longest = total + length, max(longest, length)
        whole = True
    return (round(total), round(longest)) if whole else (0, 0)


def _frames(path: Path, notes: list[str]) -> Iterator[_Frame]:
    """Every frame of the best audio track.

    FFmpeg's decoders drop the encoder's priming samples (edit list, skip-samples): the first is the song's own.
    """
    track: _Track | None = None
    try:
        with _container(path) as (container, stream):
            name = container.format.name.split(",")[0].replace("mov", "mp4")
            codec = stream.codec_context.name
            track = _Track(path, f"{name}/{codec}", gaps=name == codec == "flac", notes=notes)
            if name in TELLING:
                track.told = _told(container, stream)
            held: av.AudioFrame | None = None
            for packet in _demuxed(container, stream, track):
                track.packets += 1
                try:
                    frames = [] if packet.is_discard else packet.decode()  # or an edit cut it away
                except REFUSED:
                    if not _is_header(bytes(packet), codec):
                        track.failed()
                    continue
                for frame in frames:
                    if track.shape is None and held is None:
                        held = frame
                        continue
                    if held is not None:
                        # The first one says what the decoder was told, which is the last of rates that change midway.
                        held.sample_rate = frame.sample_rate
                        yield from track.take(held)
                        held = None
                    yield from track.take(frame)
            if held is not None:
                yield from track.take(held)
            yield from track.end()
    except av.PatchWelcomeError as error:  # Ogg's next link, in another codec, rate or number of channels
        what = "changes its codec, rate or channels midway; convert it to WAV"
        raise bad_audio(path, what, "audio_unsupported") from error
    except (av.FFmpegError, ValueError) as error:
        if track and track.samples:
            raise damaged(path) from error
        raise bad_audio(path, f"is not audio that AKMA can read; {GIVE}", "audio_unknown") from error


def _demuxed(container: InputContainer, stream: AudioStream, track: _Track) -> "Iterator[Packet[AudioStream]]":
    """The packets; what cannot be read behind a last sample that the container tells of is junk, and no damage."""
    exact = stream.duration * Fraction(stream.time_base or 0) if stream.duration else None
    try:
        yield from container.demux(stream)
    except av.InvalidDataError:
        if exact is None or track.shape is None or track.samples < exact * track.shape[0]:
            raise


def _told(container: InputContainer, stream: AudioStream) -> float:
    if stream.duration:
        return float(stream.duration * Fraction(stream.time_base or 0))
    alone = len(container.streams) == 1
    return container.duration / av.time_base if alone and container.duration else 0.0


def _is_header(data: bytes, codec: str) -> bool:
    """True if a packet that gives no sound never had any: headers of a further link, a tag behind the last frame."""
    if codec == "flac":
        return data[:1] != b"\xff"
    return data[:3] in (b"TAG", b"ID3", b"APE") or data[1:7] == b"vorbis" or data[:4] == b"Opus" or not any(data)


@contextmanager
def _container(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    options = {"format_whitelist": CONTAINERS}
    with opened(path) as file:
        start = _padding(file)
        source = _From(file, start) if start else file
        with av.open(source, "r", options=options, metadata_errors="ignore") as container:
            stream = container.streams.best("audio")
            if not container.streams.video and stream is None:
                raise ValueError("neither sound nor picture")
            if not isinstance(stream, AudioStream):
                raise bad_audio(path, "has no audio track; give a file with sound in it", "audio_missing_track")
            if stream.codec_context is None:
                raise bad_audio(
                    path, "has its sound in a codec that FFmpeg does not know; convert it first", "audio_unsupported"
                )
            yield container, stream


def _padding(file: BufferedReader) -> int:
    """Place where the sound begins, behind zeros that a tag's size does not count; 0 where there are none."""
    head, position = file.read(10), 0
    while head[:3] == b"ID3" and len(head) == 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        position += 10 + size + (10 if head[5] & 0x10 else 0)
        file.seek(position)
        head = file.read(10)
    zeros = position
    while position - zeros < PADDING and head and not any(head):
        position += len(head)
        head = file.read(4096)
    file.seek(0)
    start = position + len(head) - len(head.lstrip(b"\0"))
    return start if start - zeros >= LEAST_PADDING else 0


class _From(io.RawIOBase):
    """A file from a position on."""

    def __init__(self, file: BufferedReader, start: int) -> None:
        self._file, self._start = file, start
        self._file.seek(start)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset + self._start if whence == io.SEEK_SET else offset, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
