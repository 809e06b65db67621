"""Random music without drums in General MIDI: ensembles of sustained and struck instruments, from solo to orchestra."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .measure import Measure
from .patterns import SCALES
from .song import DRUM_CHANNEL, Change, Note, Song

FAMILIES: dict[str, tuple[tuple[int, ...], tuple[int, int]]] = {
    "strings": ((40, 41, 42, 43, 44, 48, 48, 48, 49, 49, 50, 51), (36, 88)),
    "plucked": ((45, 46, 24, 25, 6, 104, 107), (40, 84)),
    "brass": ((56, 57, 58, 60, 60, 61, 61, 62, 63), (36, 77)),
    "winds": ((64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75), (48, 90)),
    "organ": ((16, 17, 18, 19, 19, 20, 21, 22, 23), (36, 84)),
    "choir": ((52, 52, 53, 54, 85, 91), (43, 79)),
    "pad": ((88, 89, 90, 92, 93, 94, 95, 50, 51), (36, 84)),
    "piano": ((0, 1, 2, 3, 4, 5, 7), (33, 93)),
    "mallets": ((8, 9, 10, 11, 12, 13, 14), (53, 96)),
    "timpani": ((47,), (36, 53)),
}
"""Programs of a family, and the lowest and highest key that its parts play."""
ENSEMBLES: tuple[tuple[str, ...], ...] = (
    ("strings",),
    ("strings", "timpani", "plucked"),
    ("strings", "brass", "winds", "timpani", "plucked"),
    ("strings", "winds"),
    ("brass", "timpani"),
    ("winds",),
    ("organ",),
    ("choir",),
    ("choir", "strings", "organ"),
    ("pad", "mallets", "plucked"),
    ("piano",),
    ("piano", "strings"),
    ("plucked",),
    tuple(FAMILIES),
)
STYLES = ("held", "chords", "ostinato", "arpeggio", "melody", "bass")
LENGTHS = (1, 2, 2, 3, 4, 4, 6, 8)  # sixteenths of a melody's notes
MOST_PARTS, PHRASES = 6, (2, 4, 4, 8)  # bars of a phrase, after which a part may change its pattern or rest
RESTS, NEW_PATTERN = 0.2, 0.4  # chances of a phrase
SHORTEST = 0.02  # s between two strokes of a key
SWELL_STEPS = 4  # controller messages of a bar
VOLUME, EXPRESSION, REVERB, CHORUS, VIBRATO = 7, 11, 91, 93, 1  # controllers


def random_ensemble(rng: np.random.Generator, seconds: float = 45.0, families: Sequence[str] = ()) -> Song:
    """A song of at least `seconds` for one to MOST_PARTS instruments of `families`, all by `rng`."""
    measure = Measure.random(rng)
    families = families or ENSEMBLES[int(rng.integers(len(ENSEMBLES)))]
    harmony = _Harmony.random(rng)
    bars = int(np.ceil(seconds / measure.bar))
    phrase = int(rng.choice(PHRASES))
    loudness = rng.uniform(0.35, 1, bars // phrase + 2)
    notes: list[Note] = []
    changes: list[Change] = []
    channels = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    room = int(rng.integers(0, 128))
    for channel in channels[: int(rng.integers(1, MOST_PARTS + 1))]:
        part = _Part(rng, measure, harmony, str(rng.choice(families)), channel)
        changes += part.set_up(room)
        swells = rng.random() < 0.25
        for bar in range(bars):
            if bar % phrase == 0:
                part.turn()
            at = bar / phrase
            notes += part.play(bar, float(np.interp(at, np.arange(len(loudness)), loudness)))
            if swells:
                changes += part.swell(bar)
    notes.sort(key=lambda note: note.time)
    return Song(tuple(_let_go(notes)), tuple(sorted(changes, key=lambda change: change.time)))


def _let_go(notes: list[Note]) -> list[Note]:
    """The notes, each ended before its key is struck again; of two that strike one key at once the first."""
    kept: list[Note] = []
    last: dict[tuple[int, int], int] = {}
    for note in notes:
        key = note.channel, note.key
        if (index := last.get(key)) is not None:
            before = kept[index]
            if note.time - before.time < SHORTEST:
                continue
            kept[index] = replace(before, length=min(before.length, note.time - before.time - SHORTEST / 2))
        last[key] = len(kept)
        kept.append(note)
    return kept


@dataclass(frozen=True)
class _Harmony:
    """Chords of a song, over and over."""

    root: int
    scale: tuple[int, ...]
    degrees: tuple[int, ...]
    every: int
    """Bars of a chord."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> "_Harmony":
        """Two to eight chords of a scale."""
        degrees = tuple(int(each) for each in rng.integers(0, 7, int(rng.integers(2, 9))))
        return cls(int(rng.integers(0, 12)), SCALES[int(rng.integers(2))], degrees, int(rng.choice([1, 1, 1, 2])))

    def key(self, bar: int, degree: int, low: int, high: int) -> int:
        """Key of a chord's degree (0, 2, 4: the triad) as near above `low` as its octave allows, at most `high`."""
        octave, step = divmod(self.degrees[bar // self.every % len(self.degrees)] + degree, 7)
        key = self.root + self.scale[step] + 12 * octave
        key += 12 * -((key - low) // 12)
        key += 12 * (degree // 7)
        return key if key <= high else key - 12 * -((high - key) // 12)


class _Part:
    """Part of one instrument."""

    def __init__(
        self, rng: np.random.Generator, measure: Measure, harmony: _Harmony, family: str, channel: int
    ) -> None:
        self._rng, self._measure, self._harmony, self._channel = rng, measure, harmony, channel
        programs, (low, high) = FAMILIES[family]
        self._program = int(rng.choice(programs))
        self._low = int(rng.integers(low, max(low + 1, high - 20)))
        self._high = min(high, self._low + 24)
        self._style = "bass" if family == "timpani" else str(rng.choice(STYLES))
        self._length = float(rng.choice([0.4, 0.7, 0.95, 1.0, 1.15]))  # of a note over the time until the next
        self._voices, self._doubled = int(rng.integers(2, 5)), rng.random() < 0.25
        self._velocity, self._accent = float(rng.uniform(55, 115)), float(rng.uniform(0, 25))
        self._pattern: list[tuple[int, int]] = []
        self._rests = False

    def set_up(self, room: int) -> list[Change]:
        """Its program and controllers; `room` is how much the whole ensemble sounds on."""
        rng = self._rng
        values = {VOLUME: rng.integers(60, 128), REVERB: np.clip(room + rng.integers(-20, 21), 0, 127)}
        values |= {CHORUS: rng.integers(0, 100), VIBRATO: rng.choice([0, 0, 0, 40, 90])}
        changes = [Change(0.0, bytes([0xC0 | self._channel, self._program]))]
        return changes + [Change(0.0, bytes([0xB0 | self._channel, key, int(value)])) for key, value in values.items()]

    def turn(self) -> None:
        """Begin a phrase, with another pattern, with the old one, or with a rest."""
        rng, steps = self._rng, self._measure.steps
        self._rests = rng.random() < RESTS
        if self._pattern and rng.random() >= NEW_PATTERN:
            return
        if self._style == "held":
            starts = [0] if rng.random() < 0.7 else [0, steps // 2]
        elif self._style == "arpeggio":
            starts = list(range(0, steps, int(rng.choice([1, 2, 2, 4]))))
        elif self._style == "melody":
            starts, at = [], 0
            while at < steps:
                if rng.random() < 0.85:
                    starts.append(at)
                at += int(rng.choice(LENGTHS))
        else:
            # Strong places are struck more often than weak ones.
            weights = np.array([1.0 if k % 4 == 0 else 0.55 if k % 2 == 0 else 0.25 for k in range(steps)])
            starts = np.flatnonzero(rng.random(steps) < weights * rng.uniform(0.3, 1.3)).tolist()
        degrees = [int(each) for each in rng.choice([0, 2, 4, 7, 9, 11], steps)]
        if self._style == "melody":
            degrees = [int(each) for each in np.abs(np.cumsum(rng.integers(-2, 3, steps))) % 12]
        if self._style in ("ostinato", "bass"):
            degrees = [int(rng.choice([0, 0, 2, 4])) if rng.random() < 0.3 else 0 for _ in range(steps)]
        self._pattern = [(start, degrees[start]) for start in starts]

    def play(self, bar: int, loudness: float) -> list[Note]:
        """Notes of a bar."""
        if self._rests or not self._pattern:
            return []
        notes: list[Note] = []
        ends = [*(start for start, _ in self._pattern[1:]), self._measure.steps]
        for (start, degree), end in zip(self._pattern, ends, strict=True):
            at = self._measure.time(self._rng, bar, start)
            length = max(0.04, (end - start) * self._measure.step * self._length)
            strength = self._velocity + (self._accent if start % 4 == 0 else 0)
            chord = self._style in ("held", "chords")
            for voice in range(self._voices if chord else 1):
                key = self._harmony.key(bar, (0, 2, 4, 7, 9)[voice] if chord else degree, self._low, self._high)
                loud = int(np.clip(strength * loudness + self._rng.normal(0, 5), 1, 127))
                notes.append(Note(at, length, self._channel, key, loud))
                if self._doubled and key + 12 < 108:
                    notes.append(Note(at, length, self._channel, key + 12, loud))
        return notes

    def swell(self, bar: int) -> list[Change]:
        """Controllers of a bar in which it grows louder and quieter."""
        step = self._measure.bar / SWELL_STEPS
        values = (90 + 37 * np.sin(np.pi * (np.arange(SWELL_STEPS) + bar * SWELL_STEPS) / (2 * SWELL_STEPS))).astype(
            int
        )
        return [
            Change(bar * self._measure.bar + k * step, bytes([0xB0 | self._channel, EXPRESSION, int(value)]))
            for k, value in enumerate(values)
        ]
