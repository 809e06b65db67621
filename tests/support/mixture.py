"""Random files, healthy and broken, each with what is really in it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.support.odd_songs import APEV2, ID3V1, id3v2, muxed, ogg, sized, sound
from tests.support.odd_videos import clip

HEAD = 0.15  # share of a file that stays: headers that lie have tests of their own


@dataclass(frozen=True)
class Kind:
    suffix: str
    make: Callable[[int, int], bytes]
    """(Samples or pictures, seed) -> file."""
    padding: int = 0
    """Samples that the codec may add."""
    joins: bool = False
    """Files of it may stand one behind the other."""
    sized: tuple[bytes, bytes] | None = None
    """Chunk whose size recorders fill in last, and that size while they record."""


SONGS = {
    "wav": Kind(".wav", lambda n, seed: sound(n, "WAV", "PCM_16", seed=seed), sized=(b"data", bytes(4))),
    "wav24": Kind(".wav", lambda n, seed: sound(n, "WAV", "PCM_24", channels=1, seed=seed), sized=(b"data", bytes(4))),
    "aiff": Kind(".aiff", lambda n, seed: sound(n, "AIFF", "PCM_16", seed=seed), sized=(b"SSND", bytes(4))),
    "flac": Kind(".flac", lambda n, seed: sound(n, "FLAC", "PCM_16", seed=seed)),
    "mp3": Kind(".mp3", lambda n, seed: sound(n, "MP3", seed=seed), 4000, joins=True),
    "vorbis": Kind(".ogg", lambda n, seed: ogg(n, seed=seed), 900, joins=True),
    "opus": Kind(".opus", lambda n, seed: ogg(n, "OPUS", seed=seed), 1500, joins=True),
    "m4a": Kind(".m4a", lambda n, seed: muxed(n, "ipod", "aac", seed=seed), 1024),
    "aac": Kind(".aac", lambda n, seed: muxed(n, "adts", "aac", seed=seed), 3000, joins=True),
    "mka": Kind(".mka", lambda n, seed: muxed(n, "matroska", "flac", seed=seed), 50),
}


@cache
def video(suffix: str, pictures: int, codec: str, sound: str | None, layout: str, pixels: str) -> bytes:
    with TemporaryDirectory() as folder:
        made = clip(
            Path(folder) / f"a{suffix}", 20, 220, pictures, codec=codec, sound=sound, layout=layout, pixels=pixels,
            options={"g": "8"} if codec in ("libx264", "mpeg2video", "mpeg4") else {},
        )  # fmt: skip
        return made.read_bytes()


def _video(
    suffix: str,
    codec: str,
    sound: str | None = None,
    layout: str = "stereo",
    *,
    pixels: str = "yuv420p",
    joins: bool = False,
) -> Kind:
    return Kind(suffix, lambda n, _: video(suffix, n, codec, sound, layout, pixels), joins=joins)


VIDEOS = {
    "mp4": _video(".mp4", "libx264", "aac"),
    "mkv": _video(".mkv", "libx264", "ac3"),
    "ts": _video(".ts", "libx264", "aac", joins=True),
    "vob": _video(".vob", "mpeg2video", "mp2", joins=True),
    "avi": _video(".avi", "mpeg4", "mp3"),
    "mjpeg": _video(".avi", "mjpeg", "pcm_s16le", pixels="yuvj420p"),
    "webm": _video(".webm", "libvpx-vp9", "libopus"),
    "mov": _video(".mov", "prores_ks", "pcm_s24le", "mono", pixels="yuv422p10le"),
    "silent": _video(".mp4", "mpeg4"),
}


@dataclass(frozen=True)
class File:
    """A file of the mixture."""

    name: str
    suffix: str
    data: bytes
    length: int
    """Samples or pictures that it has, or had before it was damaged."""
    padding: int


def _damaged(rng: np.random.Generator, data: bytes, place: int, fault: str) -> bytes:
    """Zeros from `place` on, or a few other bytes behind it."""
    if fault == "hole":
        size = min(int(rng.integers(10, 400)), len(data) - place)
        return data[:place] + bytes(size) + data[place + size :]
    changed = bytearray(data)
    for k in rng.integers(place, len(data), 12):
        changed[k] = int(rng.integers(256))
    return bytes(changed)


def draw(rng: np.random.Generator, kinds: dict[str, Kind], lengths: list[int]) -> File:
    """One file: half of them healthy or with something harmless around, half damaged."""
    name = str(rng.choice(list(kinds)))
    kind, length, seed = kinds[name], int(rng.choice(lengths)), int(rng.integers(100))
    data, padding = kind.make(length, seed), kind.padding
    faults = ["none", "tail", "cut", "hole", "noise"]
    faults += ["joined"] * 2 * kind.joins + ["size"] * (kind.sized is not None)
    faults += ["front"] * (name in ("mp3", "flac"))
    fault = str(rng.choice(faults))
    place = int(len(data) * rng.uniform(HEAD, 0.95))
    if fault == "tail":
        data += [ID3V1, APEV2, bytes(4000)][rng.integers(3)]
    elif fault == "front":
        data = id3v2(int(rng.integers(20, 2000)), int(rng.integers(2000))) + data
    elif fault == "cut":
        data = data[:place]
    elif fault in ("hole", "noise") and b"moov" in data:  # an index that lies is a header that lies
        index = data.index(b"moov") - 4
        place, tail = min(place, index - 500), data[index:]
        data = _damaged(rng, data[:index], place, fault) + tail
    elif fault in ("hole", "noise"):
        data = _damaged(rng, data, place, fault)
    elif fault == "joined":
        data, length, padding = data + kind.make(length, seed + 1), 2 * length, 2 * padding
    elif fault == "size" and kind.sized:
        data = sized(data, *kind.sized)
    return File(f"{name}, {fault}", kind.suffix, data, length, padding)
