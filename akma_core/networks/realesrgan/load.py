"""From a name or a path to an upscaler on a device."""

from pathlib import Path

import safetensors.torch
import torch

from akma_core.errors import RequestError
from akma_core.networks.kernels.allocator import keep_mapped

from .architecture import Network, build
from .catalog import SUFFIXES, UpscalerCard, cards, read_card, read_files
from .file import read_weights
from .ncnn import name_layers, read_ncnn
from .upscaler import Upscaler


def load_upscaler(
    name_or_path: str | Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    memory: int | None = None,
) -> Upscaler:
    """The upscaler of a name in catalog.cards(), of an imported one's folder, or of an official .pth or a .safetensors.

    `memory`: see Upscaler. RequestError (code "bad_network", or "unknown_model" for a name that nothing has) where that
    cannot be done.
    """
    keep_mapped()
    card, path, folder = cards().get(str(name_or_path)), Path(name_or_path), None
    if card is None and isinstance(name_or_path, Path) and path.is_dir():
        card, folder = read_card(path), path
    if card is not None:
        network, name, digest = load_network(card, folder), card.name, card.digest
    elif path.suffix.lower() in SUFFIXES:
        found = read_weights(path)
        network, name, digest = build(found.state), path.stem, found.digest
    else:
        message = f"unknown upscaler {str(name_or_path)[:80]!r}: give a name ({', '.join(cards())}) or a .pth file"
        raise RequestError(message, code="unknown_model", field="upscale")
    return Upscaler(network, name=name, digest=digest, device=device, dtype=dtype, memory=memory)


def load_network(card: UpscalerCard, folder: Path | None = None) -> Network:
    """The network that a card describes, float32 on the CPU; `folder`: of an imported one."""
    files = read_files(card, folder)
    return build(name_layers(read_ncnn(*files)) if card.package else safetensors.torch.load(files[0]))
