"""Reading an audio file: its samples in blocks, its loudness per frame, its peaks, its digest.

Nothing here holds a whole song: three hours cost the memory of three seconds. Whatever a file is or claims,
the worst it causes is a `RequestError` of one line.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.channels import Channels, mix_of
from akma_core.audio.decode import BLOCK, probe
from akma_core.audio.file import GIVE, AudioInfo, Block, Decode, SampleType, bad_audio, opened
from akma_core.timeline import frame_count, sample_bounds

__all__ = ["AudioInfo", "AudioReader", "digest", "loudness", "open_audio", "peaks", "scan"]

CANCELLED = 0.1  # of the power that the mean has where only one channel sounds
CANCEL = (
    "The channels cancel each other: their mean, of which the curve is made, has little left of the sound. "
    "Choose channels left, right, side or loudest."
)
MAX_AMPLITUDE = 1e30  # beyond this (full scale is 1) sums of samples could overflow


@dataclass(frozen=True)
class AudioReader:
    """An audio file that was looked at and can be read, from any sample, as often as wanted.

    Each pass opens and closes the file by itself, so passes may overlap and threads may share a reader.
    """

    path: Path
    info: AudioInfo
    _decode: Decode
    notes: list[str] = field(default_factory=list)
    """Notes a listener should know, one sentence each; damage in mid-file is added when it is first read."""

    def __enter__(self) -> "AudioReader":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing stays open between passes."""

    def mixed(self, channels: Channels) -> "AudioReader":
        """The song that makes the curve: itself, or its channels mixed to one. RequestError where it has too few."""
        if channels == "mean":
            return self
        mix = mix_of(self.path, channels, self.info.channels)

        def decode(start: int, frames: int, dtype: SampleType) -> Iterator[Block]:
            return map(mix, self.blocks(start, None, frames, dtype))

        return AudioReader(self.path, replace(self.info, channels=1), decode, self.notes)

    def blocks(
        self, start: int = 0, stop: int | None = None, frames: int = BLOCK, dtype: SampleType = "float64"
    ) -> Iterator[Block]:
        """Yield samples start..stop (exclusive, by default all) as [n, channels] arrays, n <= frames.

        Floats have full scale 1.0 and are libsndfile's own to the bit where libsndfile reads the file;
        integers have the type's full scale, clipped. Raises RequestError at a sample that is NaN, infinite or
        beyond 1e30, and where the file turns out damaged or shorter than it was; ValueError for a negative
        position or frames < 1.
        """
        stop = self.info.samples if stop is None else min(stop, self.info.samples)
        if start < 0 or stop < 0 or frames < 1:
            raise ValueError(f"start {start} and stop {stop} must be >= 0, frames {frames} >= 1")
        return self._blocks(start, stop, frames, dtype)

    def _blocks(self, position: int, stop: int, frames: int, dtype: SampleType) -> Iterator[Block]:
        if position >= stop:
            return
        for native in self._decode(position, frames, dtype):
            if native.shape[1] != self.info.channels:
                break
            if native.dtype.kind == "f" and not (native.min() > -MAX_AMPLITUDE and native.max() < MAX_AMPLITUDE):
                raise bad_audio(
                    self.path,
                    f"holds samples that are no numbers (NaN, infinite, above {MAX_AMPLITUDE:g}) near second "
                    f"{position / self.info.sample_rate:.2f}; export it again",
                    "audio_not_finite",
                )
            block = _convert(native[: stop - position], dtype)
            position += len(block)
            yield block
            if position >= stop:
                return
        raise bad_audio(
            self.path,
            f"ends at second {position / self.info.sample_rate:.2f}, before it should; it was cut or changed "
            "while it was read: give it again",
            "audio_damaged",
        )


