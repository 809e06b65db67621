"""The card of a StyleGAN2's weights. Torch is not needed."""

from pathlib import Path
from typing import Any

from akma_core.files import sha256_of
from akma_core.networks.card import WEIGHTS, NetworkCard, write_card

from .config import GeneratorConfig


def describe(cfg: GeneratorConfig, folder: Path, **facts: Any) -> NetworkCard:
    """Write and return the card of the weights in `folder`; `facts` gives name, licence, note and seeds."""
    (folder / WEIGHTS).chmod(0o644)  # safetensors writes files that only their owner may read
    card = NetworkCard(
        kind="stylegan2",
        config=cfg.model_dump(mode="json"),
        width=cfg.width,
        height=cfg.height,
        classes=cfg.c_dim,
        flavour=cfg.flavour,
        weights_sha256=sha256_of(folder / WEIGHTS),
        **facts,
    )
    write_card(folder, card)
    return card
