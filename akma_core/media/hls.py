"""A video to watch while it is rendered: an HLS playlist (RFC 8216) of the chunks that are there, as fragmented MP4.

Fragments are made of a segment and a piece of sound when somebody asks for them; nothing of them is stored. Pictures
and sound start at exactly 0 and there are no edit lists, so that no player has to know of any. Thus the priming of AAC
is left out, and what it would have made exact, the first 1024 samples, fades in.
"""

import heapq
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.container import OutputContainer

from akma_core.media.audio_segments import AudioSegments, segment_format
from akma_core.media.mux import AnyPacket, copies, opened_segment, packet_time

MIME_PLAYLIST = "application/vnd.apple.mpegurl"
MIME_MEDIA = "video/mp4"
OPTIONS = {
    "fflags": "+bitexact",
    # All of a chunk is one fragment, at the times of its packets; an empty moov has no edit lists.
    "movflags": "+empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer",
    "avoid_negative_ts": "disabled",
}


def playlist(
    durations: Sequence[Fraction], ready: int, *, ended: bool, uri: Callable[[int], str], init_uri: str
) -> str:
    """The media playlist of the first `ready` of chunks that last `durations` seconds; `uri(k)` is fragment k's.

    `durations` are those of all chunks of the plan, so that the target never changes. `ended`: there will be no more,
    be it the end or a failure. What was written stays as it was, as EVENT promises; players start at 0.
    """
    target = max(int(duration + Fraction(1, 2)) for duration in (Fraction(1), *durations))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",
        f'#EXT-X-MAP:URI="{init_uri}"',
    ]
    for index, duration in enumerate(durations[:ready]):
        lines += [f"#EXTINF:{float(duration):.6f},", uri(index)]
    if ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def initialisation(segment: Path, piece: Path) -> bytes:
    """ftyp and moov of both tracks: the same of any chunk whose piece has a track, as that of chunk 0 always has.

    FailureError where a file cannot be read.
    """
    file = io.BytesIO()
    with _movie(file, 0, segment, piece):
        return file.getvalue()


def fragment(index: int, start: int, segment: Path, piece: Path, fps: Fraction) -> bytes:
    """moof and mdat of chunk `index`, whose first frame is frame `start` of this video, with all times absolute.

    FailureError where a file cannot be read.
    """
    file = io.BytesIO()
    with _movie(file, index, segment, piece) as container:
        head = file.tell()
        (video,), audio = container.streams.video, container.streams.audio
        tracks = [copies([segment], fps, video, start)]
        tracks += [_not_before_0(AudioSegments([piece]).packets(stream)) for stream in audio]
        for packet in heapq.merge(*tracks, key=packet_time):
            container.mux(packet)
    with file.getbuffer() as written:
        return bytes(written[head:])


def _movie(file: BinaryIO, index: int, segment: Path, piece: Path) -> OutputContainer:
    """A container whose header is in `file`, with a track of pictures and, where `piece` has one, one of sound."""
    container = av.open(file, "w", format="mp4", options=OPTIONS | {"fragment_index": str(index + 1)})
    with opened_segment(segment) as (_, pictures):
        # Its bit rate is that of this segment only, and the header is everybody's.
        container.add_stream_from_template(pictures).codec_context.bit_rate = 0
    if form := segment_format(piece):
        form.add_to(container)
    container.start_encoding()
    return container


def _not_before_0(packets: Iterable[AnyPacket]) -> Iterator[AnyPacket]:
    return (packet for packet in packets if (packet.pts or 0) >= 0)
