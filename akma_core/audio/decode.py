"""Audio files of any format, through libsndfile where it reads them and FFmpeg (PyAV) where it does not.

A file is judged by its bytes, never by its name, and nothing is allocated by what a header claims.
"""

import io
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import cast

import soundfile

from akma_core.audio.file import AudioInfo, Block, Decode, SampleType, check, check_length, damaged, opened
from akma_core.audio.length import Patched, has_frame_count, ogg_ends, ogg_samples, shortfall, unfilled
from akma_core.errors import RequestError

BLOCK = 65536  # samples a block: 1 MB of float64 stereo, which stays in the cache
ESTIMATE = 0.9  # of the length in a header, which for lossy files is a guess: what is certainly too long
SMALL = 1 << 16  # bytes: libsndfile reads ahead so far, and what follows a song in so short a file could hide
MPEG_FRAME = 1152  # samples
OPUS_PRIMING = 3840  # samples at most (RFC 7845)
MOST = 1 << 62
TAIL = 128  # bytes of an ID3v1 tag

# Bits a sample that keep what a libsndfile subtype holds; a float32 has 24 bits of mantissa.
_LOSSLESS_BITS = {
    "PCM_S8": 16, "PCM_U8": 16, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 24, "DOUBLE": 32,
    "ALAC_16": 16, "ALAC_20": 24, "ALAC_24": 24, "ALAC_32": 32,
}  # fmt: skip
_SEEKS_EXACTLY = {*_LOSSLESS_BITS, "ULAW", "ALAW"}  # Vorbis measurably does not
_FLOAT_CODECS = (
    "FLOAT",
    "DOUBLE",
    "VORBIS",
    "OPUS",
    "MPEG",
)  # libsndfile reads their integers wrongly


def probe(path: Path, longest: float | None, notes: list[str]) -> tuple[AudioInfo, Decode]:
    """Facts of the file and how to decode it; `notes` takes what a listener should know, also while it is decoded.

    libsndfile's word counts where it read the file to its end. Where it did not, FFmpeg's does if it finds more: joined
    and chained files, headers that were never filled in. `longest`: seconds after which it is refused, by what its
    header or last granule says before a sample is decoded.
    """
    promised = 0
    try:
        sound = _Libsndfile.of(path, notes)
        if sound is None:
            return _ffmpeg(path, longest, notes)
        promised = sound.samples if sound.exact and sound.samples < MOST >> 20 else 0
        info = sound.count(longest)
    except RequestError as error:
        if error.code != "audio_damaged":
            raise
        return _ffmpeg(path, longest, notes, promised)
    if not info.samples or (sound.unread and _holds_more(path, info)):
        try:
            found = _ffmpeg(path, longest, notes)
        except RequestError:
            if info.samples:
                raise
            return info, sound.decode
        if found[0].samples > info.samples + 2 * MPEG_FRAME:
            return found
    sound.tell_missing(info)
    return info, sound.decode


def _ffmpeg(path: Path, longest: float | None, notes: list[str], promised: int = 0) -> tuple[AudioInfo, Decode]:
    from akma_core.audio.ffmpeg import probe_av  # not at the top: most songs do without FFmpeg's libraries

    return probe_av(path, longest, notes, promised)


def _holds_more(path: Path, info: AudioInfo) -> bool:
    """True if the packets hold more than libsndfile found, beyond what a codec pads."""
    from akma_core.audio.ffmpeg import packet_samples

    total, longest = packet_samples(path)
    return total == 0 or total > info.samples + 3 * max(longest, MPEG_FRAME)


