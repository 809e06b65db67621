"""Times of a file's pictures: by its packets where a packet is a picture, else by what the decoder gives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from akma_core.media import clock as clocks
from akma_core.media.clock import Clock
from akma_core.media.mux import AnyPacket

# In AVI, whose packets have no times of pictures, only these have no order of decoding that is another.
SIMPLE = {
    "mjpeg",
    "rawvideo",
    "dvvideo",
    "huffyuv",
    "ffvhuff",
    "utvideo",
    "png",
    "cinepak",
    "ffv1",
    "msvideo1",
    "magicyuv",
}
TS_PACKETS = (188, 192, 204)  # bytes
EXACT = Fraction(3, 100)  # the same of Matroska, which knows its length to the millisecond
CUT = Fraction(6, 100)  # seconds that may be missing from what a container tells of
FIELDS = 0.4  # share of packets without a picture beyond which they are fields
STEADY = 0.8  # share of pictures that follow at one distance, in a file in which a longer one is a hole
NOT_CODED = 10  # bytes: a packet of MPEG-4 as small is no picture, or one that repeats
REFUSED = (av.InvalidDataError, av.PatchWelcomeError, av.ExternalError, av.ArgumentError, EOFError)


@dataclass(frozen=True, eq=False)
class PictureTimes:
    """Times of a file's pictures."""

    times: NDArray[np.int64]
    """Times at which pictures show, rising, in units of `unit`; int64 [frames]."""
    keys: NDArray[np.int64]
    """Times from which decoding can start; empty where it can only start at the beginning."""
    last: int
    """Time that the last picture shows."""
    unit: Fraction
    """Seconds."""
    doubtful: bool = False
    """Packets are no pictures, or do not know when they show: what the decoder gives has to be asked for."""
    counted: bool = False
    """Times belong to the pictures in the order in which the decoder gives them."""
    breaks: bool = False
    """The file's clock restarts or jumps."""
    edited: frozenset[int] = frozenset()
    """Tracks from whose middle an edit cuts packets."""
    notes: tuple[str, ...] = ()


def decode(
    packets: Iterable[AnyPacket], stream: VideoStream, bad: list[AnyPacket] | None = None
) -> Iterator[VideoFrame]:
    """Every frame of `stream` that can be decoded; packets that cannot are passed over, and put into `bad`.

    An empty packet repeats the picture before it, and there is nothing to decode.
    """
    try:
        for packet in packets:
            if packet.stream.index != stream.index or (not packet.size and packet.pts is not None):
                continue
            try:
                yield from packet.decode()
            except REFUSED:
                if bad is not None:
                    bad.append(packet)
    except av.InvalidDataError:  # the container breaks off
        return


def interleaved(container: InputContainer, stream: VideoStream, *, all_of_them: bool) -> Iterator[AnyPacket]:
    """The packets of `stream`, with those of sound and subtitles between them where they are wanted."""
    others = [track for track in container.streams if track.type in ("audio", "subtitle")] if all_of_them else []
    known: Sequence[Stream] = [track for track in others if track.codec_context is not None]
    return container.demux([stream, *known])


def joins(container: InputContainer) -> bool:
    """True if it is of a kind that people join by putting files behind one another."""
    return container.format.name in clocks.CONTAINERS


