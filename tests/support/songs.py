"""Songs on disk and readers of songs that are nowhere, for the tests of plan, render, parts and cli."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from akma_core.audio.file import Block, SampleType
from akma_core.audio.reader import AudioInfo, AudioReader

RATE = 8000


def write_song(path: Path, seconds: float, channels: int = 1, pitch: float = 220) -> Path:
    """A tone that swells once a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    tone = 0.5 * np.sin(2 * np.pi * pitch * t) * (0.1 + 0.9 * (t % 1))
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), RATE)
    return path


def _no_samples(start: int, frames: int, dtype: SampleType) -> Iterator[Block]:
    raise AssertionError(f"samples {start} on were asked for ({frames}, {dtype})")


def reader(seconds: float, rate: int = RATE, channels: int = 2) -> AudioReader:
    """A song of which only the facts are there: whoever reads its samples fails."""
    info = AudioInfo(rate, channels, max(1, round(seconds * rate)), 16, "WAV/PCM_16", True)
    return AudioReader(Path("song.wav"), info, _no_samples)


def bad_song(name: str, folder: Path) -> Path:
    path = folder / f"{name}.wav"
    match name:
        case "text":
            path.write_text("These are no samples.\n" * 50)
        case "empty":
            path.touch()
        case "truncated header":
            path.write_bytes(write_song(path, 1).read_bytes()[:20])
        case "zero frames":
            soundfile.write(path, np.zeros((0, 2)), RATE)
        case "NaN":
            samples = np.full(3 * RATE, 0.1)
            samples[2 * RATE] = np.nan
            soundfile.write(path, samples, RATE, subtype="FLOAT")
        case "folder":
            path.mkdir()
    return path
