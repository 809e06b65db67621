"""An official .pth, or two of them blended, into an upscaler's folder. Nothing in the files is run."""

import hashlib
from pathlib import Path

import safetensors.torch

from .architecture import Network, build
from .catalog import WEIGHTS, UpscalerCard, write_card
from .file import blend, read_weights
from .rrdb import RRDBNet

LICENCE = "unknown: ask whoever trained it"


def convert_pth(
    path: Path,
    folder: Path,
    *,
    name: str,
    licence: str = LICENCE,
    note: str = "",
    weak: Path | None = None,
    denoise: float = 1.0,
) -> UpscalerCard:
    """Write the network of a .pth or .safetensors into the existing `folder`, as float32; returns its card.

    `weak`, `denoise`: blend in a second file of the same architecture, `denoise` (0..1) being the share of the first
    (general-wdn-x4v3 beside general-x4v3). RequestError (code "bad_network") in one line where that cannot be done.
    """
    network, digest, source = _read(path)
    if weak is not None:
        other, other_digest, other_source = _read(weak)
        network = build(blend(network.state_dict(), other.state_dict(), denoise))
        digest = hashlib.sha256(f"{digest} {other_digest} {denoise!r}".encode()).hexdigest()
        source = f"{denoise:g} of {source}, {1 - denoise:g} of {other_source}"
    data = safetensors.torch.save({name: value.contiguous() for name, value in network.state_dict().items()})
    (folder / WEIGHTS).write_bytes(data)
    card = UpscalerCard(
        name=name,
        architecture="RRDBNet" if isinstance(network, RRDBNet) else "SRVGGNetCompact",
        scale=network.scale,
        files={WEIGHTS: hashlib.sha256(data).hexdigest()},
        origin=digest,
        source=source,
        licence=licence,
        note=note,
    )
    write_card(folder, card)
    return card


def _read(path: Path) -> tuple[Network, str, str]:
    """The network in a file, the file's SHA-256, and both for people."""
    found = read_weights(path)
    return build(found.state), found.digest, f"{path.name[-120:]} (sha256 {found.digest[:16]})"
