"""The zip container of torch.save: whatever torch does not write is refused, and nothing is unpacked."""

import io
import struct
import time
import tracemalloc
import zipfile
from typing import Any

import pytest
import torch

from akma_core.errors import RequestError
from akma_core.networks.pkl.torch_zip import open_archive

PLAIN = {"net/data.pkl": b"pickle", "net/data/0": bytes(range(64)), "net/version": b"3\n"}


def zipped(members: dict[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as container:
        for name, data in members.items() if isinstance(members, dict) else members:
            container.writestr(zipfile.ZipInfo(name), data, method)
    return stream.getvalue()


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        open_archive(memoryview(data))
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


def edited(where: bytes, offset: int, form: str, *values: Any, data: bytes = b"", last: bool = False) -> bytes:
    """An archive with a field changed, `offset` bytes behind the first (or last) of a signature."""
    changed = bytearray(data or zipped(PLAIN))
    at = changed.rindex(where) if last else changed.index(where)
    struct.pack_into(form, changed, at + offset, *values)
    return bytes(changed)


LOCAL, DIRECTORY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def test_reads_members_by_exact_name() -> None:
    archive = open_archive(memoryview(zipped(PLAIN)))
    assert archive.read("data.pkl").tobytes() == b"pickle"
    assert archive.read("data/0").tobytes() == bytes(range(64))
    with pytest.raises(RequestError, match="lacks"):
        archive.read("data/1")


@pytest.mark.parametrize("checksums", [True, False])
def test_reads_what_torch_writes(checksums: bool) -> None:
    stream = io.BytesIO()
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(checksums)
    try:
        torch.save({"a": torch.arange(5.0), "b": torch.zeros(3, 3)}, stream)
    finally:
        torch.serialization.set_crc32_options(before)
    archive = open_archive(memoryview(stream.getvalue()))
    assert archive.read("data/0").tobytes() == struct.pack("<5f", 0, 1, 2, 3, 4)
    assert archive.members.keys() >= {"data.pkl", "version", "byteorder"}


def test_a_folder_of_any_name() -> None:
    for name in ("550000", "My Net.v2", "먹", "a" * 200):
        members = {key.replace("net/", f"{name}/"): value for key, value in PLAIN.items()}
        assert open_archive(memoryview(zipped(members))).read("data.pkl").tobytes() == b"pickle"


def test_a_damaged_member_is_noticed() -> None:
    data = bytearray(zipped(PLAIN))
    data[data.index(b"pickle")] ^= 1
    archive = open_archive(memoryview(bytes(data)))
    archive.read("data/0")
    with pytest.raises(RequestError, match="checksum"):
        archive.read("data.pkl")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_members_of_one_name() -> None:
    refuses(zipped([*PLAIN.items(), ("net/data.pkl", b"other")]), "doubled")


def with_zip64() -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(1)}, stream)
    return stream.getvalue()