def by_packets(container: InputContainer, stream: VideoStream) -> PictureTimes:
    """Times without decoding anything; where `doubtful`, ask `by_pictures`."""
    codec, unit = stream.codec_context.name, Fraction(stream.time_base or 1)
    clock = Clock() if joins(container) else None
    whole = not {"mov", "matroska", "avi"}.isdisjoint(container.format.name.split(","))  # know how long they last
    shown, keys, lengths, edited = list[int | None](), list[int](), dict[int, int](), set[int]()
    heard, ends, broken, seen = set[int](), dict[int, Fraction](), False, 0
    avi = container.format.name == "avi"
    doubtful = avi and codec not in SIMPLE
    try:
        for packet in clocks.moved(interleaved(container, stream, all_of_them=whole or clock is not None), clock):
            index = packet.stream.index
            seen += index == stream.index and (packet.size > 0 or packet.pts is not None)
            if packet.pts is not None and not packet.is_discard:
                end = (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base)
                ends[index] = max(ends.get(index, end), end)
            if index != stream.index:
                if packet.size and not packet.is_discard:
                    heard.add(index)
                elif packet.size and index in heard and packet.stream.type == "audio":
                    edited.add(index)
                continue
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            if not packet.size or packet.is_discard or _is_hidden(codec, packet):
                continue
            doubtful = doubtful or (codec == "mpeg4" and packet.size <= NOT_CODED)
            shown.append(packet.pts)
            if packet.pts is not None:
                lengths[packet.pts] = packet.duration or 0
    except av.InvalidDataError:  # the container breaks off: what is before that is good
        broken = True
    known = [time for time in shown if time is not None]
    times = np.unique(np.array(known, np.int64))
    breaks = bool(clock and clock.breaks)
    usual = int(np.median(np.diff(times))) if len(times) > 1 else 1
    last = lengths.get(int(times[-1]), 0) if len(times) else 0
    if len(times):
        ends[stream.index] = max(ends.get(stream.index, Fraction(0)), (int(times[-1]) + max(last, usual)) * unit)
    return PictureTimes(
        times=times,
        keys=np.unique(np.array(keys, np.int64)),
        last=max(1, last or usual),
        unit=unit,
        doubtful=doubtful or breaks or len(times) < len(shown),
        breaks=breaks,
        edited=frozenset(edited),
        notes=(*_on_a_cut(container, ends, seen if avi else None, broken=broken), *_on_holes(times, unit)),
    )


def by_pictures(container: InputContainer, stream: VideoStream, rate: Fraction, before: PictureTimes) -> PictureTimes:
    """Times of the pictures that the decoder gives; those that the file does not know are made from the `rate`.

    `before`: what the packets told.
    """
    unit = Fraction(stream.time_base or 1)
    clock = Clock() if joins(container) else None
    bad, decoded, found = list[AnyPacket](), list[int | None](), list[tuple[int | None, int | None]]()
    packets = clocks.moved(interleaved(container, stream, all_of_them=clock is not None), clock)
    for frame in decode(_noting(packets, stream, decoded), stream, bad):
        found.append((frame.pts, frame.dts))
    avi = container.format.name == "avi"
    shown = [None if avi else pts for pts, _ in found]
    usual = max(1, round(1 / rate / unit))
    if all(time is None for time in shown):
        order = [time for time in decoded if time is not None]
        if len(order) != len(decoded) or len(set(order)) < len(order):
            unit, usual, shown = 1 / rate, 1, list(range(len(found)))
        elif len(order) == len(found):
            shown = [*sorted(order)]
        else:  # some gave no picture: each stands where the packet that brought it out does
            first = found[0][1] if found else None
            shown = [dts if dts is None or first is None else dts - first + min(order) for _, dts in found]
    times = np.array(rising(shown, usual), np.int64)
    return PictureTimes(
        times=times,
        keys=times[:0],
        last=int(np.median(np.diff(times))) if len(times) > 1 else usual,
        unit=unit,
        counted=True,
        breaks=bool(clock and clock.breaks),
        edited=before.edited,
        notes=(
            *(note for note in before.notes if note.startswith("cut")),
            *_on_breaks(clock),
            *_on_damage(bad),
            *_on_silent(decoded, found),
        ),
    )


def rising(times: Sequence[int | None], step: int) -> list[int]:
    """The same times, each later than the one before; those that are not known a `step` behind."""
    made = list[int]()
    known = next((k for k, time in enumerate(times) if time is not None), None)
    before = (times[known] or 0) - step * (known + 1) if known is not None else -step
    for time in times:
        before = time if time is not None and time > before else before + step
        made.append(before)
    return made


def _noting(packets: Iterable[AnyPacket], stream: VideoStream, decoded: list[int | None]) -> Iterator[AnyPacket]:
    for packet in packets:
        if packet.stream.index == stream.index and packet.size and not packet.is_discard:
            decoded.append(packet.dts)
        yield packet


