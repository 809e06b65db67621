"""Networks as they are saved: an ordinary StyleGAN3 in AKMA's own format, whole at every moment."""

import copy
import shutil
from pathlib import Path
from typing import Any

import torch

from akma_core.files import sync, writing
from akma_core.networks.card import CARD, WEIGHTS
from akma_core.networks.stylegan3.file import save
from akma_core.networks.stylegan3.generator import Generator


def save_network(generator: Generator, folder: Path, dtype: torch.dtype, **facts: Any) -> None:
    """Write `generator` into `folder` over what was there; `facts` are the card's. FailureError: it is as it was."""
    new = folder / ".new"
    with writing(folder):
        new.mkdir(exist_ok=True)
        try:
            save(copy.deepcopy(generator).cpu(), new, dtype=dtype, **facts)
            for name in (WEIGHTS, CARD):
                sync(new / name)
            for name in (WEIGHTS, CARD):
                (new / name).replace(folder / name)
        finally:
            shutil.rmtree(new, ignore_errors=True)
