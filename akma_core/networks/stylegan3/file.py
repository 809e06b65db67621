"""StyleGAN3 generators in AKMA's own format: safetensors weights beside a card (networks/card.py)."""

from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from akma_core.networks import weights
from akma_core.networks.card import NetworkCard, read_card

from .config import GeneratorConfig
from .convert import describe
from .generator import Generator


def save(generator: Generator, folder: Path, *, dtype: torch.dtype = torch.float32, **card: Any) -> NetworkCard:
    """Write `generator` into an existing `folder`; `card` gives name, licence, note and seeds. Returns the card."""
    weights.write(generator, folder, dtype)
    return describe(generator.cfg, folder, **card)


def load(folder: Path) -> Generator:
    """The generator in `folder`, float32 on the CPU; RequestError where the files are not what the card says."""
    card = read_card(folder)
    try:
        cfg = GeneratorConfig(**card.config)
    except (TypeError, ValidationError) as error:
        raise weights.unloadable(folder, error) from None
    return build(cfg, weights.read(folder, card, (cfg.img_resolution, cfg.img_resolution), cfg.c_dim))


def build(cfg: GeneratorConfig, state: dict[str, Tensor], compiled: bool | None = None) -> Generator:
    """A generator with these weights, under the names of the published state dict; filters are recomputed.

    RequestError for a missing, unknown or misshapen tensor and for weights that are not finite.
    """
    state = {name: value for name, value in state.items() if not name.endswith("_filter")}
    weights.check(state, cfg.shapes(), "StyleGAN3")
    generator = Generator(cfg, compiled)
    generator.load_state_dict({name: value.to(torch.float32) for name, value in state.items()})
    return generator
