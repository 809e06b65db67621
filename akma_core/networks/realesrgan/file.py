"""Weights of Real-ESRGAN in a file of one's own: an official .pth, or .safetensors with the same names.

A .pth is a pickle and may come from anywhere. It is read by torch's own restricted reader, and only after the container
was found to hold no more than its size says: nothing in it is run, and it cannot ask for more memory than it brings.
"""

import hashlib
import io
import pickletools
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from akma_core.errors import RequestError

MAX_FILE = 1 << 28  # bytes; the largest official file has 67 million
MAX_PICKLE = 1 << 22  # bytes of a file's structure; x4plus takes 0.1 million
MAX_MEMBERS = 4096  # of a zip container; x4plus has 702 tensors
ZIP, OLD = b"PK\x03\x04", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save since 1.6, and before
OLD_PICKLES = 5  # magic number, protocol, machine, the object, names of its storages


@dataclass(frozen=True, eq=False)
class Weights:
    state: dict[str, Tensor]
    """Tensors by upstream's names, unchecked: architecture.build checks them."""
    digest: str
    """SHA-256 of the file."""


def read_weights(path: Path) -> Weights:
    """The weights in a .pth or .safetensors file.

    RequestError (code "bad_network") that names the file where it cannot be read as one.
    """
    try:
        if not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > MAX_FILE:
            raise ValueError("it is larger than any Real-ESRGAN network")
        with path.open("rb") as file:
            data = file.read(MAX_FILE)
        return Weights(_state(data, path.suffix), hashlib.sha256(data).hexdigest())
    except (OSError, ValueError) as error:
        raise _bad(f"{str(path)[-120:]} is not a Real-ESRGAN network: {error}") from None


def blend(strong: Mapping[str, Tensor], weak: Mapping[str, Tensor], strength: float) -> dict[str, Tensor]:
    """`strength` of the first and the rest of the second: upstream's denoise strength, for general-x4v3 and its wdn.

    Both state dicts must have passed architecture.build. `strength` is in 0..1; RequestError where it is not, or where
    the two are not the same network.
    """
    if not 0 <= strength <= 1:
        raise _bad(f"the denoise strength is {strength}: give a number from 0 to 1")
    if {k: v.shape for k, v in strong.items()} != {k: v.shape for k, v in weak.items()}:
        raise _bad("the two networks to blend differ in architecture: give general-x4v3 and general-wdn-x4v3")
    return {name: strength * value + (1 - strength) * weak[name] for name, value in strong.items()}


def _state(data: bytes, suffix: str) -> dict[str, Tensor]:
    """ValueError, whose text is the reason, for anything but a dict of tensors."""
    if data.startswith(ZIP):
        _check_zip(data)
    elif data.startswith(OLD):
        _check_old(data)
    elif suffix == ".safetensors" or data[8:9] == b"{":
        try:
            return safetensors.torch.load(data)
        except Exception as error:
            raise ValueError(f"its safetensors are damaged ({_line(error)})") from None
    else:
        raise ValueError("it is neither a .pth of torch.save nor a .safetensors; download it again")
    try:
        with warnings.catch_warnings(action="ignore"):  # an odd file is refused in one line or read without a word
            loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file can make the reader fail in any way
        if "unsupported" in str(error).lower():
            raise ValueError("it does not hold plain weights: it asks for code to be run; do not trust it") from None
        raise ValueError(f"it does not hold plain weights ({type(error).__name__}); download it again") from None
    if isinstance(loaded, dict):
        # Without either key it may be the state dict itself.
        state = loaded.get("params_ema", loaded.get("params", loaded))
        if isinstance(state, dict) and state and all(_plain(*item) for item in state.items()):
            if sum(value.numel() * value.element_size() for value in state.values()) > len(data):
                raise ValueError("its tensors say they hold more than the file does; download it again")
            return {name: value.data for name, value in state.items()}
    raise ValueError("it has no plain tensors, alone or as params_ema or params; take the generator's file")


def _plain(name: object, value: object) -> bool:
    if not isinstance(name, str) or not isinstance(value, Tensor) or type(value) not in (Tensor, torch.nn.Parameter):
        return False
    return value.layout is torch.strided and not value.is_nested


def _check_zip(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as container:
            members = container.infolist()
    except Exception:  # zipfile fails in many ways on made-up directories
        raise ValueError("its zip container is damaged; download it again") from None
    if len(members) > MAX_MEMBERS or any(m.compress_type != zipfile.ZIP_STORED for m in members):
        raise ValueError("its zip container is not one that torch.save writes; download it again")
    if sum(m.file_size for m in members) > len(data):
        raise ValueError("its zip container says it holds more than it does; download it again")
    if any(m.file_size > MAX_PICKLE for m in members if m.filename.endswith(".pkl")):
        raise ValueError("its structure is larger than any network's; give the generator alone")


def _check_old(data: bytes) -> None:
    stream = io.BytesIO(data[:MAX_PICKLE])
    try:
        for _ in range(OLD_PICKLES):
            for _ in pickletools.genops(stream):
                pass
    except Exception:  # pickletools fails in many ways on made-up opcodes
        raise ValueError("its structure makes no sense; download it again") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _bad(message: str) -> RequestError:
    return RequestError(message, code="bad_network", field="upscale")
