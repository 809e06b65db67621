"""The analysis of a song: every feature that is wanted, in one pass over its samples and in flat memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.features import beats as beat_grid
from akma_core.audio.features import chroma as pitch
from akma_core.audio.features.bands import band_level, compressed, corners, triangles
from akma_core.audio.features.column import FRAME_RATE, Column
from akma_core.audio.features.convolutions import context
from akma_core.audio.features.drums import CLASSES, drum_probabilities
from akma_core.audio.features.hits import drum_events, find_hits
from akma_core.audio.features.levelling import Levelling
from akma_core.audio.features.notes import DILATIONS, note_probability
from akma_core.audio.features.onset import SILENCE, growth, local_scale, normalised, peaks
from akma_core.audio.features.percussive import percussive_mask
from akma_core.audio.features.sections import RATE, Section, find_sections
from akma_core.audio.features.spectrum import Samples, Spectra, mono_blocks
from akma_core.audio.features.tempo import Tempo, find_tempo, novelty

Events = NDArray[np.float64]  # [n, 2]: time in s, strength 0..1

LEVEL_BANDS = {"low": (20.0, 150.0), "mid": (150.0, 2000.0), "high": (2000.0, 16_000.0)}  # Hz
CHROMA = tuple(f"chroma_{name}" for name in ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b"))
DRUM_EVENTS = ("kick", "snare", "hat", "tom", "cymbal")
COLUMNS = (*LEVEL_BANDS, "onset", "percussive", "harmonic", "brightness", *CLASSES[:6], *CHROMA)
EVENTS = ("hits", *DRUM_EVENTS, "onsets", "beats", "downbeats")
WANTED = frozenset((*COLUMNS, *EVENTS, "tempo", "sections"))

WINDOW_SECONDS = 0.0464  # 2048 samples at 44.1 kHz
TOP = 16_500.0  # Hz, the highest bin that any feature needs
SEGMENT = 20 * FRAME_RATE  # frames analysed at a time
CONTEXT = context(DILATIONS)  # frames on both sides that a frame depends on: the widest network's
KICK_BANDS = slice(0, 5)  # 35 to 150 Hz
GROUPS = 16  # of bands, for sections
ONSET_DELTA, ONSET_LEAST = 0.2, 0.3
NO_GRID = 0.3  # confidence of the tempo under which there are no beats
FAINT = 1e-4  # of all bands together, under which brightness drifts to the middle


@dataclass(frozen=True)
class Analysis:
    """Features of a song of `duration` s, as far as they were wanted."""

    duration: float
    columns: dict[str, Column]
    """float32 [ceil(duration * FRAME_RATE)] by name, 0..1; levels: a full-scale sine is 1."""
    events: dict[str, Events]
    tempo: Tempo
    beat_confidence: float = 0.0
    downbeat_confidence: float = 0.0
    beats_per_bar: int = 0
    sections: list[Section] = field(default_factory=list)


def analyse(
    blocks: Iterable[NDArray[np.floating]],
    rate: int,
    wanted: Iterable[str] = WANTED,
    bands: dict[str, tuple[float, float]] | None = None,
) -> Analysis:
    """Analyse a song that comes as blocks [n] or [n, channels] of floats (full scale 1) at `rate` Hz.

    `wanted` names COLUMNS, EVENTS, "tempo", "sections"; `bands` adds level columns by name, low <= f < high Hz. How
    the song is cut into blocks changes nothing. Raises ValueError for an unknown name or a rate under 2 kHz.
    """
    asked = frozenset(wanted)
    if unknown := sorted(asked - WANTED):
        raise ValueError(f"unknown features {', '.join(unknown)}; there are {', '.join(sorted(WANTED))}")
    if rate < 2000:
        raise ValueError(f"rate {rate} must be at least 2000 Hz")
    levels = {name: edges for name, edges in LEVEL_BANDS.items() if name in asked} | (bands or {})
    song = _Pass(rate, asked, levels)
    for block in mono_blocks(blocks, rate):
        song.feed(block)
    return _summary(song, asked)


class _Pass:
    """One pass over the samples; keeps columns only."""

    def __init__(self, rate: int, asked: frozenset[str], levels: dict[str, tuple[float, float]]) -> None:
        self.samples, self.rate, self.asked, self.levels = 0, rate, asked, levels
        self.parts = bool(asked & {"percussive", "harmonic"})
        self.net = bool(asked & {*CLASSES, "hits", "beats", "downbeats", "tempo", "sections"})
        self.flux = self.net or bool(asked & {"onset", "onsets", "hits", "beats", "downbeats", "tempo", "sections"})
        self.banded = self.flux or self.parts or "brightness" in asked
        self.pitched = bool(asked & {*CHROMA, "sections", "downbeats"})
        self.columns: dict[str, list[NDArray[np.float32]]] = {}
        self._spectra = Spectra(rate, WINDOW_SECONDS, 1 / FRAME_RATE, TOP)
        self._pitch = Spectra(rate, pitch.WINDOW_SECONDS, pitch.HOP_SECONDS, pitch.HIGHEST)
        self._chroma_weights = pitch.chroma_weights(self._pitch.frequencies)
        self._triangles = triangles(self._spectra.frequencies)
        self._octaves = np.log2(corners()[1:-1]).astype(np.float32)
        self._levelling = Levelling()
        self._held = np.zeros((0, len(self._octaves)), np.float32)  # levelled rows, CONTEXT before the next segment
        self._before = 0  # rows of `_held` that are context

    def feed(self, block: Samples) -> None:
        """Take in the next mono block."""
        self.samples += len(block)
        self._frames(self._spectra.feed(block))
        if self.pitched:
            self._keep("chroma", pitch.chroma(self._pitch.feed(block), self._chroma_weights))

    def finish(self) -> None:
        """Take in the silence after the song."""
        self._frames(self._spectra.finish())
        if self.pitched:
            self._keep("chroma", pitch.chroma(self._pitch.finish(), self._chroma_weights))
        if self.flux or self.parts:
            self._segments(self._levelling.finish(), last=True)

    def column(self, name: str) -> NDArray[np.float32]:
        """Everything kept under `name`, in time order."""
        return np.concatenate(self.columns.pop(name)) if name in self.columns else np.zeros(0, np.float32)

    def _keep(self, name: str, values: NDArray[np.float32]) -> None:
        self.columns.setdefault(name, []).append(values)

    def _frames(self, spectrum: NDArray[np.float32]) -> None:
        for name, (low, high) in self.levels.items():
            self._keep(name, band_level(spectrum, self._spectra.frequencies, low, high))
        if self.parts:
            self._keep("level", band_level(spectrum, self._spectra.frequencies, 20.0, TOP))
        if not self.banded:
            return
        bands = np.ascontiguousarray((self._triangles @ spectrum.T).T)
        if "brightness" in self.asked:
            middle = self._octaves.mean()
            total = bands.sum(axis=1) + np.float32(FAINT)
            self._keep("brightness", middle + bands @ (self._octaves - middle) / total)
        if self.flux or self.parts:
            self._segments(self._levelling.feed(bands))

    def _segments(self, rows: NDArray[np.float32], last: bool = False) -> None:
        """Analyse every segment of SEGMENT frames whose CONTEXT on both sides is there."""
        self._held = np.concatenate([self._held, rows])
        while len(self._held) - self._before >= SEGMENT + CONTEXT or (last and len(self._held) > self._before):
            stop = min(self._before + SEGMENT, len(self._held))
            self._segment(self._held[: stop + CONTEXT], slice(self._before, stop))
            self._held, self._before = self._held[max(0, stop - CONTEXT) :], min(stop, CONTEXT)

    def _segment(self, bands: NDArray[np.float32], inner: slice) -> None:
        levels = compressed(bands)
        if self.flux:
            grown = growth(levels)
            self._keep("flux", grown.mean(axis=1)[inner])
            self._keep("low_flux", grown[inner, KICK_BANDS].mean(axis=1))
        if self.net:
            self._keep("drums", drum_probabilities(levels, grown)[inner])
        if "hits" in self.asked:
            self._keep("notes", note_probability(bands)[inner])
        if self.parts:
            part = percussive_mask(levels)[inner] * bands[inner]
            power, whole = (part**2).sum(axis=1), (bands[inner] ** 2).sum(axis=1)
            self._keep("share", np.sqrt(power / np.maximum(whole, np.float32(1e-12))))
        if "sections" in self.asked:
            self._keep("groups", _half_second_means(_grouped(levels[inner])))


def _grouped(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of neighbouring bands: float32 [n, GROUPS]."""
    starts = np.arange(GROUPS) * levels.shape[1] // GROUPS
    means = np.add.reduceat(levels, starts, axis=1) / np.diff([*starts, levels.shape[1]])
    return np.asarray(means, np.float32)


