"""StyleGAN2 generators in AKMA's own format: safetensors weights beside a card (networks/card.py)."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.files import sha256_of
from akma_core.networks.card import WEIGHTS, NetworkCard, read_card

from .card import describe
from .config import GeneratorConfig
from .generator import Generator


def save(generator: Generator, folder: Path, *, dtype: torch.dtype = torch.float32, **card: Any) -> NetworkCard:
    """Write `generator` into an existing `folder`; `card` gives name, licence, note and seeds. Returns the card."""
    weights = {name: value.to(dtype).contiguous() for name, value in generator.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    return describe(generator.cfg, folder, **card)


def load(folder: Path) -> Generator:
    """The generator in `folder`, float32 on the CPU; RequestError where the files are not what the card says."""
    card = read_card(folder)
    try:
        cfg = GeneratorConfig.checked(card.config)
        if (card.width, card.height, card.classes) != (cfg.width, cfg.height, cfg.c_dim):
            raise ValueError("its card says another size or other classes than its configuration")
        if sha256_of(folder / WEIGHTS) != card.weights_sha256:
            raise ValueError("its weights are not the card's: copy it again")
        weights: dict[str, Tensor] = load_file(folder / WEIGHTS)
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise RequestError(f"network {folder.name} cannot be loaded ({reason})", code="bad_network") from None
    return build(cfg, weights)


def build(cfg: GeneratorConfig, weights: dict[str, Tensor], compiled: bool | None = None) -> Generator:
    """A generator with these weights, under the names of the published state dict; filters are recomputed.

    RequestError for a missing, unknown or misshapen tensor and for weights that are not finite.
    """
    weights = {name: value for name, value in weights.items() if not name.endswith(".resample_filter")}
    expected = cfg.shapes()
    for name, shape in expected.items():
        if name not in weights or tuple(weights[name].shape) != shape:
            found = tuple(weights[name].shape) if name in weights else "nothing"
            raise RequestError(f"network weight {name} should have shape {shape}, found {found}", code="bad_network")
        if not torch.isfinite(weights[name]).all():
            raise RequestError(f"network weight {name} holds NaN or infinity", code="bad_network")
    if extra := sorted(weights.keys() - expected.keys()):
        raise RequestError(f"network weight {extra[0][:80]} belongs to no StyleGAN2 generator", code="bad_network")
    generator = Generator(cfg, compiled)
    generator.load_state_dict({name: value.to(torch.float32) for name, value in weights.items()})
    return generator
