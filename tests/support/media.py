"""Small pictures, songs and readers of files, for the tests of colour, video and mux."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from akma_core.media.encoder import Encoder
from akma_core.media.segment import SegmentWriter

Planes = NDArray[np.uint8]


def encoder(fps: Fraction | int = 30, side: int = 64, **settings: Any) -> Encoder:
    rate = {} if "bit_rate" in settings else {"crf": 16.0}
    return Encoder(width=side, height=side, fps=Fraction(fps), **(rate | settings))


def moving(frames: int, side: int = 64, seed: int = 0) -> Planes:
    """A noisy texture that slides a pixel a frame: uint8 [frames, side * 3 // 2, side]."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(40, 200, (side * 3 // 2, side))
    noise = rng.integers(-20, 20, (frames, side * 3 // 2, side))
    slides = np.stack([np.roll(texture, i, 1) for i in range(frames)])
    return (slides + noise).astype(np.uint8)


def write_segment(path: Path, settings: Encoder, planes: Planes) -> Path:
    with SegmentWriter(path, settings) as writer:
        writer.write(planes)
    return path


def decode_video(path: Path) -> tuple[Planes, list[Fraction]]:
    """Planes and times in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = [(frame.pts or 0) * Fraction(frame.time_base or 0) for frame in frames]
    return np.stack([frame.to_ndarray() for frame in frames]).astype(np.uint8), times


def decode_audio(path: Path, sample: str = "flt") -> NDArray[Any]:
    """Samples [n, channels], the first at time 0 (asserted)."""
    with av.open(str(path)) as container:
        packed = av.AudioResampler(format=sample)
        frames = list(container.decode(audio=0))
        assert frames[0].pts == 0
        channels = frames[0].layout.nb_channels
        blocks = [out.to_ndarray() for frame in frames for out in packed.resample(frame)]
    return np.concatenate(blocks, axis=1).reshape(-1, channels)


@dataclass(frozen=True)
class Info:
    sample_rate: int
    channels: int
    samples: int
    bits: int


@dataclass(frozen=True)
class Song:
    """Clicks of 0.8 in silence, made block by block; `noise` of 2^-bits steps to try whole words."""

    rate: int = 48000
    samples: int = 96000
    channels: int = 2
    bits: int = 16
    clicks: Sequence[int] = ()
    noise: float = 0.0

    @property
    def info(self) -> Info:
        return Info(self.rate, self.channels, self.samples, self.bits)

    def blocks(
        self, start: int = 0, stop: int | None = None, frames: int = 65536, dtype: Any = "float32"
    ) -> Iterator[NDArray[Any]]:
        end = self.samples if stop is None else min(stop, self.samples)
        for at in range(start, end, frames):
            n = min(frames, end - at)
            block = self.noise * np.random.default_rng(at).uniform(-1, 1, (n, self.channels))
            for click in self.clicks:
                if at <= click < at + n:
                    block[click - at] = 0.8
            yield as_dtype(block, self.bits, dtype)


def as_dtype(block: NDArray[np.float64], bits: int, dtype: str) -> NDArray[Any]:
    if dtype.startswith("float"):
        return block.astype(dtype)
    word = int(dtype.removeprefix("int"))
    integers: NDArray[Any] = (np.rint(block * 2 ** (bits - 1)) * 2 ** (word - bits)).astype(dtype)
    return integers


def boxes(data: bytes, *path: str) -> list[bytes]:
    """The bodies of all mp4 boxes at a path, as boxes(data, "moov", "trak", "edts", "elst")."""
    return [body for name, body in walk(data, path[0]) for body in (boxes(body, *path[1:]) if path[1:] else [body])]


def walk(data: bytes, only: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Boxes one after another, as (type, body)."""
    at = 0
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8].decode("latin1")
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        assert size >= head
        if only in (None, name):
            yield name, data[at + head : at + size]
        at += size


def edit(elst: bytes) -> tuple[int, int]:
    """The one edit of an elst box: length in the movie's clock, start in the track's."""
    wide = elst[0] == 1
    assert int.from_bytes(elst[4:8], "big") == 1
    size = 8 if wide else 4
    length, start = elst[8 : 8 + size], elst[8 + size : 8 + 2 * size]
    return int.from_bytes(length, "big"), int.from_bytes(start, "big", signed=True)


def clock(header: bytes) -> tuple[int, int]:
    """Ticks a second and length of an mvhd or mdhd box."""
    at, size = (20, 8) if header[0] == 1 else (12, 4)
    return int.from_bytes(header[at : at + 4], "big"), int.from_bytes(header[at + 4 : at + 4 + size], "big")
