"""Audio files as files: what they hold, how they are opened, and how one is refused in one line."""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from akma_core.errors import RequestError

SampleType = Literal["float32", "float64", "int16", "int32"]
Block = NDArray[Any]  # [n, channels]
Decode = Callable[[int, int, SampleType], Iterator[Block]]  # from a sample on, in blocks of at most n

MAX_CHANNELS = 64
MIN_RATE, MAX_RATE = 1_000, 768_000  # Hz
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


def check_length(path: Path, seconds: float, longest: float | None) -> None:
    if longest is not None and seconds > longest:
        message = (
            f"lasts {seconds:,.0f} seconds or more, and this service takes up to {longest:,.0f}: give a part of it"
        )
        raise RequestError(f"{path.name}: {message}", code="audio_too_long", field="audio")


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


def check(path: Path, rate: int, channels: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise bad_audio(path, f"claims {rate} Hz; convert it to {MIN_RATE} to {MAX_RATE} Hz", "audio_unsupported")
    if not 1 <= channels <= MAX_CHANNELS:
        raise bad_audio(path, f"claims {channels} channels; convert it to 1 to {MAX_CHANNELS}", "audio_unsupported")


def damaged(path: Path) -> RequestError:
    return bad_audio(path, "is damaged or was cut; export it again", "audio_damaged")


def bad_audio(path: Path, what: str, code: str) -> RequestError:
    name = "".join(letter if letter.isprintable() else " " for letter in path.name or str(path))
    if len(name) > 80:
        name = f"{name[:60]}…{name[-16:]}"
    return RequestError(f"{name}: {what}", code=code, field="audio")
