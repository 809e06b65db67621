"""From a name or a path to an upscaler on a device."""

import hashlib
from pathlib import Path

import safetensors.torch
import torch

from akma_core.errors import RequestError
from akma_core.networks.memory import keep_mapped

from .architecture import Network, build
from .catalog import UpscalerCard, cards, read_files
from .file import Weights, blend, read_weights
from .ncnn import name_layers, read_ncnn
from .upscaler import Upscaler

SUFFIXES = (".pth", ".pt", ".safetensors")


def load_upscaler(
    name_or_path: str | Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    memory: int | None = None,
    weak: Path | None = None,
    denoise: float = 1.0,
) -> Upscaler:
    """The upscaler of a name in catalog.cards(), or of an official .pth or a .safetensors file.

    `memory`: see Upscaler. `weak`, `denoise`: blend in a second file of the same architecture, `denoise` (0..1) being
    the share of the first (general-wdn-x4v3 beside general-x4v3). RequestError (code "bad_network", or "unknown_model"
    for a name that nothing has) where that cannot be done.
    """
    keep_mapped()
    found = _load(name_or_path)
    network, name, digest = build(found.state), Path(name_or_path).stem, found.digest
    if weak is not None:
        other = _load(weak)
        network = build(blend(network.state_dict(), build(other.state).state_dict(), denoise))
        digest = hashlib.sha256(f"{digest} {other.digest} {denoise!r}".encode()).hexdigest()
    return Upscaler(network, name=name, digest=digest, device=device, dtype=dtype, memory=memory)


def load_network(card: UpscalerCard) -> Network:
    """The network that a card describes, float32 on the CPU."""
    return build(_of_card(card).state)


def _load(name_or_path: str | Path) -> Weights:
    if card := cards().get(str(name_or_path)):
        return _of_card(card)
    path = Path(name_or_path)
    if path.suffix.lower() not in SUFFIXES:
        message = f"unknown upscaler {str(name_or_path)[:80]!r}: give a name ({', '.join(cards())}) or a .pth file"
        raise RequestError(message, code="unknown_model", field="upscale")
    return read_weights(path)


def _of_card(card: UpscalerCard) -> Weights:
    files = read_files(card)
    if card.package:
        return Weights(name_layers(read_ncnn(*files)), card.digest)
    return Weights(safetensors.torch.load(files[0]), card.digest)
