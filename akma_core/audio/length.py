"""Length that a file's own header or last page tells of, so that one that was cut does not pass for whole."""

import io
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from akma_core.audio.file import opened

UNKNOWN = 0x7FFFF000  # from here on recorders and pipes mean "not known"
HEAD = 1 << 16  # bytes in which the chunks before the samples are looked for
PAGE = 65307  # bytes of the largest Ogg page
SOON = 200_000  # samples in which the first page of a song ends
END_OF_STREAM = 4  # flag of an Ogg page


def shortfall(path: Path) -> float:
    """Share of the samples, 0 to 1, that a WAV's or AIFF's header tells of and that are not there; 0: or unknown."""
    with opened(path) as file:
        head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
    form, order, name = head[:4], "<", b"data"
    if form == b"FORM":
        order, name = ">", b"SSND"
    elif form not in (b"RIFF", b"RF64", b"BW64"):
        return 0.0
    place, large = 12, 0
    while place + 8 <= len(head):
        length: int = struct.unpack(order + "I", head[place + 4 : place + 8])[0]
        if head[place : place + 4] == b"ds64" and place + 24 <= len(head):
            large = struct.unpack("<Q", head[place + 16 : place + 24])[0]
        elif head[place : place + 4] == name:
            if form in (b"RF64", b"BW64") and length == 0xFFFFFFFF:
                length = large if large < 1 << 62 else 0
            elif length >= UNKNOWN:
                return 0.0
            missing = place + 8 + length - size
            return missing / length if length and missing > 1 else 0.0
        place += 8 + length + length % 2
    return 0.0


def unfilled(path: Path) -> dict[int, bytes]:
    """Bytes that a WAV's or AIFF's header should have where its size of the samples was never filled in, by place."""
    with opened(path) as file:
        head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
    form, order, name, empty = head[:4], "<", b"data", 0
    if form == b"FORM":
        order, name, empty = ">", b"SSND", 8
    elif form not in (b"RIFF", b"RF64", b"BW64"):
        return {}
    place, ds64 = 12, None
    while place + 8 <= len(head):
        length: int = struct.unpack(order + "I", head[place + 4 : place + 8])[0]
        there = size - place - 8
        if head[place : place + 4] == b"ds64":
            ds64 = place
        elif head[place : place + 4] == name:
            if ds64 is not None and length == 0xFFFFFFFF and not any(head[ds64 + 16 : ds64 + 24]):
                return {ds64 + 8: struct.pack("<QQ", size - 8, there)}
            if length > empty or there <= empty:
                return {}
            filled = struct.pack(order + "I", min(there, UNKNOWN - 1))
            return {4: struct.pack(order + "I", min(size - 8, UNKNOWN - 1)), place + 4: filled}
        place += 8 + length + length % 2
    return {}


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
