"""A StyleGAN3 checkpoint into AKMA's own format. torch is not needed."""

from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from akma_core.networks import card
from akma_core.networks.card import WEIGHTS, NetworkCard
from akma_core.networks.checkpoint import Checkpoint

from .config import GeneratorConfig


def convert(checkpoint: Checkpoint, folder: Path, **facts: Any) -> NetworkCard:
    """Write the network into the existing `folder`; `facts` gives name, licence and note. Returns its card."""
    save_file(checkpoint.state_dict, folder / WEIGHTS)
    return describe(GeneratorConfig(**checkpoint.settings), folder, **facts)


def describe(cfg: GeneratorConfig, folder: Path, **facts: Any) -> NetworkCard:
    """Write and return the card of the weights in `folder`; `facts` gives name, licence, note and seeds."""
    size = cfg.img_resolution, cfg.img_resolution
    facts |= {"classes": cfg.c_dim, "flavour": cfg.flavour}
    return card.describe(folder, "stylegan3", cfg.model_dump(mode="json"), size, **facts)
