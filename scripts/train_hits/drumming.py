"""Random drum patterns: styles, fills, crashes and small percussion."""

import numpy as np
from numpy.typing import NDArray

from .measure import Measure
from .song import DRUM_CHANNEL, Note

Floats = NDArray[np.float64]
KITS = (0, 8, 16, 24, 25, 32, 40, 48)  # programs
KICKS, SNARES, HATS = (35, 36), (38, 40, 38, 37, 39), (42, 42, 44, 46, 51, 53, 70)
FILLS, CRASHES = (41, 43, 45, 47, 48, 50, 38), (49, 57, 55, 52)
SMALL = (54, 56, 60, 61, 62, 63, 64, 69, 70, 75, 76, 82)
PHRASE = 8  # bars until the pattern changes; a fill ends it, a crash begins it
FILL_STEPS = 8
HIT_SECONDS = 0.1

CYCLE = 16  # sixteenths of a style; bars take as many of them as they have, and begin again

# Sixteenths of kick and of snare with their strengths; of the hat the first, the distance and the strength.
STYLES: dict[str, tuple[dict[int, float], dict[int, float], tuple[int, int, float]]] = {
    "rock": ({0: 1, 8: 0.9}, {4: 1, 12: 1}, (0, 2, 0.7)),
    "four": ({0: 1, 4: 1, 8: 1, 12: 1}, {4: 0.9, 12: 0.9}, (2, 4, 0.8)),
    "half": ({0: 1}, {8: 1}, (0, 2, 0.6)),
    "break": ({0: 1, 10: 0.9}, {4: 1, 12: 1}, (0, 2, 0.7)),
    "latin": ({0: 0.8, 3: 0.5, 4: 0.8, 7: 0.5, 8: 0.8, 11: 0.5, 12: 0.8, 15: 0.5}, {0: 0.6, 3: 0.6, 6: 0.6, 10: 0.6},
              (0, 1, 0.5)),
    "metal": (dict.fromkeys(range(0, 16, 2), 0.9), {4: 1, 12: 1}, (0, 4, 0.8)),
    "blast": (dict.fromkeys(range(16), 0.9), {4: 1, 12: 1}, (0, 4, 0.8)),
    "sparse": ({0: 0.9}, {10: 0.8}, (0, 16, 0.0)),
    "shuffle": ({0: 1, 8: 0.8}, {4: 0.9, 12: 0.9}, (0, 4, 0.7)),
}  # fmt: skip
SPARED = {"kick": 0.08, "snare": 0.03, "hat": 0.05}  # chance of a further stroke at each sixteenth


class Drummer:
    """Drums of a song: two patterns by turns, either of which may be silence."""

    def __init__(self, rng: np.random.Generator, measure: Measure) -> None:
        self._rng, self._measure = rng, measure
        self._keys = {name: int(rng.choice(keys)) for name, keys in zip(SPARED, (KICKS, SNARES, HATS), strict=True)}
        self._small = int(rng.choice(SMALL))
        self._patterns = [self._pattern(), self._pattern()]
        self._silent = (rng.random(2) < 0.15).tolist()

    def play(self, bar: int, loudness: float) -> list[Note]:
        """Strokes of a bar."""
        rng, phrase = self._rng, bar // PHRASE % 2
        if self._silent[phrase]:
            return []
        fill = bar % PHRASE == PHRASE - 1 and rng.random() < 0.6
        notes: list[Note] = []
        for step in range(self._measure.steps):
            if fill and step >= self._measure.steps - FILL_STEPS:
                if rng.random() < 0.8:
                    notes.append(self._stroke(bar, step, int(rng.choice(FILLS)), 95 * loudness))
                continue
            for key, strengths in self._patterns[phrase].items():
                if strengths[step]:
                    notes.append(self._stroke(bar, step, key, 110 * loudness * strengths[step]))
        if bar % PHRASE == 0 and rng.random() < 0.6:
            notes.append(self._stroke(bar, 0, int(rng.choice(CRASHES)), 110 * loudness))
        return notes

    def _stroke(self, bar: int, step: int, key: int, velocity: float) -> Note:
        loud = int(np.clip(velocity + self._rng.normal(0, 8), 1, 127))
        return Note(self._measure.time(self._rng, bar, step), HIT_SECONDS, DRUM_CHANNEL, key, loud)

    def _pattern(self) -> dict[int, Floats]:
        """Strength of each key at the sixteenths of a bar, 0 where it is still."""
        rng, steps = self._rng, self._measure.steps
        kick, snare, (first, every, loud) = STYLES[str(rng.choice(list(STYLES)))]
        hat = dict.fromkeys(range(first, CYCLE, every), loud)
        pattern: dict[int, Floats] = {}
        for name, strokes in zip(SPARED, (kick, snare, hat), strict=True):
            strengths = np.array([strokes.get(step % CYCLE, 0.0) for step in range(steps)])
            further = rng.random(steps) < SPARED[name]
            strengths[further] = np.maximum(strengths[further], rng.uniform(0.3, 1, np.count_nonzero(further)))
            pattern[self._keys[name]] = strengths
        if rng.random() < 0.15:
            strengths = np.zeros(steps)
            strengths[rng.integers(0, steps, 3)] = 0.7
            pattern[self._small] = strengths
        return pattern
