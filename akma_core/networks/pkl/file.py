"""The bytes of a network file, and which container they are in: by content, never by the file's name."""

from pathlib import Path
from typing import Literal

from .unpickler import bad_network

MAX_FILE = 1 << 32  # bytes; the largest official training container is about 0.5 GB

Form = Literal["pickle", "torch stream", "torch zip"]

READABLE = "AKMA reads StyleGAN2 and StyleGAN3: .pkl of PyTorch and TensorFlow, and rosinality's .pt"
BEGINNINGS = {
    b"<": "this is a web page; open its address in a browser and download the file itself",
    b"version https://git-lfs": "this is a Git LFS pointer; fetch the network with `git lfs pull`",
    b"\x1f\x8b": "this is compressed with gzip; unpack it first",
    b"\x89HDF": "this is an HDF5 file, as Keras writes; AKMA reads StyleGAN2 and StyleGAN3 of PyTorch and TensorFlow",
}
ZIP = b"PK\x03\x04"
MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # what every torch.save stream begins with, behind PROTO and FRAME


def read_bytes(path: Path) -> bytes:
    """The file's bytes; RequestError for what is no regular file or cannot be a network."""
    if path.is_dir():
        raise bad_network("this is a folder; give the network's file in it")
    if not path.exists():
        raise bad_network("there is no such file; check the path")
    if not path.is_file():
        raise bad_network("this is not a regular file; save the network to one")
    # Read, not mapped: another process that cuts a mapped file short kills this one.
    with path.open("rb") as file:
        form_of(file.read(64))
        size = file.seek(0, 2)
        if size > MAX_FILE:
            raise bad_network(f"its {size} bytes are more than any StyleGAN network has; give one network")
        file.seek(0)
        return file.read(size)


def form_of(data: bytes) -> Form:
    """The container that bytes begin like; RequestError, in words about what they are, where it is none."""
    if not data:
        raise bad_network("it is empty; download it again")
    for beginning, reason in BEGINNINGS.items():
        if data[:64].lstrip().startswith(beginning):
            raise bad_network(reason)
    if data[:4] == ZIP:
        return "torch zip"
    if data[8:9] == b"{" and data[6:8] == b"\0\0":
        raise bad_network("this is a safetensors file alone; give the folder that has its network.json, too")
    if data[0] != 0x80:
        raise bad_network(f"this is not a network; {READABLE}")
    head = data[2:64]
    if head.startswith(b"\x95"):  # a frame, with its length: protocols 4 and 5
        head = head[9:]
    return "torch stream" if head.startswith(MAGIC) else "pickle"