def open_audio(path: str | Path, longest: float | None = None) -> AudioReader:
    """Look at the audio file at `path` and return its reader.

    libsndfile: WAV, RF64, W64, AIFF, CAF, FLAC, OGG, Opus, MP3 and others. FFmpeg: M4A/AAC and the best audio
    track of MP4, MKV, WebM and others. Lossy files are decoded once here: only that counts their samples
    exactly. Raises RequestError (field "audio") for anything that is not a readable file with audio in it, and,
    code audio_too_long, for one that lasts more than `longest` seconds: as soon as that is known.
    """
    path = Path(path)
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise bad_audio(path, f"is empty; {GIVE}", "audio_empty")
    notes: list[str] = []
    info, decode = probe(path, longest, notes)
    if info.samples < 1:
        raise bad_audio(path, "holds no samples; give a file with sound in it", "audio_empty")
    return AudioReader(path, info, decode, notes)


def digest(path: str | Path) -> str:
    """SHA-256 of the file's bytes, 64 hexadecimal digits. Raises RequestError where it cannot be read."""
    path = Path(path)
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def loudness(reader: AudioReader, fps: Fraction) -> NDArray[np.float64]:
    """Mean over each frame of |mean over channels|: float64 [frame_count], >= 0, full scale 1.

    Steps 1 to 3 of AKMA 2022. Raises RequestError as `frame_count` and `AudioReader.blocks` do.
    """
    return scan(reader, fps, columns=1)[0]


def peaks(reader: AudioReader, columns: int) -> NDArray[np.float64]:
    """Lowest and highest sample (mean over channels) of `columns` equal parts: float64 [columns, 2]."""
    return scan(reader, Fraction(1), columns)[1]


def scan(reader: AudioReader, fps: Fraction, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`loudness(reader, fps)` and `peaks(reader, columns)` in one pass over the file."""
    samples = reader.info.samples
    bounds = sample_bounds(samples, frame_count(samples, reader.info.sample_rate, fps))
    parts = min(columns, samples)
    total = Bins(np.add, bounds, 0.0)
    low = Bins(np.minimum, sample_bounds(samples, parts), np.inf)
    high = Bins(np.maximum, sample_bounds(samples, parts), -np.inf)
    position, heard, mixed = 0, 0.0, 0.0
    for block in reader.blocks():
        mono = block[:, 0].copy()
        for channel in range(1, reader.info.channels):  # several times faster than mean(axis=1)
            mono += block[:, channel]
        mono /= reader.info.channels
        low.fold(position, mono)
        high.fold(position, mono)
        total.fold(position, np.abs(mono))
        position += len(mono)
        if reader.info.channels > 1:
            # By einsum: BLAS would wake its threads for each block.
            heard += float(np.einsum("ij,ij->", block, block)) / reader.info.channels
            mixed += float(np.einsum("i,i->", mono, mono))
    if mixed * reader.info.channels < CANCELLED * heard and CANCEL not in reader.notes:
        reader.notes.append(CANCEL)
    column_part = np.arange(columns) * parts // columns
    return total.value / np.diff(bounds), np.stack([low.value, high.value], axis=1)[column_part]


class Bins:
    """A reduction over the bins of a signal that arrives block by block."""

    def __init__(self, ufunc: np.ufunc, bounds: NDArray[np.int64], initial: float) -> None:
        self.ufunc, self.bounds = ufunc, bounds
        self.value = np.full(len(bounds) - 1, initial)

    def fold(self, position: int, block: NDArray[np.float64]) -> None:
        """Take in `block` [n], whose first sample is sample `position` of the signal."""
        first = int(np.searchsorted(self.bounds, position, "right")) - 1
        last = min(int(np.searchsorted(self.bounds, position + len(block), "left")), len(self.value))
        starts = np.maximum(self.bounds[first:last] - position, 0)
        bins = self.value[first:last]
        self.ufunc(bins, self.ufunc.reduceat(block, starts), out=bins)


def _convert(native: Block, dtype: SampleType) -> Block:
    """Samples of any type, [n, channels], as `dtype`."""
    if native.dtype == dtype:
        return native
    full_scale = 1.0 if native.dtype.kind == "f" else 2.0 ** (8 * native.dtype.itemsize - 1)
    offset = full_scale if native.dtype.kind == "u" else 0.0
    scaled = (native.astype(np.float64) - offset) / full_scale
    if dtype in ("float32", "float64"):
        return scaled.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(scaled * (limits.max + 1.0)), limits.min, limits.max).astype(dtype)
