"""Audio files of any format, through libsndfile where it reads them and FFmpeg (PyAV) where it does not.

A file is judged by its bytes, never by its name, and nothing is allocated by what a header claims.
"""

import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from akma_core.errors import RequestError

SampleType = Literal["float32", "float64", "int16", "int32"]
Block = NDArray[Any]  # [n, channels]
Decode = Callable[[int, int, SampleType], Iterator[Block]]  # from a sample on, in blocks of at most n

BLOCK = 65536  # samples a block: 1 MB of float64 stereo, which stays in the cache
MAX_CHANNELS = 64
ESTIMATE = 0.9  # of the length in a header, which for lossy files is a guess: what is certainly too long
MIN_RATE, MAX_RATE = 1_000, 768_000  # Hz

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

# The containers FFmpeg may open: never a playlist (hls, concat, dash), which makes it open other files.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,mp3,ogg,flac,wav,w64,aiff,caf,au,avi,asf,flv,mpegts,mpeg,"
    "ac3,eac3,dts,wv,ape,tta,tak,amr"
)
GIVE = "give a WAV, FLAC, AIFF, MP3, OGG, Opus or M4A file"


@dataclass(frozen=True)
class AudioInfo:
    """Facts of an audio file."""

    sample_rate: int
    """Samples a second, 1000 to 768000."""
    channels: int
    """1 to 64."""
    samples: int
    """Samples a channel, at least 1: exact, counted by decoding where a header only estimates."""
    bits: int
    """16, 24 or 32: the integer depth that keeps the samples when they are stored losslessly."""
    format: str
    """Container and codec, such as "WAV/PCM_24" or "mp4/aac"."""
    lossless: bool
    """True where the file holds its samples without loss."""

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate


def probe_soundfile(path: Path, longest: float | None = None) -> tuple[AudioInfo, Decode] | None:
    """Facts of the file by libsndfile and how to decode it, or None where it refuses the file.

    `longest`: seconds after which it is refused, by what its header or last granule says before a sample is decoded.
    """
    with opened(path) as file:
        try:
            with _sound(file) as sound:
                rate, channels, samples = sound.samplerate, sound.channels, sound.frames
                container, codec = sound.format, sound.subtype
        except soundfile.LibsndfileError:
            return None
    _check(path, rate, channels)
    _check_length(path, samples / rate * ESTIMATE, longest)
    exact = codec in _SEEKS_EXACTLY

    def decode(start: int, frames: int, dtype: SampleType) -> Iterator[Block]:
        native = "float64" if codec.startswith(_FLOAT_CODECS) and dtype.startswith("int") else dtype
        quiet = _stderr_dropped if codec.startswith("MPEG") else nullcontext
        with opened(path) as file:
            try:
                with _sound(file) as sound:
                    if exact:
                        sound.seek(start)
                    # soundfile seeks after every read, which disturbs MP3 and breaks Opus; a pipe it leaves alone.
                    sound.seekable = lambda: False
                    skip = 0 if exact else start
                    while True:
                        with quiet():
                            block = sound.read(min(skip, frames) or frames, dtype=native, always_2d=True)
                        if not len(block):
                            return
                        if not skip:
                            yield block
                        skip = max(0, skip - len(block))
            except soundfile.LibsndfileError as error:
                raise _damaged(path) from error

    if not exact or not _reaches(path, samples):
        samples = _counted(path, map(len, decode(0, BLOCK, "float32")), rate, longest)
    lossless = codec in _LOSSLESS_BITS
    return AudioInfo(rate, channels, samples, _LOSSLESS_BITS.get(codec, 16), f"{container}/{codec}", lossless), decode


def _counted(path: Path, lengths: Iterable[int], rate: int, longest: float | None) -> int:
    """Sum of `lengths`, samples; refused as soon as they are too long, so that a bomb costs no more than that."""
    samples = 0
    for length in lengths:
        samples += length
        _check_length(path, samples / rate, longest)
    return samples


def _check_length(path: Path, seconds: float, longest: float | None) -> None:
    if longest is not None and seconds > longest:
        message = (
            f"lasts {seconds:,.0f} seconds or more, and this service takes up to {longest:,.0f}: give a part of it"
        )
        raise RequestError(f"{path.name}: {message}", code="audio_too_long", field="audio")


def _reaches(path: Path, samples: int) -> bool:
    """True where the last sample that the header promises is there."""
    with opened(path) as file:
        try:
            with _sound(file) as sound:
                sound.seek(max(0, samples - 1))
                return len(sound.read(1)) == min(1, samples)
        except soundfile.LibsndfileError:
            return False


@contextmanager
def _sound(file: BufferedReader) -> Iterator[soundfile.SoundFile]:
    """libsndfile on an open file: by descriptor, so that it judges the bytes and not the name."""
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


