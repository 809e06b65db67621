"""Pictures of the sea for training: each is drawn from its seed by the procedural network, at a random moment."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from akma_core.modulation.walk import latent
from akma_core.networks.picture import to_uint8
from akma_core.networks.sea.config import SeaConfig
from akma_core.networks.sea.generator import SeaGenerator
from akma_core.networks.sea.scene import AZIMUTH, HEADING

Z_DIM = 16
MOMENTS = 3600.0
"""Seconds of sea from which a picture's moment is drawn."""


def latents(seeds: NDArray[np.int64] | list[int]) -> Tensor:
    """z of the seeds, float32 [n, 16], of length 4: all that a mapping network sees of a z is its direction."""
    z = torch.from_numpy(np.stack([latent(int(seed), Z_DIM) for seed in seeds]))
    return (z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()).float()


class SeaPictures:
    """Draws pictures of the sea, on the CPU, one thread of torch's."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._generator = SeaGenerator(SeaConfig())

    def draw(self, seed: int) -> NDArray[np.uint8]:
        """The picture of a seed, [size, size, 3]: w is what the sea makes of its z, the moment is as random."""
        ws = self._generator.mapping(latents([seed]))[:, None]
        moment = torch.tensor([np.random.default_rng(seed).uniform(0, MOMENTS)], dtype=torch.float64)
        picture = self._generator.synthesis(ws, moment, None, self.size, self.size)
        pixels: NDArray[np.uint8] = to_uint8(picture)[0].numpy()
        return pixels


def mirror() -> Tensor:
    """Signs of z's numbers when a picture is mirrored: the sun and the wind come from the other side."""
    signs = torch.ones(Z_DIM)
    signs[[AZIMUTH, HEADING]] = -1
    return signs


def read_drawn(folder: Path, size: int) -> tuple[NDArray[np.uint8], Tensor]:
    """Pictures [n, size, size, 3] drawn before, each in a file named after its seed, and their z [n, 16]."""
    paths = sorted(path for path in folder.iterdir() if path.stem.isdecimal())
    with ThreadPoolExecutor() as threads:
        read = zip(paths, threads.map(partial(_read, size=size), paths), strict=True)
        kept = [(int(path.stem), picture) for path, picture in read if picture is not None]
    if not kept:
        return np.empty((0, size, size, 3), np.uint8), torch.empty(0, Z_DIM)
    return np.stack([picture for _, picture in kept]), latents([seed for seed, _ in kept])


def _read(path: Path, size: int) -> NDArray[np.uint8] | None:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB").resize((size, size), Image.Resampling.BOX))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
