"""Random songs in General MIDI: bass, chords, an arpeggio and a melody over drum patterns (drumming.py)."""

from collections.abc import Callable

import numpy as np

from .drumming import KITS, Drummer
from .measure import Measure
from .song import DRUM_CHANNEL, Change, Note, Song

BASS, CHORDS, MELODY, ARPEGGIO = range(4)  # channels
PROGRAMS = {
    BASS: (32, 33, 34, 35, 36, 37, 38, 39, 43, 58, 0),
    CHORDS: (0, 1, 4, 5, 7, 16, 18, 19, 24, 25, 26, 27, 28, 29, 30, 48, 49, 50, 51, 52, 61, 62, 80, 81, 88, 89, 90, 95),
    MELODY: (0, 4, 11, 12, 13, 21, 22, 24, 25, 26, 27, 29, 30, 40, 41, 52, 56, 57, 60, 64, 65, 66, 68, 71, 73, 75, 80,
             81, 82, 84, 104, 105),
    ARPEGGIO: (46, 10, 11, 45, 8, 0, 24, 104),
}  # fmt: skip
PLAYED = {BASS: 0.9, CHORDS: 0.85, MELODY: 0.7, ARPEGGIO: 0.5}  # share of songs with each
SCALES = ((0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 11))  # minor, major
BROKEN = (0, 2, 4, 2, 7)  # degrees of an arpeggio


def random_song(rng: np.random.Generator, seconds: float = 45.0, *, drums: bool = True) -> Song:
    """A song of at least `seconds`: tempo, metre, swing, instruments and patterns by `rng`."""
    measure = Measure.random(rng)
    harmony = _Harmony(rng, measure)
    drummer = Drummer(rng, measure) if drums else None
    bars = int(np.ceil(seconds / measure.bar))
    loudness = rng.uniform(0.5, 1, max(2, bars // 4 + 1))
    notes: list[Note] = []
    for bar in range(bars):
        notes += harmony.play(bar, float(loudness[bar // 4]))
        if drummer:
            notes += drummer.play(bar, float(loudness[bar // 4]))
    programs = {channel: int(rng.choice(choice)) for channel, choice in PROGRAMS.items()}
    programs[DRUM_CHANNEL] = int(rng.choice(KITS))
    changes = [Change(0.0, bytes([0xC0 | channel, program])) for channel, program in programs.items()]
    changes += [Change(0.0, bytes([0xB0 | channel, 7, int(rng.integers(50, 127))])) for channel in programs]
    return Song(tuple(sorted(notes, key=lambda note: note.time)), tuple(changes))


class _Harmony:
    """The pitched parts of a song: four chords, over and over."""

    def __init__(self, rng: np.random.Generator, measure: Measure) -> None:
        self._rng, self._measure = rng, measure
        self._scale = SCALES[int(rng.random() >= 0.6)]
        self._root, self._chords = int(rng.integers(36, 48)), [int(degree) for degree in rng.integers(0, 7, 4)]
        parts = {BASS: self._bass, CHORDS: self._chord, MELODY: self._melody, ARPEGGIO: self._arpeggio}
        self._parts: list[Callable[[int, float], list[Note]]] = [
            part for channel, part in parts.items() if rng.random() < PLAYED[channel]
        ]
        steps = measure.steps
        self._bass_step, self._broken_step = int(rng.choice([1, 2, 2, 4, 4, 8])), int(rng.choice([1, 2, 2, 4]))
        self._chord_step, self._lift = int(rng.choice([4, 8, steps, steps])), int(rng.choice([12, 24]))

    def play(self, bar: int, loudness: float) -> list[Note]:
        """Notes of a bar."""
        return [note for part in self._parts for note in part(bar, loudness)]

    def _key(self, bar: int, degree: int) -> int:
        octave, step = divmod(self._chords[bar % 4] + degree, 7)
        return self._root + self._scale[step] + 12 * octave

    def _note(self, bar: int, step: int, channel: int, key: int, velocity: float, steps: float, spread: float) -> Note:
        loud = int(np.clip(velocity + self._rng.normal(0, spread), 1, 127))
        at = self._measure.time(self._rng, bar, step)
        return Note(at, steps * self._measure.step, channel, min(key, 127), loud)

    def _bass(self, bar: int, loudness: float) -> list[Note]:
        rng, every = self._rng, self._bass_step
        steps = (step for step in range(0, self._measure.steps, every) if rng.random() < 0.85)
        moves = [0, 0, 0, 0, 0, 0, 0, -12, -12, 7]
        return [
            self._note(bar, step, BASS, self._key(bar, 0) + int(rng.choice(moves)), 95 * loudness, 0.9 * every, 8)
            for step in steps
        ]

    def _chord(self, bar: int, loudness: float) -> list[Note]:
        every = self._chord_step
        return [
            self._note(bar, step, CHORDS, self._key(bar, degree) + self._lift, 80 * loudness, 0.95 * every, 6)
            for step in range(0, self._measure.steps, every)
            for degree in (0, 2, 4)
        ]

    def _arpeggio(self, bar: int, loudness: float) -> list[Note]:
        every = self._broken_step
        keys = [self._key(bar, degree) + 24 for degree in BROKEN]
        return [
            self._note(bar, step, ARPEGGIO, keys[step // every % len(keys)], 75 * loudness, every, 10)
            for step in range(0, self._measure.steps, every)
        ]

    def _melody(self, bar: int, loudness: float) -> list[Note]:
        rng, step, notes = self._rng, 0, list[Note]()
        while step < self._measure.steps:
            long = int(rng.choice([1, 2, 2, 4, 4, 8]))
            if rng.random() < 0.8:
                key = self._key(bar, int(rng.integers(0, 9))) + 24
                notes.append(self._note(bar, step, MELODY, key, 90 * loudness, 0.9 * long, 8))
            step += long
        return notes