GOOD = zipped(PLAIN)
INNER = zipped({"net/version": b"3\n"})
OUTER = zipped({"net/data.pkl": INNER[: INNER.index(DIRECTORY)], "net/version": b"3\n"})
WITHIN = edited(DIRECTORY, 42, "<I", OUTER.index(LOCAL, 1), data=OUTER, last=True)
WRONG = {
    "compressed": (zipped(PLAIN, zipfile.ZIP_DEFLATED), "compressed"),
    "compressed by bzip2": (zipped(PLAIN, zipfile.ZIP_BZIP2), "compressed"),
    "encrypted": (edited(DIRECTORY, 8, "<H", 1), "encrypted"),
    "encrypted by its own header": (edited(LOCAL, 6, "<H", 1), "contradicts"),
    "two folders": (zipped(PLAIN | {"other/data.pkl": b"x"}), "more than one folder"),
    "no folder": (zipped({"data.pkl": b"x"}), "more than one folder"),
    "TorchScript": (zipped(PLAIN | {"net/constants.pkl": b"x"}), "TorchScript"),
    "TorchScript's code": (zipped(PLAIN | {"net/code/a.py": b"x"}), "TorchScript"),
    "big-endian": (zipped(PLAIN | {"net/byteorder": b"big"}), "big-endian"),
    "sizes of the directory": (edited(DIRECTORY, 20, "<II", 7, 7), "contradicts"),
    "sizes of the header": (edited(LOCAL, 18, "<II", 3, 3), "contradicts"),
    "packed size": (edited(DIRECTORY, 20, "<I", 3), "compressed"),
    "a size of 4 GB": (edited(DIRECTORY, 20, "<II", 2**32 - 1, 2**32 - 1), "contradicts"),
    "another name in the header": (GOOD.replace(b"net/data/0", b"net/data/9", 1), "two names"),
    "one member within another": (WITHIN, "overlap"),
    "the offset of another": (edited(DIRECTORY, 42, "<I", 0, last=True), "contradicts"),
    "an offset beyond the end": (edited(DIRECTORY, 42, "<I", 2**31), "cut short"),
    "an offset in the directory": (edited(DIRECTORY, 42, "<I", GOOD.index(DIRECTORY)), "cut short|contradicts"),
    "bytes before": (b"MZ" + GOOD, "not where it says"),
    "bytes before, offsets put right": (
        edited(END, 16, "<I", GOOD.index(DIRECTORY) + 2, data=b"MZ" + GOOD),
        "contradicts",
    ),
    "a comment": (edited(END, 20, "<H", 65535) + bytes(65535), "cut short"),
    "a comment that is the end": (edited(END, 20, "<H", 22) + GOOD[-22:], "not where"),
    "a count too many": (edited(END, 8, "<HH", 4, 4), "broken"),
    "a count too few": (edited(END, 8, "<HH", 2, 2), "another length"),
    "a count of none": (edited(END, 8, "<HHI", 0, 0, 0), "not where|another length"),
    "counts that differ": (edited(END, 8, "<HH", 3, 2), "not one that torch"),
    "many disks": (edited(END, 4, "<HH", 1, 0), "not one that torch"),
    "a directory elsewhere": (edited(END, 16, "<I", 0), "not where"),
    "a directory longer than the file": (edited(END, 12, "<II", 2**31, 2**31), "not where"),
    "something beside the end": (GOOD[:-22] + bytes(76) + GOOD[-22:], "lies between"),
    "cut": (with_zip64()[:-1], "cut short"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses_what_torch_does_not_write(name: str) -> None:
    refuses(*WRONG[name])


@pytest.mark.parametrize(
    "name", ["../x", "net/../../x", "/net/x", "net\\x", "net/a\nb", "net/..", "", "net/" + "x" * 600]
)
def test_refuses_names_that_could_reach_a_file(name: str) -> None:
    refuses(zipped(PLAIN | {name: b"x"}), "impossible name|more than one folder")


def test_names_that_are_no_text() -> None:
    refuses(GOOD.replace(b"net/", b"n\xfft/"), "not text")


def test_many_members_take_neither_time_nor_memory() -> None:
    data = zipped({f"net/{k}": b"" for k in range(20_000)})
    tracemalloc.start()
    start = time.process_time()
    try:
        refuses(data, "not one that torch")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 1
    refuses(edited(END, 8, "<HH", 65535, 65535), "not one that torch")


def test_gaps_between_members() -> None:
    """Bytes that belong to no member could be anything."""
    first = zipped(PLAIN)
    at = first.index(LOCAL, 1)
    gap = first[:at] + bytes(100) + first[at:]
    moved = bytearray(gap)
    end = moved.rindex(END)
    start = struct.unpack_from("<I", moved, end + 16)[0] + 100
    struct.pack_into("<I", moved, end + 16, start)
    place = start
    for k in range(3):
        offset = struct.unpack_from("<I", moved, place + 42)[0]
        struct.pack_into("<I", moved, place + 42, offset + (100 if k else 0))
        place = moved.index(DIRECTORY, place + 1) if k < 2 else place
    refuses(bytes(moved), "belong to none")
