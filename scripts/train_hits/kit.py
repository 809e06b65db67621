"""A random synthetic drum kit: swept sines, filtered noise and frequency modulation, no two alike."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from .song import DRUM_CHANNEL, Song

Floats = NDArray[np.float64]
RATE = 44_100  # Hz
OPEN_HAT = 46  # its key
LEVELS = {
    "kick": (0.6, 1.1), "snare": (0.45, 1.0), "hat": (0.08, 0.45), "open": (0.08, 0.4), "tom": (0.4, 0.9),
    "cymbal": (0.15, 0.6), "small": (0.15, 0.5),
}  # fmt: skip
METAL = 40 * np.array([2, 3.1, 4.16, 5.43, 6.79, 8.21])  # Hz, square waves of a hi-hat of metal
TOMS, LOWEST_TOM = 3, 41
TAIL = 4.0  # s that a stroke may go on after the song, before it is cut


class Kit:
    """Sounds of a kit by name, float64 [n] at RATE each."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._low, self._metal = rng.uniform(4000, 9500), rng.random() < 0.4
        tom = rng.uniform(70, 130)
        toms = {f"tom{k}": self._tom(tom * 1.4**k) for k in range(TOMS)}
        sounds = {
            "kick": self._kick(),
            "snare": self._snare(),
            **toms,
            "cymbal": self._cymbal(),
            "small": self._small(),
        }
        sounds |= {"hat": self._hat(rng.uniform(0.008, 0.05)), "open": self._hat(rng.uniform(0.08, 0.3))}
        level = {name: rng.uniform(*edges) for name, edges in LEVELS.items()}
        self.sounds = {name: level[name.rstrip("012")] * sound for name, sound in sounds.items()}

    def play(self, song: Song, seconds: float) -> Floats:
        """Drums of the song, float64 [seconds * RATE], half of the time in a room."""
        rng, out = self._rng, np.zeros(round((seconds + TAIL) * RATE))
        for note in song.notes:
            if note.channel != DRUM_CHANNEL or note.time >= seconds:
                continue
            sound, at = self.sounds[self._name(note.drum, note.key)], round(note.time * RATE)
            part = sound[: len(out) - at]
            out[at : at + len(part)] += part * (note.velocity / 127) ** 1.5
        if rng.random() < 0.4:
            t = np.arange(round(0.6 * RATE)) / RATE
            room = rng.normal(size=len(t)) * np.exp(-t / rng.uniform(0.05, 0.25))
            out += rng.uniform(0.05, 0.4) * fftconvolve(out, room / np.linalg.norm(room))[: len(out)]
        return out[: round(seconds * RATE)]

    @staticmethod
    def _name(drum: str | None, key: int) -> str:
        if key == OPEN_HAT:
            return "open"
        return f"tom{min(TOMS - 1, (key - LOWEST_TOM) // 3)}" if drum == "tom" else drum or "small"

    def _kick(self) -> Floats:
        rng = self._rng
        decay, low, modulated = rng.uniform(0.04, 0.3), rng.uniform(38, 75), rng.random() < 1 / 3
        n = round(min(1.2, 6 * decay) * RATE)
        fm = rng.uniform(0, 4) if modulated else 0.0
        sound = self._sweep(n, low * rng.uniform(1.5, 8), low, rng.uniform(0.004, 0.05), fm, rng.uniform(0.5, 2))
        sound *= _fall(n, decay, rng.uniform(0, 0.003))
        if rng.random() < 0.6:
            click = round(0.03 * RATE)
            noise = self._noise(click, rng.uniform(500, 3000), rng.uniform(4000, 12_000))
            sound[:click] += rng.uniform(0.03, 0.3) * noise * _fall(click, rng.uniform(0.002, 0.01))
        return unit(np.tanh(sound * rng.uniform(1, 5)) if rng.random() < 0.3 else sound)

    def _snare(self) -> Floats:
        rng = self._rng
        decay, tone = rng.uniform(0.03, 0.18), rng.uniform(140, 330)
        n = round(6 * decay * RATE)
        rattle = unit(self._noise(n, rng.uniform(300, 2500), rng.uniform(5000, 16_000))) * _fall(n, decay)
        kind = rng.choice(["snare", "snare", "clap", "rim", "fm"])
        if kind == "snare":
            body = self._sweep(n, tone * rng.uniform(1, 2), tone, 0.02) * _fall(n, rng.uniform(0.02, 0.12))
            return unit(rattle + rng.uniform(0.1, 1.2) * body)
        if kind == "clap":
            return self._clap(n, decay)
        if kind == "rim":
            n = round(0.1 * RATE)
            stick = self._sweep(n, rng.uniform(400, 1800), rng.uniform(350, 1700), 0.01)
            noise = self._noise(n, 1000, 9000) * _fall(n, 0.004)
            return unit(stick * _fall(n, rng.uniform(0.006, 0.03)) + 0.3 * noise)
        return unit(
            self._sweep(n, 2 * tone, tone, 0.03, rng.uniform(2, 30), rng.uniform(1.3, 7.7)) * _fall(n, decay)
            + 0.4 * rattle
        )

    def _clap(self, n: int, decay: float) -> Floats:
        rng, sound = self._rng, np.zeros(n + round(0.05 * RATE))
        for hand in range(int(rng.integers(2, 5))):
            at = round(hand * rng.uniform(0.006, 0.012) * RATE)
            noise = unit(self._noise(n, rng.uniform(600, 1000), rng.uniform(3000, 9000)))
            sound[at : at + n] += noise * _fall(n, 0.008 if hand < 2 else decay)
        return unit(sound)

    def _hat(self, decay: float) -> Floats:
        n = round((6 * decay + 0.01) * RATE)
        sound = self._noise(n, self._low, 18_000)
        if self._metal:
            phase = 2 * np.pi * np.arange(n) / RATE * (METAL * self._rng.uniform(2, 5))[:, None]
            high = butter(2, self._low, "high", fs=RATE, output="sos")
            sound = 0.3 * unit(sound) + unit(np.asarray(sosfilt(high, np.sign(np.sin(phase)).sum(0)), np.float64))
        return unit(sound * _fall(n, decay))

    def _tom(self, tone: float) -> Floats:
        rng, decay = self._rng, self._rng.uniform(0.08, 0.25)
        n, fm = round(5 * decay * RATE), rng.uniform(0, 2) if rng.random() < 0.5 else 0.0
        body = self._sweep(n, tone * rng.uniform(1.1, 2), tone, rng.uniform(0.02, 0.08), fm, 1.4) * _fall(n, decay)
        return unit(body + rng.uniform(0, 0.25) * unit(self._noise(n, 300, 6000)) * _fall(n, 0.02))

    def _cymbal(self) -> Floats:
        decay = self._rng.uniform(0.3, 1.2)
        n = round(3 * decay * RATE)
        noise = self._noise(n, self._rng.uniform(1500, 5000), 18_000)
        return unit(noise * _fall(n, decay, self._rng.uniform(0, 0.004)))

    def _small(self) -> Floats:
        rng, decay, tone = self._rng, self._rng.uniform(0.01, 0.08), self._rng.uniform(300, 3000)
        n = round(6 * decay * RATE)
        body = self._sweep(n, 1.1 * tone, tone, 0.02, rng.uniform(0, 3), rng.uniform(1, 4))
        return unit((body + rng.uniform(0, 1) * self._noise(n, tone, min(3 * tone, 15_000))) * _fall(n, decay))

    def _noise(self, n: int, low: float, high: float) -> Floats:
        band = butter(2, [low, high], "band", fs=RATE, output="sos")
        return np.asarray(sosfilt(band, self._rng.normal(size=n)), np.float64)

    def _sweep(self, n: int, first: float, last: float, tau: float, fm: float = 0.0, ratio: float = 1.0) -> Floats:
        """A sine from `first` to `last` Hz with time constant `tau` s; modulated by `fm` radians at its start."""
        t = np.arange(n) / RATE
        phase = 2 * np.pi * np.cumsum(last + (first - last) * np.exp(-t / tau)) / RATE
        swept: Floats = np.sin(phase + fm * np.sin(ratio * phase) * np.exp(-t / 0.05))
        return swept


def _fall(n: int, decay: float, attack: float = 0.0) -> Floats:
    """Envelope [n] of time constant `decay` s, after a straight rise of `attack` s."""
    t = np.arange(n) / RATE
    fall: Floats = np.exp(-t / decay)
    return fall * np.minimum(1, t / attack) if attack > 0 else fall


def unit(sound: Floats) -> Floats:
    """The sound with its largest sample at 1."""
    return sound / max(1e-9, float(np.abs(sound).max(initial=0.0)))
