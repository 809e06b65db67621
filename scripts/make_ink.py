"""Make "ink", the network that AKMA carries: a StyleGAN3-R in closed form, trained on nothing, calibrated by eye.

An untrained generator is grey-green mud, because each layer's statistics drift. Here every layer is given, in order,
the mean and the scale that let its clamp act as a saturating nonlinearity (it draws the edges), and ToRGB is rotated so
that luminance, a warm-cold axis and a weak magenta-green axis get the variance a painter would give them.

    python scripts/make_ink.py [--out FOLDER]      writes network.safetensors and network.json
"""

import math
import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))

from made_network import halved, main

from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator

SEED = 7
LATENTS = 8  # pictures that the statistics are measured on
GAIN = 1.1  # RMS into every nonlinearity, whose clamp is 1: below 1 is haze, from 3 on noise
STYLE = 0.7  # how much w may change a layer; at 1 a walk boils
BIAS_NOISE = 0.4  # standard deviation; what makes shapes differ from layer to layer
FREQUENCY = 0.65  # of the Fourier features, against the paper's: larger forms, a composition rather than a texture
CAMERA = 0.25  # standard deviation of the input's rotation (radians) and shift (picture widths) over w
TORGB_STYLE = 0.2  # how much w may turn the colours; at 1 every picture is its own garish monochrome
LUMINANCE = 0.36  # standard deviation of luminance in a picture, nominal range -1..1
WARM_COLD, MAGENTA_GREEN = 0.55, 0.25  # standard deviations of the chroma axes, relative to luminance
OWN_MEAN = 0.8  # share of each picture's own mean colour left out of the covariance, so that pictures may differ
TONE = -0.15  # mean of the picture: ink is dark

CONFIG = GeneratorConfig(
    z_dim=512,
    w_dim=512,
    img_resolution=256,
    channel_base=16384,
    channel_max=96,
    conv_kernel=1,
    use_radial_filters=True,
    conv_clamp=1.0,
    output_scale=1.0,
)

# Chosen by looking at seeds 0..199: fire and daylight for the loud walk, deep water and night for the quiet one.
SEEDS_TOP = (
    5, 10, 12, 15, 21, 24, 27, 38, 40, 44, 48, 49, 54, 55, 56, 59, 69, 71, 73, 75, 78, 91, 96, 104, 107, 112, 118, 122,
    123, 124, 132, 137, 138, 143, 149, 152, 153, 154, 155, 171, 176, 178, 180, 184, 187, 189, 190, 199,
)  # fmt: skip
SEEDS_BOTTOM = (
    2, 4, 7, 18, 19, 20, 22, 23, 26, 33, 34, 36, 37, 39, 43, 46, 57, 64, 65, 74, 81, 92, 98, 101, 109, 111, 113, 126,
    128, 129, 139, 150, 170, 173, 177, 181, 185, 186, 188, 196, 197, 198,
)  # fmt: skip


@torch.no_grad()
def make() -> Generator:
    """The calibrated network; the same on every run of one machine and torch."""
    torch.manual_seed(SEED)
    generator = Generator(CONFIG)
    noise = torch.Generator().manual_seed(SEED + 1)
    synthesis, mapping = generator.synthesis, generator.mapping
    z = torch.randn(500, CONFIG.z_dim, generator=noise)
    mapping.w_avg.copy_(mapping(z)[:, 0].mean(0))
    ws = mapping(z[:LATENTS])
    synthesis.input.freqs.mul_(FREQUENCY)
    synthesis.input.affine.weight.normal_(0, CAMERA, generator=noise)

    for layer in synthesis.layers[:-1]:
        layer.affine.weight.mul_(STYLE)
    calibrate(generator, ws, centre=True)
    for layer in synthesis.layers[:-1]:
        layer.bias.add_(torch.randn(layer.bias.shape, generator=noise) * BIAS_NOISE)
    paint(generator, ws, calibrate(generator, ws, centre=False))
    return halved(generator)


def calibrate(generator: Generator, ws: Tensor, *, centre: bool) -> Tensor:
    """Give every layer GAIN and, with `centre`, channels of mean zero; returns ToRGB's input [B, C, R, R]."""
    synthesis = generator.synthesis
    styles = [layer.style(ws[:, 1 + i]) for i, layer in enumerate(synthesis.layers)]
    x: Tensor = synthesis.input(ws[:, 0], torch.ones_like(styles[0]))
    for layer, style in zip(synthesis.layers[:-1], styles, strict=False):
        layer.magnitude_ema.copy_(x.square().mean() / GAIN**2)
        layer.fold()
        x = x * style[:, :, None, None]
        if centre:
            y = F.conv2d(x, layer.kernel, padding=layer.geometry.kernel - 1).mean([2, 3])
            layer.bias.copy_(-(y * (style.square() @ layer.squares + 1e-8).rsqrt() * layer.gain).mean(0))
        x = layer(x, style, torch.ones(len(ws), layer.geometry.out_channels))
    return x


def paint(generator: Generator, ws: Tensor, x: Tensor) -> None:
    """Rotate and scale ToRGB so that its colours, measured on `x`, have the wanted axes and spreads."""
    torgb = generator.synthesis.layers[-1]
    torgb.affine.weight.mul_(TORGB_STYLE)
    torgb.magnitude_ema.fill_(1)
    torgb.bias.zero_()
    torgb.fold()
    style = torgb.style(ws[:, -1])
    colours = torgb(x * style[:, :, None, None], style, style)
    own = colours.mean([2, 3], keepdim=True)
    centred = colours - OWN_MEAN * own - (1 - OWN_MEAN) * own.mean(0, keepdim=True)
    flat = centred.permute(1, 0, 2, 3).reshape(3, -1)
    variance, axes = torch.linalg.eigh(flat @ flat.t() / flat.shape[1])
    luminance = torch.tensor([1, 1, 1.0]) / math.sqrt(3)
    warm_cold = torch.tensor([1, 0, -1.0]) / math.sqrt(2) * WARM_COLD
    magenta_green = torch.tensor([1, -2, 1.0]) / math.sqrt(6) * MAGENTA_GREEN
    target = torch.stack([luminance, warm_cold, magenta_green], 1) * LUMINANCE * math.sqrt(3)
    mix = target @ torch.diag(variance.flip(0).rsqrt()) @ axes.flip(1).t()
    torgb.weight.copy_(torch.einsum("ij,jkab->ikab", mix, torgb.weight))
    torgb.bias.copy_(TONE - mix @ colours.mean([0, 2, 3]))
    torgb.fold()


if __name__ == "__main__":
    main(make, "ink", SEEDS_TOP, SEEDS_BOTTOM)
