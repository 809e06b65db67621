"""Files that users try and that are no network: one clear sentence each."""

import gzip
import os
import socket
import struct
import tracemalloc
from pathlib import Path

import pytest

from akma_core.errors import RequestError
from akma_core.networks.kinds import read
from tests.support import pickles
from tests.support.pickles import container, dump

OTHERS = {
    "empty": (b"", "is empty"),
    "html": (b"<!DOCTYPE html><html><body>404", "web page"),
    "html after blanks": (b"\r\n <html>", "web page"),
    "torch zip": (b"PK\x03\x04" + bytes(40), "cut short"),
    "torch legacy": (dump(pickles.MAGIC).replace(b"\x80\x04", b"\x80\x02") + dump(1001), "cut short"),
    "keras": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "safetensors": (struct.pack("<Q", 128) + b'{"a":{"dtype":"F32"}}' + bytes(128), "safetensors"),
    "safetensors of pickle's first byte": (struct.pack("<Q", 0x480) + b'{"a":{}}' + bytes(1200), "safetensors"),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "gzip": (gzip.compress(b"x"), "gzip"),
    "text": (b"Not Found", "not a network"),
    "one byte": (b"\x80", "cut short"),
    "old pickle": (b"(dp0\n.", "not a network"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_get_one_clear_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pkl"
    data, match = OTHERS[name]
    path.write_bytes(data)
    with pytest.raises(RequestError, match=f"net.pkl: .*{match}") as caught:
        read(path)
    assert caught.value.code == "bad_network"


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        os.mkfifo(tmp_path / "fifo")
        for path, match in {
            tmp_path: "a folder",
            tmp_path / "none.pkl": "no such file",
            tmp_path / "s": "not a regular file",
            tmp_path / "fifo": "not a regular file",
            tmp_path / ("x" * 300): "cannot be read",
            tmp_path / "nul\0": "no such file",
        }.items():
            with pytest.raises(RequestError, match=match) as caught:
                read(path)
            assert caught.value.code == "bad_network"


@pytest.mark.parametrize(
    ("head", "size", "match"),
    [(container()[:64], (1 << 32) + 1, "more than any StyleGAN network has"), (b"<html>", 1 << 30, "web page")],
    ids=["too large", "another kind"],
)
def test_large_files_that_cannot_be_networks_are_not_read(head: bytes, size: int, match: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pkl"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match=match):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
