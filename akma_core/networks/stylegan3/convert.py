"""A StyleGAN3 checkpoint into AKMA's own format. torch is not needed."""

from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from akma_core.files import sha256_of
from akma_core.networks.card import WEIGHTS, NetworkCard, write_card
from akma_core.networks.checkpoint import Checkpoint

from .config import GeneratorConfig


def convert(checkpoint: Checkpoint, folder: Path, **facts: Any) -> NetworkCard:
    """Write the network into the existing `folder`; `facts` gives name, licence and note. Returns its card."""
    save_file(checkpoint.state_dict, folder / WEIGHTS)
    return describe(GeneratorConfig(**checkpoint.settings), folder, **facts)


def describe(cfg: GeneratorConfig, folder: Path, **facts: Any) -> NetworkCard:
    """Write and return the card of the weights in `folder`; `facts` gives name, licence, note and seeds."""
    (folder / WEIGHTS).chmod(0o644)  # safetensors writes files that only their owner may read
    card = NetworkCard(
        kind="stylegan3",
        config=cfg.model_dump(mode="json"),
        width=cfg.img_resolution,
        height=cfg.img_resolution,
        classes=cfg.c_dim,
        flavour=cfg.flavour,
        weights_sha256=sha256_of(folder / WEIGHTS),
        **facts,
    )
    write_card(folder, card)
    return card
