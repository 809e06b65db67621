"""The synthesis network: w becomes a picture, block by block."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.kernels.compiled import fused

from . import filters
from .config import Block, GeneratorConfig
from .convolution import FUSED_TAPS
from .layers import SynthesisLayer, ToRGB

MODES = ("const", "none", "random")


class SynthesisBlock(nn.Module):
    """The layers of one resolution, under the names of the published state dict."""

    const: Tensor

    def __init__(self, cfg: GeneratorConfig, block: Block, compiled: bool) -> None:
        super().__init__()
        self.geometry = block
        self.residual = cfg.architecture == "resnet" and block.in_channels > 0
        self.taps = cfg.taps
        if not block.in_channels:
            self.const = nn.Parameter(torch.randn(block.channels, *cfg.init_res))
        for k, (name, inputs) in enumerate(block.convolutions):
            layer = SynthesisLayer(
                inputs,
                block.channels,
                (block.height, block.width),
                cfg.w_dim,
                index=block.first_w + k,
                up=name == "conv0",
                taps=cfg.taps,
                use_noise=cfg.use_noise,
                clamp=cfg.conv_clamp,
                gain=math.sqrt(0.5) if self.residual and name == "conv1" else 1,
                compiled=compiled,
            )
            self.add_module(name, layer)
        if block.has_torgb:
            self.torgb = ToRGB(block.channels, cfg.img_channels, cfg.w_dim, cfg.conv_clamp, cfg.taps, compiled)
        if self.residual:
            self.skip = nn.Conv2d(block.in_channels, block.channels, 1, bias=False)

    @property
    def layers(self) -> list[SynthesisLayer]:
        """conv0, where there is one, and conv1."""
        return [getattr(self, name) for name, _ in self.geometry.convolutions]

    def forward(self, x: Tensor, ws: Tensor, mode: str, seeds: Tensor | None) -> Tensor:
        """[B, C_in, h, w], [B, num_ws, w_dim] -> [B, C, H, W]; the first block takes the constant for x."""
        y = x
        for layer in self.layers:
            y = layer(y, ws[:, layer.index], mode, seeds)
        if self.residual:
            gain = math.sqrt(0.5 / self.geometry.in_channels)
            skipped = F.conv2d(x.to(y.dtype), (self.skip.weight * gain).to(y.dtype))
            y = filters.upsample(skipped, self.taps).add_(y)
        return y

    def picture(self, x: Tensor, ws: Tensor, below: Tensor | None) -> Tensor | None:
        """This block's colours added to the picture of the block below, made twice as large."""
        if not self.geometry.has_torgb:
            return below
        picture: Tensor = self.torgb(x, ws[:, self.geometry.first_w + len(self.layers)], below)
        return picture


class SynthesisNetwork(nn.Module):
    """ws -> pictures."""

    def __init__(self, cfg: GeneratorConfig, compiled: bool) -> None:
        super().__init__()
        self.cfg = cfg
        self.num_ws = cfg.num_ws
        self.in_passes = cfg.architecture == "skip" and len(cfg.taps) == FUSED_TAPS
        """True where one pass can do all that follows a convolution, colours too; others go layer by layer."""
        for block in cfg.blocks:
            self.add_module(block.name, SynthesisBlock(cfg, block, compiled))

    @property
    def blocks(self) -> list[SynthesisBlock]:
        """Blocks in order, the smallest first."""
        return [getattr(self, block.name) for block in self.cfg.blocks]

    def use_fp16(self, wanted: bool = True) -> None:
        """Half precision in the blocks made for it; `wanted` False: float32 in all again.

        Styles, demodulation, sums and pictures stay float32. Meant for a GPU; a CPU gives about the same, slowly.
        """
        for block in self.blocks:
            for layer in block.layers:
                layer.fp16 = wanted and block.geometry.use_fp16
                layer.fold()

    def forward(self, ws: Tensor, noise_mode: str = "const", noise_seeds: Tensor | None = None, **_: Any) -> Tensor:
        """[B, num_ws, w_dim] -> [B, img_channels, H, W], nominal -1..1, float32.

        Rows of ws may differ. `noise_mode` is const, none or random; the last wants `noise_seeds` [B] int64, see
        modulation.inputs.noise_seeds. Keywords of other StyleGANs are ignored.
        """
        if noise_mode not in MODES or (noise_mode == "random" and noise_seeds is None):
            raise ValueError(f"noise_mode must be one of {', '.join(MODES)}, and random needs noise_seeds")
        ws = ws.to(torch.float32)
        if self.in_passes and fused(ws):
            return self.fused_picture(ws, noise_mode, noise_seeds)
        x = self.blocks[0].const.expand(len(ws), -1, -1, -1)
        picture: Tensor | None = None
        for block in self.blocks:
            x = block(x, ws, noise_mode, noise_seeds)
            picture = block.picture(x, ws, picture)
        assert picture is not None
        return picture

    def fused_picture(self, ws: Tensor, noise_mode: str, noise_seeds: Tensor | None) -> Tensor:
        """As `forward`, on a GPU, of the architecture skip."""
        from . import synthesis_fused

        order = [
            (layer, block.torgb if layer is block.layers[-1] else None)
            for block in self.blocks
            for layer in block.layers
        ]
        return synthesis_fused.picture(self.blocks[0].const, order, ws, noise_mode, noise_seeds)
