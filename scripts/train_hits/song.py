"""Songs as notes, and which of their strokes are which drum."""

from dataclasses import dataclass, replace

DRUM_CHANNEL = 9
DRUMS = {
    "kick": (35, 36),
    "snare": (37, 38, 39, 40),
    "hat": (42, 44, 46),
    "tom": (41, 43, 45, 47, 48, 50),
    "cymbal": (49, 51, 52, 53, 55, 57, 59),
}
"""Keys of General MIDI's drum kit by the network's class."""
CRASHES = (49, 52, 55, 57)


@dataclass(frozen=True)
class Note:
    """A note of a channel."""

    time: float
    """Seconds, as `length`."""
    length: float
    channel: int
    key: int
    """0 to 127; on DRUM_CHANNEL it names the drum."""
    velocity: int
    """1 to 127."""

    @property
    def drum(self) -> str | None:
        """Class of a stroke; None for a pitched note and for small percussion."""
        named = (name for name, keys in DRUMS.items() if self.key in keys)
        return next(named, None) if self.channel == DRUM_CHANNEL else None

    @property
    def is_hit(self) -> bool:
        """Tell whether a listener moves to it: a kick, snare, tom or crash."""
        return self.drum in ("kick", "snare", "tom") or (self.channel == DRUM_CHANNEL and self.key in CRASHES)


@dataclass(frozen=True)
class Change:
    """A MIDI message of a channel that is no note: a program, a volume, a bend."""

    time: float
    message: bytes


@dataclass(frozen=True)
class Song:
    """Notes in time order, and what else is said to their channels."""

    notes: tuple[Note, ...]
    changes: tuple[Change, ...] = ()

    def cut(self, start: float, seconds: float) -> "Song":
        """The notes that begin within `seconds` from `start`, counted from there; changes before it come at 0."""
        notes = [note for note in self.notes if start <= note.time < start + seconds]
        changes = (each for each in self.changes if each.time < start + seconds)
        return Song(
            tuple(replace(note, time=note.time - start) for note in notes),
            tuple(replace(change, time=max(0.0, change.time - start)) for change in changes),
        )

    def without_drums(self) -> "Song":
        """The pitched notes."""
        return Song(tuple(note for note in self.notes if note.channel != DRUM_CHANNEL), self.changes)
