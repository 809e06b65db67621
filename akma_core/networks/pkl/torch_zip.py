"""The zip container of torch.save, read strictly: members are looked up by exact name, and nothing is unpacked."""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

from .unpickler import bad_network, damaged

MAX_MEMBERS = 1 << 14  # a training checkpoint of 1024 pixels has about 1000
END, END64, LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
DIRECTORY, LOCAL = b"PK\x01\x02", b"PK\x03\x04"
END_SIZE, TAIL64_SIZE, DIRECTORY_SIZE, LOCAL_SIZE = 22, 76, 46, 30
UTF8, DESCRIPTOR = 1 << 11, 1 << 3  # flags: names are UTF-8; sizes follow the data instead of preceding it
SCRIPT = ("constants.pkl", "code")


@dataclass(frozen=True, eq=False)
class Archive:
    """Members by name without the folder that all of them are in; views of the file."""

    members: dict[str, memoryview]
    checksums: dict[str, int]

    def read(self, name: str) -> memoryview:
        """A member's bytes; RequestError where it is missing or damaged."""
        if name not in self.members:
            raise damaged(f"its zip container lacks {name[:60]!a}")
        data = self.members[name]
        # 0: torch was told to write none.
        if self.checksums[name] and zlib.crc32(data) != self.checksums[name]:
            raise damaged(f"{name[:60]!a} has another checksum than its zip container says")
        return data


def open_archive(data: memoryview) -> Archive:
    """The archive that is all of `data`; RequestError for whatever torch.save does not write."""
    count, start, end = _directory(data)
    found: dict[str, tuple[int, int, int]] = {}
    position = start
    for _ in range(count):
        fields = _unpack("<4sHHHHHHIIIHHHHHII", data, position, end)
        signature, flags, method, checksum, packed, size = (fields[k] for k in (0, 3, 4, 7, 8, 9))
        name_size, extra, comment, offset = fields[10], fields[11], fields[12], fields[16]
        name = _name(data[position + DIRECTORY_SIZE : position + DIRECTORY_SIZE + name_size])
        position += DIRECTORY_SIZE + name_size + extra + comment
        if signature != DIRECTORY or name in found or position > end:
            raise damaged("its zip container has a broken or doubled entry")
        if flags & ~(UTF8 | DESCRIPTOR) or method or packed != size or comment:
            raise bad_network("its zip container is compressed or encrypted, which torch.save never does")
        found[name] = (offset, size, checksum)
    if position != end or not found:
        raise damaged("its zip container's directory has another length than it says")
    spans = {name: _span(data, name, offset, size, start) for name, (offset, size, _) in found.items()}
    _check_layout([*sorted(spans.values()), (start, start, start)])
    return _in_one_folder(
        {name: data[first:last] for name, (_, first, last) in spans.items()},
        {name: checksum for name, (_, _, checksum) in found.items()},
    )


def _directory(data: memoryview) -> tuple[int, int, int]:
    """Number of members, start and end of the directory."""
    tail = len(data) - END_SIZE
    signature, disk, first_disk, here, count, size, start, comment = _unpack("<4sHHHHIIH", data, tail, len(data))
    if signature != END:
        raise bad_network("its zip container is cut short, or something follows it; download it again")
    if disk or first_disk or here != count or comment or count > MAX_MEMBERS:
        raise damaged("its zip container is not one that torch.save writes")
    end = start + size
    # torch writes the 64-bit form of the directory's end, too.
    if end not in (tail, tail - TAIL64_SIZE):
        raise damaged("its zip container's directory is not where it says")
    if end != tail and (data[end : end + 4] != END64 or data[tail - 20 : tail - 16] != LOCATOR):
        raise damaged("something lies between its zip container's parts")
    return count, start, end


def _span(data: memoryview, name: str, offset: int, size: int, limit: int) -> tuple[int, int, int]:
    """Start of a member, and start and end of its bytes; its own header must agree with the directory."""
    fields = _unpack("<4sHHHHHIIIHH", data, offset, limit)
    signature, flags, method, packed, own_size, name_size, extra = (fields[k] for k in (0, 2, 3, 7, 8, 9, 10))
    first = offset + LOCAL_SIZE + name_size + extra
    sizes = (packed, own_size)
    agrees = sizes == (size, size) or (flags & DESCRIPTOR and sizes == (0, 0))
    if signature != LOCAL or method or flags & ~(UTF8 | DESCRIPTOR) or not agrees or first + size > limit:
        raise damaged("its zip container contradicts itself")
    if _name(data[offset + LOCAL_SIZE : offset + LOCAL_SIZE + name_size]) != name:
        raise damaged("its zip container has two names for one member")
    return offset, first, first + size


def _check_layout(spans: list[tuple[int, int, int]]) -> None:
    end = 0
    for start, _, last in spans:
        # Only a descriptor of up to 24 bytes may lie behind a member, and nothing before the first.
        if not end <= start <= (end + 24 if end else 0):
            raise damaged("its zip container has members that overlap, or bytes that belong to none")
        end = last


def _in_one_folder(members: dict[str, memoryview], checksums: dict[str, int]) -> Archive:
    folders = {name.partition("/")[0] for name in members}
    if len(folders) != 1 or not all("/" in name for name in members):
        raise damaged("its zip container has more than one folder")
    prefix = len(folders.pop()) + 1
    inside = {name[prefix:]: view for name, view in members.items()}
    if any(name in SCRIPT or name.startswith("code/") for name in inside):
        raise bad_network("this is a TorchScript program; AKMA reads weights: give the checkpoint it was made from")
    if "byteorder" in inside and inside["byteorder"].tobytes() != b"little":
        raise bad_network("its numbers are big-endian; save it again on another machine")
    return Archive(inside, {name[prefix:]: checksum for name, checksum in checksums.items()})


def _name(data: memoryview) -> str:
    try:
        name = str(data, "utf-8")
    except UnicodeDecodeError:
        raise damaged("its zip container has a name that is not text") from None
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or not parts[0] or ".." in parts or len(name) > 512:
        raise damaged("its zip container has an impossible name")
    return name


def _unpack(form: str, data: memoryview, position: int, end: int) -> tuple[Any, ...]:
    if position < 0 or position + struct.calcsize(form) > end:
        raise bad_network("its zip container is cut short or broken; download it again")
    return struct.unpack_from(form, data, position)
