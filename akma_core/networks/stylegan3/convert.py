"""An official .pkl into AKMA's own format. Nothing in the file is run, and torch is not needed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from akma_core.errors import RequestError
from akma_core.files import sha256_of
from akma_core.networks.card import WEIGHTS, NetworkCard, write_card
from akma_core.networks.pkl.container import check_shapes, read_pkl

from .config import GeneratorConfig

LICENCE = "unknown: ask whoever trained it"


def convert_pkl(path: Path, folder: Path, *, name: str, licence: str = LICENCE, note: str = "") -> NetworkCard:
    """Write the generator of `path` into the existing `folder`, weights as float32; returns its card.

    RequestError (code bad_network) in one line for whatever is not a whole, finite StyleGAN3 generator of RGB pictures.
    """
    container = read_pkl(path)
    try:
        cfg = GeneratorConfig.from_init_kwargs(container.init_kwargs)
        if cfg.img_channels != 3:
            raise RequestError(f"its pictures have {cfg.img_channels} channels; AKMA renders RGB", code="bad_network")
        published = {key: value for key, value in container.state_dict.items() if not key.endswith("_filter")}
        container = replace(container, state_dict=published)
        check_shapes(container, cfg.shapes())
    except RequestError as error:
        raise RequestError(f"{path}: {error}", code="bad_network", field="model") from None
    weights: dict[str, Any] = {key: value.astype(np.float32) for key, value in container.state_dict.items()}
    save_file(weights, folder / WEIGHTS)
    return describe(cfg, folder, name=name, licence=licence, note=note)


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
