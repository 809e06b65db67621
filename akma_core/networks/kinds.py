"""The kinds of networks behind one interface: what a file is, its conversion, and its generator.

A kind is a package with `kind` (see Kind), `convert.convert(checkpoint, folder, **facts)`, which needs no torch, and
`file.load(folder)`. Packages are imported when they are used.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from akma_core.errors import RequestError

from . import KINDS
from .card import NetworkCard, read_card
from .checkpoint import Checkpoint
from .pkl.file import read_bytes
from .reader import parse

SUFFIXES = (".pkl", ".pt", ".pth", ".ckpt")
"""Suffixes of files of networks; their kind is seen from their content."""
LICENCE = "unknown: ask whoever trained it"


def detect(path: Path) -> str:
    """The kind of network in a file; RequestError (bad_network) that names the file where it is none."""
    return read(path).kind


class Kind(Protocol):
    """A kind of network, as planning and a device need it: the module `kind` of its package. No torch in it."""

    ABILITIES: tuple[str, ...]
    """Targets of modulation that it has: "layers", "camera", "class", "time"."""

    ANY_SIZE: bool
    """True where pictures of any size and shape are computed as such."""
    WIDE: bool
    """True where `synthesis` takes `canvas`, columns and rows in sixteenths of its picture: see canvas.py."""
    MOVES: bool
    """True where the picture moves by itself: `synthesis` takes the time of each frame."""

    def has_noise(self, config: dict[str, Any]) -> bool:
        """True where `synthesis` takes a noise_mode (const, none, random) and noise_seeds."""

    def largest_layer(self, config: dict[str, Any]) -> int:
        """Bytes of one picture's largest layer on a GPU: what a batch is reckoned by."""

    def rates(self, config: dict[str, Any]) -> tuple[float, ...]:
        """Sampling rate of the layer that each row of ws feeds: 0 for the input's, inf for ToRGB's."""


def of(card: NetworkCard) -> Kind:
    """The kind of the network that `card` describes."""
    module: Any = import_module(f"{KINDS[card.kind]}.kind")
    found: Kind = module
    return found


def load(folder: Path) -> Any:
    """The generator in a folder of AKMA's format, float32 on the CPU; RequestError where the files are damaged."""
    return import_module(f"{KINDS[read_card(folder).kind]}.file").load(folder)


def convert(path: Path, folder: Path, *, name: str, licence: str = LICENCE, note: str = "") -> NetworkCard:
    """Write the network in a file into the existing `folder`, weights as float32; returns its card.

    RequestError (code bad_network) in one line for whatever is not a whole, finite generator of RGB pictures.
    """
    checkpoint = read(path)
    if (channels := checkpoint.settings["img_channels"]) != 3:
        raise _naming(path, f"its pictures have {channels} channels; AKMA renders RGB")
    module = import_module(f"{KINDS[checkpoint.kind]}.convert")
    card: NetworkCard = module.convert(checkpoint, folder, name=name, licence=licence, note=note)
    return card


def read(path: Path) -> Checkpoint:
    """The generator in a file, read as data in about twice its size of memory: nothing in it is run.

    RequestError (code bad_network) that names the file and says what is wrong with it.
    """
    try:
        return parse(read_bytes(path))
    except OSError as error:
        raise _naming(path, f"it cannot be read ({error.strerror}); check its permissions") from None
    except RequestError as error:
        raise _naming(path, str(error)) from None


def _naming(path: Path, reason: str) -> RequestError:
    return RequestError(f"{path}: {reason}", code="bad_network", field="model")