def probe_av(path: Path, longest: float | None = None) -> tuple[AudioInfo, Decode]:
    """Facts of the file by FFmpeg and how to decode it; `longest` as for probe_soundfile."""
    samples, first = 0, None
    for frame in _av_frames(path):
        first = first or frame
        samples += len(frame.samples)
        _check_length(path, samples / frame.rate, longest)
    if first is None:
        raise bad_audio(path, f"has no sound in it; {GIVE}", "audio_empty")
    codec = first.format.split("/")[1]
    lossless = codec.startswith("pcm_") or codec in ("flac", "alac", "wavpack", "tta", "ape", "tak", "truehd")
    bits = 16
    if lossless and first.samples.dtype.itemsize > 2:  # FFmpeg hands out 24-bit samples in 32
        bits = 32 if codec.startswith(("pcm_s32", "pcm_f64")) else 24
    info = AudioInfo(first.rate, first.samples.shape[1], samples, bits, first.format, lossless)

    def decode(start: int, frames: int, dtype: SampleType) -> Iterator[Block]:  # noqa: ARG001
        end, count, kept = 0, 0, list[Block]()
        for frame in _av_frames(path):
            end += len(frame.samples)
            if end <= start:
                continue
            kept.append(frame.samples[-(end - start) :])
            count += len(kept[-1])
            if count >= frames:
                joined = np.concatenate(kept)
                for at in range(0, count - frames + 1, frames):
                    yield joined[at : at + frames]
                kept, count = [joined[count - count % frames :]], count % frames
        if count:
            yield np.concatenate(kept)

    return info, decode


@dataclass(frozen=True, eq=False)
class _Frame:
    format: str  # container/codec
    rate: int  # Hz
    samples: Block  # in the decoder's own type


def _av_frames(path: Path) -> Iterator[_Frame]:
    """Every frame of the best audio track.

    FFmpeg's decoders drop the encoder's priming samples (edit list, skip-samples): the first is the song's
    own.
    """
    import av  # not at the top: most songs do without FFmpeg's libraries

    options = {"format_whitelist": _CONTAINERS}
    shape: tuple[int, int] | None = None
    with opened(path) as file:
        try:
            with av.open(file, "r", options=options, metadata_errors="ignore") as container:
                stream = container.streams.best("audio")
                if not container.streams.video and stream is None:
                    raise ValueError("neither sound nor picture")
                if not isinstance(stream, av.AudioStream):
                    raise bad_audio(path, "has no audio track; give a file with sound in it", "audio_missing_track")
                name = container.format.name.split(",")[0].replace("mov", "mp4")
                packed: av.AudioResampler | None = None
                for frame in container.decode(stream):
                    now = frame.sample_rate, frame.layout.nb_channels
                    _check(path, *now)
                    if shape not in (None, now):
                        raise bad_audio(
                            path,
                            "changes its rate or channels midway; convert it to WAV",
                            "audio_unsupported",
                        )
                    shape = now
                    # Interleaved first: PyAV 18.1 reads beyond the end of 8 planar channels.
                    packed = packed or av.AudioResampler(format=frame.format.packed.name)
                    for whole in packed.resample(frame):
                        samples = whole.to_ndarray().reshape(-1, now[1])
                        yield _Frame(f"{name}/{stream.codec_context.name}", now[0], samples)
        except (av.FFmpegError, ValueError) as error:
            if shape:
                raise _damaged(path) from error
            raise bad_audio(path, f"is not audio that AKMA can read; {GIVE}", "audio_unknown") from error


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """The regular file at `path`, for reading; what the system refuses becomes a RequestError."""
    try:
        if "\0" in str(path):  # Python would raise ValueError
            raise FileNotFoundError
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise bad_audio(path, f"is a folder; {GIVE}", "audio_unreadable")
        if not stat.S_ISREG(mode):  # opening a pipe could wait for ever
            raise bad_audio(path, f"is a device or a pipe; {GIVE}", "audio_unreadable")
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, NotADirectoryError) as error:
        raise bad_audio(path, "does not exist; check the path", "audio_not_found") from error
    except PermissionError as error:
        raise bad_audio(path, "may not be read; change its permissions", "audio_unreadable") from error
    except OSError as error:
        raise bad_audio(path, f"cannot be read ({error.strerror}); copy it elsewhere", "audio_unreadable") from error


def _check(path: Path, rate: int, channels: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise bad_audio(path, f"claims {rate} Hz; convert it to {MIN_RATE} to {MAX_RATE} Hz", "audio_unsupported")
    if not 1 <= channels <= MAX_CHANNELS:
        raise bad_audio(path, f"claims {channels} channels; convert it to 1 to {MAX_CHANNELS}", "audio_unsupported")


def _damaged(path: Path) -> RequestError:
    return bad_audio(path, "is damaged or was cut; export it again", "audio_damaged")


def bad_audio(path: Path, what: str, code: str) -> RequestError:
    name = "".join(letter if letter.isprintable() else " " for letter in path.name or str(path))
    if len(name) > 80:
        name = f"{name[:60]}…{name[-16:]}"
    return RequestError(f"{name}: {what}", code=code, field="audio")
