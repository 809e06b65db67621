"""The generator as the formulas read, slowly: what the fast one is held against, and the baseline of the benchmarks.

Upsampling inserts zeros, pads and convolves; every sample has weights of its own, in a grouped convolution. It is what
the published implementation does on a CPU, and costs what that costs.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from akma_core.networks.stylegan3.filtered_lrelu import FilteredLeakyReLU
from akma_core.networks.stylegan3.generator import Generator, SynthesisLayer


def synthesis(generator: Generator, ws: Tensor) -> Tensor:
    """[B, num_ws, w_dim] -> [B, 3, R, R], as generator.synthesis."""
    layers = generator.synthesis.layers
    x = generator.synthesis.input(ws[:, 0], torch.ones(len(ws), layers[0].geometry.in_channels))
    for i, layer in enumerate(layers):
        x = synthesis_layer(layer, x, ws[:, 1 + i])
    picture: Tensor = x * generator.cfg.output_scale
    return picture


def synthesis_layer(layer: SynthesisLayer, x: Tensor, w: Tensor) -> Tensor:
    """[B, C_in, in, in], [B, w_dim] -> [B, C_out, out, out]."""
    geometry = layer.geometry
    style = layer.affine(w)
    if geometry.is_torgb:
        style = style / math.sqrt(geometry.in_channels)
    x = modulated_conv(x, layer.weight, style, demodulate=not geometry.is_torgb, pad=geometry.kernel - 1)
    x = x * layer.magnitude_ema.rsqrt() + layer.bias[:, None, None]
    if layer.activation is None:
        return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)
    return filtered_lrelu(x, layer.activation)


def modulated_conv(x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, pad: int) -> Tensor:
    """Per-sample weights, one group a sample."""
    batch, channels = x.shape[:2]
    if demodulate:
        weight = weight * weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
        style = style * style.square().mean().rsqrt()
    own = weight[None] * style[:, None, :, None, None]
    if demodulate:
        own = own * (own.square().sum([2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    x = x.contiguous().reshape(1, batch * channels, *x.shape[2:])
    x = F.conv2d(x, own.flatten(0, 1), padding=pad, groups=batch)
    return x.reshape(batch, -1, *x.shape[2:])


def filtered_lrelu(x: Tensor, activation: FilteredLeakyReLU) -> Tensor:
    """[B, C, n, n] -> [B, C, out, out]: zero-insert, pad, filter, activate, filter, decimate."""
    layer, up_taps, down_taps = activation.layer, activation.up_filter, activation.down_filter
    batch, channels, n, _ = x.shape
    up = layer.up
    inserted = x.new_zeros(batch, channels, n, up, n, up)
    inserted[:, :, :, 0, :, 0] = x
    x = inserted.reshape(batch, channels, n * up, n * up)
    x = F.pad(x, (layer.pad_lo, layer.pad_hi, layer.pad_lo, layer.pad_hi))
    x = _filter(x, up_taps * up)
    x = F.leaky_relu(x, 0.2) * math.sqrt(2)
    if activation.clamp is not None:
        x = x.clamp(-activation.clamp, activation.clamp)
    return _filter(x, down_taps)[:, :, :: layer.down, :: layer.down]


def _filter(x: Tensor, taps: Tensor) -> Tensor:
    channels = x.shape[1]
    if taps.ndim == 2:
        return F.conv2d(x, taps.expand(channels, 1, *taps.shape), groups=channels)
    x = F.conv2d(x, taps[:, None].expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(x, taps[None].expand(channels, 1, 1, -1), groups=channels)
