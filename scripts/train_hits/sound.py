"""Songs as sound: by FluidSynth with a sound font, or by plain tones; drums by a synthetic kit where one is given."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from .kit import RATE, Kit, unit
from .midi import write_midi
from .song import DRUM_CHANNEL, Note, Song

Floats = NDArray[np.float64]
LATENCY = 0.005  # s from a note to the sound of FluidSynth
RENDER_SECONDS = 120.0  # after which FluidSynth is given up
HARMONICS = 6
CONCERT_A = 69, 440.0  # key, Hz
RELEASE = 0.03  # s


def render(song: Song, seconds: float, rng: np.random.Generator, font: Path | None, *, own_kit: bool) -> Floats:
    """The song's first `seconds` as mono samples at RATE, the loudest at 1.

    `font` None: plain tones, which need no FluidSynth. `own_kit`: drums are a random synthetic kit, not the font's.
    ValueError where FluidSynth is missing or fails.
    """
    own_kit = own_kit or font is None
    pitched = song.without_drums() if own_kit else song
    sound = _tones(pitched, seconds, rng) if font is None else _fluidsynth(pitched, seconds, font)
    if own_kit:
        drums = Kit(rng).play(song, seconds)
        sound = unit(sound) * rng.uniform(0.3, 1) + unit(drums)
    return unit(sound)


def _fluidsynth(song: Song, seconds: float, font: Path) -> Floats:
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder) / "song.mid", Path(folder) / "song.wav"
        midi.write_bytes(write_midi(song))
        options = ("-r", str(RATE), "-g", "0.5", "-o", "synth.dynamic-sample-loading=1")  # of the sounds played only
        command = ["fluidsynth", "-ni", "-q", *options, "-F", str(wave), str(font), str(midi)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=RENDER_SECONDS)
        except FileNotFoundError:
            raise ValueError("fluidsynth is not installed: install it, or leave --font out") from None
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise ValueError(f"fluidsynth cannot render with {font.name}: {error}") from None
        samples = soundfile.read(wave, always_2d=True)[0].mean(axis=1)[round(LATENCY * RATE) :]
    length = round(seconds * RATE)
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _tones(song: Song, seconds: float, rng: np.random.Generator) -> Floats:
    """Notes of a few harmonics each; a channel has one timbre, struck or held."""
    out = np.zeros(round(seconds * RATE))
    channels = {note.channel for note in song.notes if note.channel != DRUM_CHANNEL}
    timbres = {channel: (rng.uniform(0, 1, HARMONICS), rng.uniform(0.1, 2), rng.uniform(0.002, 0.06))
               for channel in sorted(channels)}  # fmt: skip
    for note in song.notes:
        if note.channel in timbres and note.time < seconds:
            tone = _tone(note, *timbres[note.channel])
            at = round(note.time * RATE)
            out[at : at + len(tone)] += tone[: len(out) - at]
    return out


def _tone(note: Note, harmonics: Floats, decay: float, attack: float) -> Floats:
    t = np.arange(round((min(note.length, 4.0) + RELEASE) * RATE)) / RATE
    key, hertz = CONCERT_A
    tones = hertz * 2 ** ((note.key - key) / 12) * np.arange(1, HARMONICS + 1)
    heard = tones < RATE / 2
    sound = harmonics[heard] / np.arange(1, HARMONICS + 1)[heard] @ np.sin(2 * np.pi * tones[heard, None] * t)
    envelope = np.minimum(1, t / attack) * np.exp(-t / decay) * np.minimum(1, (t[-1] - t) / RELEASE)
    faded: Floats = note.velocity / 127 * envelope * sound
    return faded