def _half_second_means(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of every 1 / RATE s; SEGMENT is a multiple of it, so only the song's last may be shorter."""
    size = FRAME_RATE // RATE
    starts = np.arange(0, len(rows), size)
    counts = np.diff([*starts, len(rows)])
    means = np.add.reduceat(rows, starts, axis=0) / counts[:, None]
    return np.asarray(means, np.float32)


def _summary(song: _Pass, asked: frozenset[str]) -> Analysis:
    """Everything that needs the whole song."""
    if song.samples:
        song.finish()
    duration = song.samples / song.rate
    columns = {name: song.column(name) for name in song.levels}
    events: dict[str, Events] = {}
    flux, low_flux = song.column("flux"), song.column("low_flux")
    drums = song.column("drums").reshape(-1, len(CLASSES))
    heard = local_scale(flux) > SILENCE
    flux = flux * heard  # Hiss has a rhythm too, and what the networks say about it means nothing
    drums = drums * heard[: len(drums), None]
    notes = song.column("notes")
    chroma = song.column("chroma").reshape(-1, 12)
    if song.parts:
        level, share = song.column("level"), song.column("share")
        columns["percussive"], columns["harmonic"] = level * share, level * np.sqrt(np.maximum(1 - share**2, 0))
    if "brightness" in asked:
        columns["brightness"] = _spread(song.column("brightness"))
    if asked & {"onset", "onsets"}:
        columns["onset"] = np.minimum(normalised(flux), 1)
        events["onsets"] = _clipped(peaks(normalised(flux), ONSET_DELTA, ONSET_LEAST))
    for k, name in enumerate(CLASSES[:6]):
        if song.net:
            columns[name] = np.ascontiguousarray(drums[:, k])
            events[name] = drum_events(columns[name])
    if "hits" in asked:
        events["hits"] = find_hits(flux, drums, notes)
    tempo, grid = Tempo(0.0, 0.0), (0.0, 0.0, 0)
    if asked & {"tempo", "beats", "downbeats", "sections"}:
        tempo, found, grid = _grid(flux, low_flux, drums, chroma)
        events |= found
    sections = []
    if "sections" in asked and len(flux):
        groups = song.column("groups").reshape(-1, GROUPS)
        pairs = (
            np.arange(len(groups)) * (len(chroma) - 1) // max(1, len(groups) - 1)
            if len(groups) > 1
            else np.zeros(1, int)
        )
        sections = find_sections(np.hstack([chroma[pairs], groups]), duration, events["beats"][:, 0])
    if asked & set(CHROMA):
        columns |= dict(zip(CHROMA, _at_frame_rate(chroma, song.samples, song.rate).T.copy(), strict=True))
    kept = {name: values for name, values in columns.items() if name in asked or name in song.levels}
    events = {name: values for name, values in events.items() if name in asked}
    return Analysis(duration, kept, events, tempo, *grid, sections)


def _grid(
    flux: Column, low_flux: Column, drums: NDArray[np.float32], chroma: NDArray[np.float32]
) -> tuple[Tempo, dict[str, Events], tuple[float, float, int]]:
    """Tempo, beats and downbeats; no events where no grid fits."""
    nothing = np.zeros((0, 2))
    none = {"beats": nothing, "downbeats": nothing}
    if not len(flux):
        return Tempo(0.0, 0.0), none, (0.0, 0.0, 0)
    kick, snare, hit = (drums[:, CLASSES.index(name)] for name in ("kick", "snare", "hit"))
    signal = novelty(flux, hit, kick)
    tempo = find_tempo(signal)
    if tempo.confidence < NO_GRID:
        return tempo, none, (0.0, 0.0, 0)
    pulse = novelty(flux, kick + snare)
    frames = beat_grid.track_beats(pulse, 60 * FRAME_RATE / tempo.bpm)
    confidence = beat_grid.grid_confidence(pulse, frames)
    accents = [low_flux, kick - snare]
    spread = _at_frame_rate(chroma, len(flux), FRAME_RATE) if len(chroma) else None
    downbeats, bar, sure = beat_grid.find_downbeats(frames, accents, spread)
    strength = np.clip(normalised(flux)[frames], 0, 1)
    beats = np.column_stack([frames / FRAME_RATE, strength])
    return tempo, {"beats": beats, "downbeats": beats[downbeats]}, (confidence, sure, bar)


def _at_frame_rate(chroma: NDArray[np.float32], samples: int, rate: int) -> NDArray[np.float32]:
    """Chroma of every HOP_SECONDS between its rows: float32 [frames, 12]."""
    times = np.arange(-(-samples * FRAME_RATE // rate)) / FRAME_RATE
    if not len(chroma):
        return np.zeros((len(times), 12), np.float32)
    at = np.arange(len(chroma)) * pitch.HOP_SECONDS
    return np.stack([np.interp(times, at, values) for values in chroma.T], axis=1).astype(np.float32)


def _spread(curve: Column) -> Column:
    """Scale the 5th to 98th percentile to 0..1."""
    if not len(curve):
        return curve
    low, high = np.percentile(curve, [5, 98])
    spread: Column = np.clip((curve - low) / max(high - low, 1e-3), 0, 1).astype(np.float32)
    return spread


def _clipped(events: Events) -> Events:
    return np.column_stack([events[:, 0], np.clip(events[:, 1], 0, 1)])