class _Libsndfile:
    """A file that libsndfile opens."""

    def __init__(
        self, path: Path, sound: soundfile.SoundFile, notes: list[str], patches: Mapping[int, bytes] | None = None
    ) -> None:
        self.path, self.notes, self.patches = path, notes, patches
        self.rate, self.channels, self.samples = sound.samplerate, sound.channels, sound.frames
        self.told = self.samples
        self.container, self.codec = sound.format, sound.subtype
        self.exact = self.codec in _SEEKS_EXACTLY
        self.unread = False
        """True if bytes follow those of which it made the samples."""
        check(path, self.rate, self.channels)

    @classmethod
    def of(cls, path: Path, notes: list[str]) -> "_Libsndfile | None":
        """The file by libsndfile, or None where it refuses it."""
        with opened(path) as file:
            try:
                with _sound(file) as sound:
                    if sound.frames or not (patches := unfilled(path)):
                        return cls(path, sound, notes)
                with _sound(file, patches) as sound:
                    return cls(path, sound, notes, patches)
            except soundfile.LibsndfileError:
                return None

    def count(self, longest: float | None) -> AudioInfo:
        """Facts, the samples counted by decoding where a header only estimates."""
        check_length(self.path, self.samples / self.rate * ESTIMATE, longest)
        if not self.exact or not _reaches(self.path, self.samples, self.patches):
            self.samples = MOST
            lengths = map(len, self._blocks(0, BLOCK, "float32"))
            self.samples = _counted(self.path, lengths, self.rate, longest)
        bits, lossless = _LOSSLESS_BITS.get(self.codec, 16), self.codec in _LOSSLESS_BITS
        return AudioInfo(self.rate, self.channels, self.samples, bits, f"{self.container}/{self.codec}", lossless)

    def tell_missing(self, info: AudioInfo) -> None:
        """Add a note where the header tells of more than there is."""
        missing = 0.0
        if self.container in ("WAV", "WAVEX", "RF64", "AIFF"):
            share = shortfall(self.path)
            missing = info.duration * share / (1 - share) if share < 1 else 0.0
        elif self.exact or (self.codec.startswith("MPEG") and not has_frame_count(self.path)):
            return
        else:
            told = self.told if self.told < MOST >> 20 else 0
            if self.container == "OGG" and self.codec in ("VORBIS", "OPUS"):
                opus = self.codec == "OPUS"  # whose pages count at 48 kHz, its priming too
                there = ogg_samples(self.path) - OPUS_PRIMING * opus
                told = max(told, there * self.rate // 48000 if opus else there)
            missing = (told - info.samples - MPEG_FRAME // 2) / self.rate
        if missing > 0.01:
            self.notes.append(f"cut or damaged: about {missing:.2f} seconds are missing, {info.duration:.2f} are there")
        elif self.container == "OGG" and not ogg_ends(self.path):
            self.notes.append(f"no end mark: it may have been cut at second {info.duration:.2f}")

    def decode(self, start: int, frames: int, dtype: SampleType) -> Iterator[Block]:
        """Samples from `start` on; from where libsndfile meets damage, by FFmpeg, which passes over it."""
        position = start
        try:
            for block in self._blocks(start, frames, dtype):
                position += len(block)
                yield block
        except RequestError as error:
            if error.code != "audio_damaged" or not self.exact:
                raise
            from akma_core.audio.ffmpeg import decode_av

            yield from decode_av(self.path, position, frames, self.notes)

    def _blocks(self, start: int, frames: int, dtype: SampleType) -> Iterator[Block]:
        native = "float64" if self.codec.startswith(_FLOAT_CODECS) and dtype.startswith("int") else dtype
        quiet = _stderr_dropped if self.codec.startswith("MPEG") else nullcontext
        with opened(self.path) as file:
            try:
                with _sound(file, self.patches) as sound:
                    if self.exact:
                        sound.seek(start)
                    # soundfile seeks after every read, which disturbs MP3 and breaks Opus; a pipe it leaves alone.
                    sound.seekable = lambda: False
                    skip, left = (0, self.samples - start) if self.exact else (start, MOST)
                    # Not beyond the last sample of an exact length: a tag behind it would be taken for damage.
                    while left > 0:
                        with quiet():
                            block = sound.read(min(skip or frames, frames, left), dtype=native, always_2d=True)
                        if not len(block):
                            break
                        left -= len(block)
                        if not skip:
                            yield block
                        skip = max(0, skip - len(block))
                    size, place = os.fstat(file.fileno()).st_size, os.lseek(file.fileno(), 0, os.SEEK_CUR)
                    self.unread = not self.exact and (size <= SMALL or size - place not in (0, TAIL))
            except soundfile.LibsndfileError as error:
                raise damaged(self.path) from error


def _counted(path: Path, lengths: Iterable[int], rate: int, longest: float | None) -> int:
    """Sum of `lengths`, samples; refused as soon as they are too long, so that a bomb costs no more than that."""
    samples = 0
    for length in lengths:
        samples += length
        check_length(path, samples / rate, longest)
    return samples


def _reaches(path: Path, samples: int, patches: Mapping[int, bytes] | None) -> bool:
    """True where the last sample that the header promises is there."""
    with opened(path) as file:
        try:
            with _sound(file, patches) as sound:
                sound.seek(max(0, samples - 1))
                return len(sound.read(1)) == min(1, samples)
        except soundfile.LibsndfileError:
            return False


@contextmanager
def _sound(file: BufferedReader, patches: Mapping[int, bytes] | None = None) -> Iterator[soundfile.SoundFile]:
    """libsndfile on an open file: by descriptor, so that it judges the bytes and not the name."""
    if patches:
        raw = cast("io.RawIOBase", file.raw)
        raw.seek(0)
        with soundfile.SoundFile(Patched(raw, patches)) as sound:
            yield sound
        return
    head = file.read(3)
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    with _stderr_dropped() if head == b"ID3" or head[:1] == b"\xff" else nullcontext():
        sound = soundfile.SoundFile(file.fileno(), closefd=False)
    with sound:
        yield sound


_stderr_lock = threading.Lock()


@contextmanager
def _stderr_dropped() -> Iterator[None]:
    """Drop what is written to stderr meanwhile: libsndfile's mpg123 prints notes on odd MP3s, unasked."""
    with _stderr_lock:
        try:
            saved = os.dup(2)
        except OSError:  # there is no stderr
            yield
            return
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(sink, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(sink)
