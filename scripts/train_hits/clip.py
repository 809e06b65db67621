"""Clips that the network learns from: the bands of a song's sound, and what is struck in each of its frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.features.analysis import TOP, WINDOW_SECONDS
from akma_core.audio.features.bands import triangles
from akma_core.audio.features.column import FRAME_RATE
from akma_core.audio.features.drums import CLASSES
from akma_core.audio.features.levelling import Levelling
from akma_core.audio.features.spectrum import Spectra, mono_blocks

from .ensemble import random_ensemble
from .kit import RATE
from .midi import read_midi
from .patterns import random_song
from .song import DRUM_CHANNEL, Song
from .sound import render

Floats = NDArray[np.float32]
BESIDE = 0.5  # label of the frames before and after a stroke's own
OWN_KITS = 0.5  # share of clips whose drums are synthetic, where there is a choice
WITHOUT_DRUMS = 0.15  # share of random songs
START = 60.0  # s of a MIDI file within which a clip begins


@dataclass(frozen=True)
class Clip:
    """A song's frames, FRAME_RATE a second."""

    bands: NDArray[np.float16]
    """Levelled, [n, BANDS]: see akma_core.audio.features.levelling."""
    labels: NDArray[np.float16]
    """Of CLASSES, [n, 7], 0..1."""

    def save(self, path: Path) -> None:
        """Write it as .npz."""
        np.savez_compressed(path, bands=self.bands, labels=self.labels)

    @classmethod
    def load(cls, path: Path) -> "Clip":
        """The clip in a file."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["bands"], arrays["labels"])


def bands(sound: NDArray[np.float64]) -> Floats:
    """Levelled bands of mono samples at RATE, as the analysis of a song makes them: float32 [n, BANDS]."""
    spectra, levelling = Spectra(RATE, WINDOW_SECONDS, 1 / FRAME_RATE, TOP), Levelling()
    weights = triangles(spectra.frequencies)
    frames = [spectra.feed(block) for block in mono_blocks([sound.astype(np.float32)], RATE)]
    parts = [levelling.feed((weights @ each.T).T) for each in (*frames, spectra.finish())]
    return np.concatenate([*parts, levelling.finish()])


def labels(song: Song, frames: int) -> Floats:
    """Labels of frames by what is struck in them, [frames, 7]: 1 in a stroke's own, BESIDE in those next to it."""
    out = np.zeros((frames, len(CLASSES)), np.float32)
    for note in song.notes:
        names = [note.drum] if note.drum else [] if note.channel == DRUM_CHANNEL else ["note"]
        names += ["hit"] if note.is_hit else []
        middle = round(note.time * FRAME_RATE)
        for name in names:
            for frame, value in ((middle - 1, BESIDE), (middle, 1.0), (middle + 1, BESIDE)):
                if 0 <= frame < frames:
                    column = CLASSES.index(name)
                    out[frame, column] = max(out[frame, column], value)
    return out


def make_clip(song: Song, seconds: float, rng: np.random.Generator, font: Path | None, *, own_kit: bool) -> Clip:
    """The clip of a song's first `seconds`; for the other arguments see `render`."""
    heard = bands(render(song, seconds, rng, font, own_kit=own_kit))
    return Clip(heard.astype(np.float16), labels(song, len(heard)).astype(np.float16))


def make_clips(
    count: int,
    seconds: float,
    seed: int,
    fonts: list[Path],
    songs: list[Path],
    *,
    own_kits: bool,
    ensembles: Sequence[str] | None = None,
) -> Iterator[Clip]:
    """Yield `count` clips, half of them of MIDI files where there are `songs`, the others of random songs.

    `own_kits`: a part of them has drums of a synthetic kit. Without `fonts` all do. `ensembles`: the random
    songs are music without drums, of these families, by default of all.
    """
    for index in range(count):
        rng = np.random.default_rng([seed, index])  # a clip is the same however many are made
        if songs and index % 2:
            song = read_midi(songs[int(rng.integers(len(songs)))].read_bytes())
            last = max((note.time for note in song.notes), default=0.0)
            song = song.cut(rng.uniform(0, min(START, max(0.0, last - seconds))), seconds)
        elif ensembles is not None:
            song = random_ensemble(rng, seconds, ensembles).cut(0.0, seconds)
        else:
            song = random_song(rng, seconds, drums=rng.random() >= WITHOUT_DRUMS).cut(0.0, seconds)
        font = fonts[int(rng.integers(len(fonts)))] if fonts else None
        yield make_clip(song, seconds, rng, font, own_kit=own_kits and rng.random() < OWN_KITS)