def _is_hidden(codec: str, packet: AnyPacket) -> bool:
    """True if a packet of VP8 or VP9 only helps to decode others."""
    if codec not in ("vp8", "vp9"):
        return False
    data = bytes(packet)
    if codec == "vp8":
        return not data[0] & 0x10
    if data[-1] & 0xE0 == 0xC0:  # a superframe: one of its frames shows
        return False
    bits = data[0] << 1 if data[0] & 0x30 == 0x30 else data[0]  # profile 3 has a bit more
    return not bits & 0x08 and not bits & 0x02


def _on_a_cut(container: InputContainer, ends: dict[int, Fraction], seen: int | None, *, broken: bool) -> Iterator[str]:
    """Describe what the container tells of and has not.

    `ends`: seconds at which the tracks end; `seen`: pictures in an AVI, whose head counts them.
    """
    ended = max(ends.values(), default=Fraction(0))
    told = Fraction(container.duration or 0, av.time_base) + Fraction(max(container.start_time or 0, 0), av.time_base)
    missing = told - ended if container.format.name.split(",")[0] in ("mov", "matroska", "avi") else Fraction(0)
    if "mov" in container.format.name:  # tells of each track
        for track in container.streams:
            if track.index in ends and track.duration is not None:
                whole = (max(track.start_time or 0, 0) + track.duration) * Fraction(track.time_base or 0)
                missing = max(missing, whole - ends[track.index])
    if missing > (EXACT if "matroska" in container.format.name else CUT):
        yield f"cut or damaged: about {float(missing):.2f} seconds are missing, {float(ended):.2f} are there"
    # Some writers count one picture too many.
    elif seen is not None and container.streams.video[0].frames - 1 > seen:
        yield f"cut or damaged: {container.streams.video[0].frames - seen} pictures that the file tells of are missing"
    elif broken or _breaks_off(container):
        yield f"cut or damaged: the file breaks off at second {float(ended):.2f}"


def _breaks_off(container: InputContainer) -> bool:
    """True if a transport stream ends within one of its packets."""
    return container.format.name == "mpegts" and all(container.size % size for size in TS_PACKETS)


def _on_holes(times: NDArray[np.int64], unit: Fraction) -> Iterator[str]:
    """Describe where a steady file has no picture for some time."""
    steps = np.diff(times)
    if len(steps) < 4:
        return
    usual = float(np.median(steps))
    near = np.abs(steps - usual) <= max(1.0, usual / 50)
    holes = np.flatnonzero(steps > 1.5 * usual)
    if len(holes) and near.mean() >= STEADY:
        missing = int(np.rint(steps[holes] / usual - 1).sum())
        places = ", ".join(f"{float(int(times[k]) * unit):.2f}" for k in holes[:5])
        yield f"about {missing} picture(s) are missing near second {places}: the one before stays longer"


def _on_breaks(clock: Clock | None) -> Iterator[str]:
    if clock and clock.breaks:
        places = ", ".join(f"{float(second):.2f}" for second in clock.breaks[:5])
        yield f"the file's clock restarts or jumps near second {places}: what follows was put right behind"


def _on_silent(packets: Sequence[object], pictures: Sequence[object]) -> Iterator[str]:
    """Describe packets without a picture, but where a picture has two of them, its fields."""
    missing = len(packets) - len(pictures)
    if 0 < missing < len(packets) * FIELDS:
        yield f"{missing} packet(s) gave no picture: they are damaged, or only help to decode others"


def _on_damage(bad: Sequence[AnyPacket]) -> Iterator[str]:
    if bad:
        times = [packet.dts if packet.dts is not None else packet.pts for packet in bad]
        known = [f"{float(time * bad[0].time_base):.2f}" for time in times if time is not None]
        near = f", near second {', '.join(known[:5])}" if known else ""
        yield f"{len(bad)} damaged packet(s) could not be decoded{near}: the picture before stays longer"
