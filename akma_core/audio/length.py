"""Length that a file's own header or last page tells of, so that one that was cut does not pass for whole."""

import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akma_core.audio.file import opened

BEYOND = 0xFFFFFFFF  # a size that RF64 keeps elsewhere
UNKNOWN = 0x7FFFF000  # from here on recorders and pipes mean "not known"
HEAD = 1 << 16  # bytes in which the chunks before the samples are looked for
PAGE = 65307  # bytes of the largest Ogg page
SOON = 200_000  # samples in which the first page of a song ends
END_OF_STREAM = 4  # flag of an Ogg page


@dataclass(frozen=True)
class _Samples:
    """The chunk of a WAV or AIFF that has the samples: struct's byte order, place in the file, declared bytes."""

    order: str
    place: int
    length: int
    ds64: int | None
    """Place of the chunk that has the sizes beyond 4 GiB."""


def _samples(head: bytes) -> _Samples | None:
    """The samples' chunk of a file that begins with `head`; None where it is another kind of file, or not found."""
    if head[:4] == b"FORM":
        order, name = ">", b"SSND"
    elif head[:4] in (b"RIFF", b"RF64", b"BW64"):
        order, name = "<", b"data"
    else:
        return None
    place, ds64 = 12, None
    while place + 8 <= len(head):
        length: int = struct.unpack(order + "I", head[place + 4 : place + 8])[0]
        if head[place : place + 4] == b"ds64" and place + 24 <= len(head):
            ds64 = place
        elif head[place : place + 4] == name:
            return _Samples(order, place, length, ds64)
        place += 8 + length + length % 2
    return None


def shortfall(path: Path) -> float:
    """Share of the samples, 0 to 1, that a WAV's or AIFF's header tells of and that are not there; 0: or unknown."""
    head, size = _head(path)
    if (found := _samples(head)) is None:
        return 0.0
    length = found.length
    if head[:4] in (b"RF64", b"BW64") and length == BEYOND:
        large: int = struct.unpack("<Q", head[found.ds64 + 16 : found.ds64 + 24])[0] if found.ds64 is not None else 0
        length = large if large < 1 << 62 else 0
    elif length >= UNKNOWN:
        return 0.0
    missing = found.place + 8 + length - size
    return missing / length if length and missing > 1 else 0.0


def unfilled(path: Path) -> dict[int, bytes]:
    """Bytes that a WAV's or AIFF's header should have where its size of the samples was never filled in, by place."""
    head, size = _head(path)
    if (found := _samples(head)) is None:
        return {}
    there, ds64 = size - found.place - 8, found.ds64
    if ds64 is not None and found.length == BEYOND and not any(head[ds64 + 16 : ds64 + 24]):
        return {ds64 + 8: struct.pack("<QQ", size - 8, there)}
    empty = 8 if found.order == ">" else 0  # an AIFF's chunk begins with 8 bytes that are no samples
    if found.length > empty or there <= empty:
        return {}
    filled = struct.pack(found.order + "I", min(there, UNKNOWN - 1))
    return {4: struct.pack(found.order + "I", min(size - 8, UNKNOWN - 1)), found.place + 4: filled}


def _head(path: Path) -> tuple[bytes, int]:
    """The first HEAD bytes of a file, and its size."""
    with opened(path) as file:
        return file.read(HEAD), os.fstat(file.fileno()).st_size


class Patched(io.RawIOBase):
    """A file some of whose bytes read as others."""

    def __init__(self, file: io.RawIOBase, patches: Mapping[int, bytes]) -> None:
        self._file, self._patches = file, patches

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        start = self._file.tell()
        data = bytearray(self._file.read(len(buffer)) or b"")
        for place, new in self._patches.items():
            for k, byte in enumerate(new, place - start):
                if 0 <= k < len(data):
                    data[k] = byte
        buffer[: len(data)] = data
        return len(data)


def has_frame_count(path: Path) -> bool:
    """True if an MP3 tells how many frames it has, which encoders write into a first frame without sound."""
    with opened(path) as file:
        head = file.read(10)
        if head[:3] == b"ID3" and len(head) == 10:
            file.seek(10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)))
        else:
            file.seek(0)
        first = file.read(256)
    place = max(first.find(b"Xing"), first.find(b"Info"))
    return place >= 0 and len(first) >= place + 12 and first[place + 7] & 1 == 1 and any(first[place + 8 : place + 12])


def ogg_samples(path: Path) -> int:
    """Samples a channel that the pages of an Ogg file tell of; 0 where it does not begin at 0, as a recorded stream's.

    The granule position of an audio page is the number of its last sample (RFC 3533, RFC 7845).
    """
    with opened(path) as file:
        head = file.read(HEAD)
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * PAGE))
        tail = file.read()
    granules = [granule for data in (head, tail) for granule in _granules(data)]
    first = next((granule for granule in granules if granule), 0)
    return max(granules, default=0) if first < SOON else 0


def _granules(data: bytes) -> list[int]:
    found, place = list[int](), data.find(b"OggS\0")
    while 0 <= place <= len(data) - 14:
        granule: int = struct.unpack("<q", data[place + 6 : place + 14])[0]
        if 0 <= granule < 1 << 40:
            found.append(granule)
        place = data.find(b"OggS\0", place + 5)
    return found


def ogg_ends(path: Path) -> bool:
    """True if an Ogg file's last page says that it is the last."""
    with opened(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * PAGE))
        tail = file.read()
    place = tail.rfind(b"OggS\0")
    return place < 0 or place + 5 >= len(tail) or bool(tail[place + 5] & END_OF_STREAM)
