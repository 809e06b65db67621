"""A track of sound encoded anew, for a container that does not hold it as it is, or where an edit cuts into it."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.stream import Stream

from akma_core.media.mux import AAC_CHANNEL_RATE, AAC_RATES, LAYOUTS, AnyPacket
from akma_core.media.picture_times import REFUSED

if TYPE_CHECKING:
    from av.packet import Packet

LOSSLESS = ("flac", "alac", "wavpack", "tta", "ape", "tak", "truehd", "mlp")
MAX_GAP = 10  # seconds of silence that stand in for packets that could not be decoded


def codec_for(track: AudioStream, suffix: str) -> str:
    """The codec that a track becomes in a container: one without loss where the track has none, else AAC."""
    name = track.codec_context.name
    if not (name.startswith("pcm_") or name in LOSSLESS) or track.codec_context.layout.nb_channels > 8:
        return "aac"
    return "flac" if suffix == ".mkv" else "alac"


class Recoder:
    """Decodes a track packet by packet and encodes it. Where a packet is damaged, silence stands in for it."""

    def __init__(self, container: OutputContainer, track: Stream, codec: str, *, edited: bool = False) -> None:
        """`edited`: the end of what an edit cut out lies within packets, and is cut off to the sample."""
        assert isinstance(track, AudioStream)
        old = track.codec_context
        keeps = codec != "aac" or old.sample_rate in AAC_RATES
        rate = old.sample_rate if keeps else 48000
        stream = cast("AudioStream", container.add_stream(codec, rate=rate))
        context = stream.codec_context
        context.layout = LAYOUTS.get(old.layout.nb_channels, "stereo" if codec == "aac" else old.layout.name)
        context.format = _format(codec, old.format.bytes if old.format else 2)
        if codec == "aac":
            context.bit_rate = min(AAC_CHANNEL_RATE, 3 * rate) * context.layout.nb_channels
        context.flags |= Flags.bitexact
        self.stream, self.damaged = stream, 0
        self._resampler = av.AudioResampler(format=context.format.name, layout=context.layout.name, rate=rate)
        self._edited, self._failed = edited, False
        self._held: av.AudioFrame | None = None
        self._start: int | None = None
        self._end: Fraction | None = None
        self._samples = self._next = 0

    def packets(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Encode one more packet, on the clip's clock; an empty one is the last."""
        frames: list[av.AudioFrame | None] = []
        try:
            frames += cast("Packet[AudioStream]", packet).decode()
        except REFUSED:
            self.damaged += packet.size > 0
            self._failed = True
        for frame in frames if packet.size else [*frames, None]:
            for whole in self._cut(frame) if self._edited else self._filled(frame):
                yield from self._take(whole)
        if not packet.size:
            yield from self._encode(None)

    def _take(self, frame: av.AudioFrame | None) -> Iterator[AnyPacket]:
        if self._start is None and frame is not None:
            self._start = round((frame.pts or 0) * Fraction(frame.time_base or 1) * self.stream.rate)
        for even in self._resampler.resample(frame):
            # Counted: old containers round times to milliseconds, which would be gaps of a few samples.
            even.pts, even.time_base = self._samples + (self._start or 0), Fraction(1, self.stream.rate)
            self._samples += even.samples
            yield from self._encode(even)

    def _filled(self, frame: av.AudioFrame | None) -> Iterator[av.AudioFrame | None]:
        """The frame, after silence where packets before it could not be decoded."""
        if frame is not None and frame.pts is not None:
            begins = frame.pts * Fraction(frame.time_base or 1)
            if self._failed and self._end is not None and 0 < begins - self._end <= MAX_GAP:
                yield _frame(np.zeros_like(_samples(frame), shape=(round((begins - self._end) * frame.rate), 1)), frame)
            self._end, self._failed = begins + Fraction(frame.samples, frame.rate), False
        yield frame

    def _cut(self, frame: av.AudioFrame | None) -> Iterator[av.AudioFrame | None]:
        """The frame before this one, without what lies behind this one's beginning; at the end, both."""
        held, self._held = self._held, frame
        if held is not None and frame is not None and None not in (held.pts, frame.pts):
            length = round((frame.pts - held.pts) * Fraction(frame.time_base or 1) * held.rate)  # type: ignore[operator]
            if 0 < length < held.samples:
                held = _frame(_samples(held)[:length], held)
        if held is not None:
            yield held
        if frame is None:
            yield None

    def _encode(self, frame: av.AudioFrame | None) -> Iterator[AnyPacket]:
        for packet in self.stream.encode(frame):
            # The encoder leaves the last ones without a time.
            self._next = packet.pts if packet.pts is not None else self._next
            packet.pts = packet.dts = self._next
            self._next += packet.duration or 0
            yield packet


def _format(codec: str, width: int) -> str:
    if codec == "aac":
        return "fltp"
    deep = "s32" if width > 2 else "s16"
    return deep if codec == "flac" else deep + "p"


def _samples(frame: av.AudioFrame) -> np.ndarray:
    """[n, channels], interleaved first: PyAV 18.1 reads beyond the end of 8 planar channels."""
    (packed,) = av.AudioResampler(format=frame.format.packed.name).resample(frame)
    return packed.to_ndarray().reshape(-1, frame.layout.nb_channels)


def _frame(samples: np.ndarray, like: av.AudioFrame) -> av.AudioFrame:
    """A frame of `samples` [n, channels or 1] at the time of `like`."""
    whole = np.broadcast_to(samples, (len(samples), like.layout.nb_channels))
    packed = np.ascontiguousarray(whole).reshape(1, -1)
    made = av.AudioFrame.from_ndarray(packed, format=like.format.packed.name, layout=like.layout.name)
    made.sample_rate, made.pts, made.time_base = like.sample_rate, like.pts, like.time_base
    # The resampler wants all frames of one kind.
    (planar,) = av.AudioResampler(format=like.format.name, layout=like.layout.name).resample(made)
    return planar
