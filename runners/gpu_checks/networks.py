"""Networks for the checks: the published shapes with random weights, made small where a CPU stands in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.networks import builtin
from akma_core.networks.card import NetworkCard, read_card
from akma_core.networks.stylegan2 import file as stylegan2_file
from akma_core.networks.stylegan2.config import GeneratorConfig as StyleGAN2Config
from akma_core.networks.stylegan2.generator import Generator as StyleGAN2
from akma_core.networks.stylegan3 import file as stylegan3_file
from akma_core.networks.stylegan3.config import GeneratorConfig as StyleGAN3Config
from akma_core.networks.stylegan3.generator import Generator as StyleGAN3

from .bench import Bench

W = 512
SMALL_W = 16
RESOLUTIONS = (256, 512, 1024)
SMALL = 32  # pixels a side where a CPU stands in
RADIAL = {"channel_base": 65536, "channel_max": 1024, "conv_kernel": 1, "use_radial_filters": True}
CONTRAST = 2.0  # random weights give an eighth of a trained network's contrast, which would flatter PSNR
FEW = {"channel_base": 512, "channel_max": 24}  # channels for a CPU


@dataclass(frozen=True)
class Shape:
    """A published network's shape: "t-1024" is StyleGAN3 T at 1024 pixels, "f-1024" StyleGAN2's config f."""

    name: str

    @property
    def kind(self) -> str:
        """t, r, f or ink."""
        return self.name.partition("-")[0]

    def config(self, *, small: bool) -> dict[str, Any]:
        """The configuration's arguments; of a few channels at 32 pixels where `small`."""
        resolution = SMALL if small else int(self.name.partition("-")[2])
        width = SMALL_W if small else W
        options: dict[str, Any] = {"z_dim": width, "w_dim": width, "img_resolution": resolution}
        if self.kind == "f":
            return options | {"num_fp16_res": 4, "conv_clamp": 256.0} | (FEW if small else {})
        return options | {"output_scale": CONTRAST} | (RADIAL if self.kind == "r" else {}) | (FEW if small else {})

    def generator(self, *, small: bool) -> Any:
        """Random weights, the same each time, whose pictures use the range of pictures."""
        torch.manual_seed(0)
        if self.kind == "f":
            network = StyleGAN2(StyleGAN2Config(**self.config(small=small)))
            for block in network.synthesis.blocks:
                for layer in block.layers:
                    layer.noise_strength.fill_(0.1)
                    layer.fold()
            return network
        return StyleGAN3(StyleGAN3Config(**self.config(small=small)))


def folder_of(shape: Shape, bench: Bench) -> tuple[Path, NetworkCard]:
    """The network in AKMA's format in the bench's folder, and its card; ink as it is."""
    if shape.kind == "ink":
        return builtin.find("ink")
    folder = bench.folder / shape.name
    if not folder.exists():
        folder.mkdir()
        save = stylegan2_file.save if shape.kind == "f" else stylegan3_file.save
        save(shape.generator(small=bench.small), folder, name=shape.name)
    return folder, read_card(folder)


def some_w(count: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """[count, width], as random as a mapping's result."""
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
