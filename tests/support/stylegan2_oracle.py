"""The generator as the formulas read, slowly: what the fast one is held against, and the baseline of the benchmarks.

Every sample has weights of its own, in a grouped convolution; upsampling inserts zeros, pads and convolves. It is what
the published implementation does on a CPU, and costs what that costs.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from akma_core.networks.stylegan2.generator import Generator
from akma_core.networks.stylegan2.layers import SynthesisLayer, ToRGB


def synthesis(generator: Generator, ws: Tensor, noise: bool = True) -> Tensor:
    """[B, num_ws, w_dim] -> [B, img_channels, H, W], as generator.synthesis."""
    cfg = generator.cfg
    taps = torch.tensor(cfg.taps)
    x = generator.synthesis.blocks[0].const.repeat(len(ws), 1, 1, 1)
    picture = torch.zeros(len(ws), cfg.img_channels, cfg.init_res[0] // 2, cfg.init_res[1] // 2)
    i = 0
    for block in generator.synthesis.blocks:
        skipped = None
        if cfg.architecture == "resnet" and block.geometry.in_channels:
            weight = block.skip.weight / math.sqrt(block.geometry.in_channels)
            skipped = upfirdn(F.conv2d(x, weight), taps, up=2, before=(len(taps) + 1) // 2) * math.sqrt(0.5)
        for layer in block.layers:
            gain = math.sqrt(0.5) if skipped is not None and layer is block.layers[-1] else 1.0
            x = synthesis_layer(layer, x, ws[:, i], taps, cfg.conv_clamp, gain, noise and cfg.use_noise)
            i += 1
        if skipped is not None:
            x = skipped + x
        if cfg.architecture == "skip" and block.geometry.in_channels:
            picture = upfirdn(picture, taps, up=2, before=(len(taps) + 1) // 2)
        if block.geometry.has_torgb:
            colours = torgb(block.torgb, x, ws[:, i], cfg.conv_clamp)
            picture = colours + picture if cfg.architecture == "skip" and block.geometry.in_channels else colours
    return picture


def synthesis_layer(
    layer: SynthesisLayer, x: Tensor, w: Tensor, taps: Tensor, clamp: float | None, gain: float, noise: bool
) -> Tensor:
    """[B, C_in, h, w], [B, w_dim] -> [B, C_out, H, W]."""
    style = layer.affine(w)
    own = layer.weight[None] * style[:, None, :, None, None]
    own = own * (own.square().sum([2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    batch, channels = x.shape[:2]
    x = x.reshape(1, batch * channels, *x.shape[2:])
    if layer.convolution.up:
        x = F.conv_transpose2d(x, own.transpose(1, 2).flatten(0, 1), stride=2, groups=batch)
        x = upfirdn(x, taps, up=1, before=(len(taps) + 1) // 2 - 1)
    else:
        x = F.conv2d(x, own.flatten(0, 1), padding=1, groups=batch)
    x = x.reshape(batch, -1, *x.shape[2:])
    if noise:
        x = x + layer.noise_const * layer.noise_strength
    x = F.leaky_relu(x + layer.bias[:, None, None], 0.2) * (math.sqrt(2) * gain)
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def torgb(layer: ToRGB, x: Tensor, w: Tensor, clamp: float | None) -> Tensor:
    """[B, C, H, W], [B, w_dim] -> [B, img_channels, H, W]."""
    style = layer.affine(w) / math.sqrt(x.shape[1])
    own = layer.weight[None] * style[:, None, :, None, None]
    batch, channels = x.shape[:2]
    x = F.conv2d(x.reshape(1, batch * channels, *x.shape[2:]), own.flatten(0, 1), groups=batch)
    x = x.reshape(batch, -1, *x.shape[2:]) + layer.bias[:, None, None]
    return x if clamp is None else x.clamp(-clamp, clamp)


def upfirdn(x: Tensor, taps: Tensor, *, up: int, before: int) -> Tensor:
    """Insert zeros, pad and convolve with the outer product of `taps` (sum 1), with gain 2 an axis."""
    batch, channels, height, width = x.shape
    inserted = x.new_zeros(batch, channels, height, up, width, up)
    inserted[:, :, :, 0, :, 0] = x
    after = (len(taps) - 2) // 2
    x = F.pad(inserted.reshape(batch, channels, height * up, width * up), (before, after, before, after))
    kernel = torch.outer(taps, taps).flip(0, 1) * 4
    return F.conv2d(x, kernel.expand(channels, 1, *kernel.shape), groups=channels)
