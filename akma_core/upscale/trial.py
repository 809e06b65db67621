"""Trial of what a container takes: with real packets, a header and a trailer, before any work."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Stream

from akma_core.media.mux import CONTAINERS, AnyPacket
from akma_core.media.video_reader import VideoFile

EACH = 4  # packets of a track that are tried
LOOKED_AT = 2000  # packets in which they are looked for: subtitles may come late
SMALL = {"preset": "ultrafast", "threads": "1"}  # an encoder that takes little memory
SIDE = 64  # pixels of the picture that stands for the film


@dataclass(frozen=True)
class Sample:
    """A packet of a track."""

    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    unit: Fraction

    def packet(self, stream: Stream) -> AnyPacket:
        """The same for another stream."""
        packet: AnyPacket = av.Packet(self.data)
        packet.stream, packet.time_base = stream, self.unit
        packet.pts, packet.dts, packet.duration = self.pts, self.dts, self.duration
        packet.is_keyframe = True
        return packet


Samples = dict[int, list[Sample]]


def samples_of(source: InputContainer, tracks: Sequence[Stream]) -> Samples:
    """The first packets of each track, by its index."""
    found: Samples = {track.index: [] for track in tracks}
    if not tracks:
        return found
    try:
        for seen, packet in enumerate(source.demux(list(tracks))):
            known = found[packet.stream.index]
            if packet.size and not packet.is_discard and len(known) < EACH:
                times = packet.pts, packet.dts, packet.duration or 0
                known.append(Sample(bytes(packet), *times, Fraction(packet.time_base)))
            if seen > LOOKED_AT or all(len(each) == EACH for each in found.values()):
                break
    except av.InvalidDataError:  # the container breaks off
        pass
    return found


def holds(suffix: str, clip: VideoFile, tracks: Sequence[Stream], samples: Samples, options: dict[str, str]) -> bool:
    """True if a container takes the tracks as they are, beside pictures."""
    # A file that is not there cannot be read again, as an index in front would need.
    options = {key: value.replace("+faststart", "") for key, value in options.items() if value != "+faststart"}
    try:
        with av.open(io.BytesIO(), "w", format=CONTAINERS[suffix], options=options) as container:
            video = container.add_stream("libx264", rate=clip.fps, options=SMALL)
            video.width, video.height, video.pix_fmt = SIDE, SIDE, "yuv420p"
            into = {track.index: container.add_stream_from_template(track) for track in tracks}
            container.mux(video.encode(av.VideoFrame(SIDE, SIDE, "yuv420p")))
            for index, stream in into.items():
                for sample in samples[index]:
                    if sample.pts is not None or sample.dts is not None:
                        container.mux(sample.packet(stream))
            container.mux(video.encode(None))
    except (av.FFmpegError, ValueError):
        return False
    return True
