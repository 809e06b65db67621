"""The small pictures of a chunk as a file, so that chunks rendered apart are judged as one video where they are joined.

What flashes may begin in one chunk and go on in the next: no verdict of chunks can be added up, their pictures can.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.meter import FlashMeter
from akma_core.media.flash.standards import STANDARDS, Standard

_HEADER = struct.Struct("<4sHHI")  # magic, rows, columns, pictures
_MAGIC = b"AKF1"
_LEVEL = 1  # zlib's fastest: a tenth of a millisecond a picture
MAX_PICTURES = 1 << 13  # in a file; 34 s at 240 a second


def pack(small: NDArray[np.uint8]) -> bytes:
    """Small pictures, uint8 [n, rows, columns, 3], as a file's bytes; 5 to 7 kB a picture of points, half of means."""
    # From picture to picture little changes: the differences take less room.
    steps = np.diff(small, axis=0, prepend=np.zeros_like(small[:1]))
    count, rows, columns, _ = small.shape
    return _HEADER.pack(_MAGIC, rows, columns, count) + zlib.compress(steps.tobytes(), _LEVEL)


def unpack(data: bytes, grid: Grid) -> NDArray[np.uint8]:
    """The pictures that were packed, uint8 [n, rows, columns, 3]. ValueError where the bytes are not of `grid`."""
    if len(data) < _HEADER.size:
        raise ValueError("flash track is cut short; render the chunk again")
    magic, rows, columns, count = _HEADER.unpack_from(data)
    if magic != _MAGIC or (rows, columns) != (grid.rows, grid.columns) or count > MAX_PICTURES:
        raise ValueError("flash track is of another grid or no track; render the chunk again")
    size = count * rows * columns * 3
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(data[_HEADER.size :], size + 1)
    except zlib.error as error:
        raise ValueError(f"flash track is damaged ({error}); render the chunk again") from None
    if len(raw) != size or not reader.eof:
        raise ValueError("flash track is cut short or too long; render the chunk again")
    steps = np.frombuffer(raw, np.uint8).reshape(count, rows, columns, 3)
    return np.add.accumulate(steps, axis=0, dtype=np.uint8)


def join(grid: Grid, fps: float, tracks: Iterable[bytes], standards: Sequence[Standard] = STANDARDS) -> FlashMeter:
    """The meter after all chunks, given in the order of showing; holds one of them at a time."""
    meter = FlashMeter(grid, fps, standards)
    for data in tracks:
        meter.add(unpack(data, grid))
    return meter
