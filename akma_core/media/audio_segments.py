"""The sound of a render, encoded once and cut into one segment a chunk, beside the pictures and before they are done.

A segment is an MP4 of the packets that begin within its chunk, at their times in the whole, and opens in any player.
The priming before time 0 is in the first segment, what stands after the end in the last. A chunk within which no
packet begins has a segment without a track.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import av
from av.audio.stream import AudioStream
from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal

from akma_core.errors import FailureError
from akma_core.files import temporary
from akma_core.media.container import discard, writing
from akma_core.media.mux import AnyPacket, AudioTrack, SoundFormat, opened, write_packets


def encode(
    track: AudioTrack,
    ends: Sequence[Fraction],
    path: Callable[[int], Path],
    is_there: Callable[[int], bool] = lambda _: False,
) -> Iterator[int]:
    """Write segment k, of chunk k, to `path(k)`, in order; yields k when it is on the disk.

    `ends`: seconds at which the chunks end (RenderPlan.chunk_ends). The same song and ends give the same bytes. After
    a kill it runs again from the start, writes only segments of which `is_there(k)` is false and ends with the last of
    them. Each is in place whole or not at all. Closing the generator stops the work. RequestError where the song
    cannot be read, FailureError where it is not encoded or not written.
    """
    missing = {index for index in range(len(ends)) if not is_there(index)}
    if not missing:
        return
    for index, packets in enumerate(_cut(track.encoded(track.format.encoder()), ends)):
        if index in missing:
            _write(path(index), track.format, packets)
            yield index
        if index == max(missing):
            return


def _cut(packets: Iterable[AnyPacket], ends: Sequence[Fraction]) -> Iterator[list[AnyPacket]]:
    """As many lists as there are `ends` in seconds, each as soon as a packet comes that begins after its end."""
    segment: list[AnyPacket] = []
    index = 0
    for packet in packets:
        while packet.size and index < len(ends) - 1 and _start(packet) >= ends[index]:
            yield segment
            segment, index = [], index + 1
        segment.append(packet)
    yield segment
    yield from ([] for _ in ends[index + 1 :])


def _start(packet: AnyPacket) -> Fraction:
    return (packet.pts or 0) * packet.time_base


def _write(path: Path, form: SoundFormat, packets: Sequence[AnyPacket]) -> None:
    part = temporary(path)
    # The movie's clock counts samples, so that the time before the first packet is exact.
    options = {"fflags": "+bitexact", "movie_timescale": str(form.rate)}
    container = av.open(str(part), "w", format="mp4", options=options)
    try:
        stream = form.add_to(container)
        for packet in packets:
            packet.stream = stream
        write_packets(container, packets, part)
        with writing(path):
            part.replace(path)
    finally:
        discard(container, part)


@dataclass(frozen=True)
class AudioSegments:
    """Segments in their order, as the sound that they were cut of: mux.finish makes the same file of both.

    FailureError where one cannot be read (segment_broken) or does not go on where the one before it ends
    (segments_differ).
    """

    paths: Sequence[Path]

    @cached_property
    def format(self) -> SoundFormat:
        """Format of the first segment that has a track."""
        for path in self.paths:
            if form := segment_format(path):
                return form
        raise FailureError(f"no sound in {self.paths[0]}: remove it and render again", code="segment_broken")

    def packets(self, stream: AudioStream) -> Iterator[AnyPacket]:
        """Their packets for `stream`, at the times that they have in the whole."""
        headers, end = stream.codec_context.extradata, None
        for path in self.paths:
            with opened(path) as source:
                tracks = source.streams.audio
                goes_on = all(_format(track) == self.format for track in tracks)
                for packet in source.demux(tracks) if tracks else ():
                    if packet.size:
                        if not goes_on or end not in (None, packet.pts):
                            message = f"{path} does not go on where the piece before it ends: remove both"
                            raise FailureError(f"{message} and render again", code="segments_differ")
                        end = (packet.pts or 0) + (packet.duration or 0)
                        packet.stream = stream
                        yield packet
                headers = tracks[0].codec_context.extradata if tracks else headers
        if headers and headers != stream.codec_context.extradata:
            yield _new_headers(stream, headers, end)


def segment_format(path: Path) -> SoundFormat | None:
    """Format of a segment's sound, None where it has no track; FailureError where it cannot be read."""
    with opened(path) as source:
        return next((_format(track) for track in source.streams.audio), None)


def _format(track: AudioStream) -> SoundFormat:
    context = track.codec_context
    sample = context.format.name.removesuffix("p")
    return SoundFormat(context.name, context.sample_rate, context.layout.nb_channels, sample)


def _new_headers(stream: AudioStream, headers: bytes, time: int | None) -> AnyPacket:
    """The packet that FLAC's encoder ends with: no sound, but headers that count and check all samples."""
    data = cast(Any, PacketSideData)(packet_sidedata_type_from_literal("new_extradata"), len(headers))
    data.update(headers)
    packet: AnyPacket = Packet()
    packet.set_sidedata(data)
    packet.stream, packet.time_base = stream, Fraction(1, stream.codec_context.sample_rate)
    packet.pts = packet.dts = time
    packet.duration = 0
    packet.is_keyframe = True
    return packet
