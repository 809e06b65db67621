"""One clock for a file whose own restarts or jumps, as that of camera clips put behind one another does."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from akma_core.media.mux import AnyPacket

CONTAINERS = {"mpegts", "mpegtsraw", "mpeg"}  # that people join by putting files behind one another
BACK = Fraction(1, 10)  # seconds: what lies so much before the last packet of its track restarted
AHEAD = 10  # seconds: what lies so much behind everything before it jumped, as FFmpeg's own tool takes it
ALIKE = 2  # seconds that the tracks of one restart may differ by


@dataclass
class _Track:
    epoch: int = 0
    shift: Fraction = Fraction(0)
    end: Fraction | None = None
    """Time at which the next packet should begin, in the file's own seconds."""


class Clock:
    """Moves the packets of a file's tracks, in the order in which they lie there; see `moved`."""

    def __init__(self) -> None:
        self.breaks: list[Fraction] = []
        """Seconds, by the one clock, at which the file's restarts or jumps."""
        self._shifts = [Fraction(0)]
        self._tracks: dict[int, _Track] = {}
        self._latest: Fraction | None = None

    def move(self, packet: AnyPacket) -> None:
        """Set a packet's times to the one clock; tracks that are interleaved stay together."""
        told = packet.dts if packet.dts is not None else packet.pts
        if told is None:
            return
        unit = Fraction(packet.time_base)
        track = self._tracks.setdefault(packet.stream.index, _Track())
        now = told * unit
        if track.end is not None:
            self._follow(track, now, packet.stream.type == "subtitle")
        elif self._latest is not None and len(self._shifts) > 1:
            self._begin(track, now)
        track.end = now + (packet.duration or 0) * unit
        self._latest = max(self._latest or track.end + track.shift, track.end + track.shift)
        if track.shift:
            ticks = round(track.shift / unit)
            packet.dts = None if packet.dts is None else packet.dts + ticks
            packet.pts = None if packet.pts is None else packet.pts + ticks

    def _follow(self, track: _Track, now: Fraction, sparse: bool) -> None:
        """Give a track another shift where its clock broke: that of the tracks that broke before it, or its own."""
        assert track.end is not None
        assert self._latest is not None
        back, ahead = now < track.end - BACK, now + track.shift > self._latest + AHEAD
        if not (back or ahead):
            return
        moved = self._next(track, now)
        if moved is not None:
            track.epoch, track.shift = moved
        elif not sparse:
            track.shift += (track.end if back else self._latest - track.shift) - now
            self.breaks.append(now + track.shift)
            self._shifts.append(track.shift)
            track.epoch = len(self._shifts) - 1

    def _next(self, track: _Track, now: Fraction) -> tuple[int, Fraction] | None:
        """The first shift of others, later than this track's, that brings it to where the file is."""
        assert self._latest is not None
        for epoch in range(track.epoch + 1, len(self._shifts)):
            if abs(now + self._shifts[epoch] - self._latest) < ALIKE:
                return epoch, self._shifts[epoch]
        return None

    def _begin(self, track: _Track, now: Fraction) -> None:
        """A track that begins after a break belongs to it where that brings it to where the file is."""
        found = self._next(track, now)
        if found is not None:
            track.epoch, track.shift = found


def moved(packets: Iterator[AnyPacket], clock: Clock | None) -> Iterator[AnyPacket]:
    """The packets by the one clock, where there is one; empty ones as they are."""
    for packet in packets:
        if clock is not None and packet.size:
            clock.move(packet)
        yield packet
