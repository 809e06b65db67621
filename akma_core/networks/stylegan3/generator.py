"""The StyleGAN3 generator, for inference: Karras et al., "Alias-Free Generative Adversarial Networks", NeurIPS 2021.

Written from the paper's mathematics. Two exact reformulations make it fast: the style multiplies the input and
demodulation the output of ONE constant convolution that a whole batch shares, and the next layer's style is applied
while this layer's result is written. Activations are channels last.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.fully_connected import FullyConnected
from akma_core.networks.kernels import winograd
from akma_core.networks.kernels.compiled import available, has_amx, mkldnn

from .config import GeneratorConfig, Layer
from .filtered_lrelu import FilteredLeakyReLU

SQUARE = 16, 16  # sixteenths of a picture's side
CHANNELS = 16
"""Channels in half precision are a multiple of it: a block of the filters' kernel, and what tensor cores want."""


class MappingNetwork(nn.Module):
    """z (and class vector c) -> ws."""

    w_avg: Tensor

    def __init__(self, cfg: GeneratorConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.num_ws = cfg.num_ws
        features = cfg.z_dim
        if cfg.c_dim:
            self.embed = FullyConnected(cfg.c_dim, cfg.w_dim)
            features += cfg.w_dim
        for j in range(cfg.mapping_layers):
            self.add_module(f"fc{j}", FullyConnected(features, cfg.w_dim, cfg.lr_multiplier))
            features = cfg.w_dim
        self.register_buffer("w_avg", torch.zeros(cfg.w_dim))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """[B, z_dim], [B, c_dim] -> [B, num_ws, w_dim], float32; the first `truncation_cutoff` rows are truncated."""
        x = _normalize(z.to(torch.float32))
        if self.cfg.c_dim:
            if c is None:
                raise ValueError("a conditional network needs c, a class vector")
            x = torch.cat([x, _normalize(self.embed(c.to(torch.float32)))], dim=1)
        for j in range(self.cfg.mapping_layers):
            x = F.leaky_relu(self.get_submodule(f"fc{j}")(x), 0.2) * math.sqrt(2)
        ws = x[:, None, :].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            ws[:, :truncation_cutoff] = self.w_avg.lerp(ws[:, :truncation_cutoff], truncation_psi)
        return ws


class SynthesisInput(nn.Module):
    """Fourier features whose rotation and translation w decides."""

    freqs: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, cfg: GeneratorConfig) -> None:
        super().__init__()
        first = cfg.layers[0]
        channels, self.size, self.rate, self.cutoff = (
            first.in_channels,
            first.in_size,
            first.in_rate,
            first.in_cutoff,
        )
        direction = torch.randn(channels, 2)
        radius = direction.square().sum(1, keepdim=True).sqrt()
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnected(cfg.w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        self.affine.bias.data.copy_(torch.tensor([1.0, 0, 0, 0]))
        self.register_buffer("freqs", direction / (radius * radius.square().exp().pow(0.25)) * self.cutoff)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))

    def forward(
        self, w: Tensor, out_scale: Tensor, transform: Tensor | None = None, canvas: tuple[int, int] = SQUARE
    ) -> Tensor:
        """[B, w_dim], [B, C] -> [B, C, rows, columns]; `transform` [B, 3, 3]: output to input coordinates, default one.

        `canvas`: columns and rows in sixteenths of the picture's side, see SynthesisNetwork.
        """
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        cos, sin, dx, dy = t.unbind(1)
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        rotate = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)
        shift = torch.stack([one, zero, -dx, zero, one, -dy, zero, zero, one], 1).view(-1, 3, 3)
        m = rotate @ shift @ (self.transform if transform is None else transform)
        phases = self.phases + (self.freqs @ m[:, :2, 2:]).squeeze(2)  # [B, C]
        freqs = self.freqs @ m[:, :2, :2]  # [B, C, 2]
        amplitude = (1 - (freqs.norm(dim=2) - self.cutoff) / (self.rate / 2 - self.cutoff)).clamp(0, 1)
        u, v = (self._places(sixteenths, w.device) for sixteenths in canvas)
        angle = (freqs[:, None, :, 1] * v[:, None])[:, :, None] + (freqs[:, None, :, 0] * u[:, None])[:, None]
        features = torch.sin(2 * math.pi * (angle + phases[:, None, None])) * amplitude[:, None, None]  # [B, y, x, C]
        x: Tensor = features @ (self.weight.t() / math.sqrt(self.weight.shape[1])) * out_scale[:, None, None]
        return x.permute(0, 3, 1, 2)

    def _places(self, sixteenths: int, device: torch.device) -> Tensor:
        """Places of the grid's samples along one side, in picture widths from the middle."""
        size = self.size + round(self.rate * (sixteenths - 16) / 16)
        return (torch.arange(size, device=device, dtype=torch.float32) + 0.5 - size / 2) / self.rate


class SynthesisLayer(nn.Module):
    """Modulated convolution, bias and filtered leaky ReLU; the last one (ToRGB) has no filters and no demodulation."""

    magnitude_ema: Tensor
    kernel: Tensor
    offset: Tensor
    squares: Tensor

    def __init__(self, cfg: GeneratorConfig, layer: Layer, compiled: bool) -> None:
        super().__init__()
        self.geometry = layer
        self.compiled = compiled
        self.clamp = cfg.conv_clamp
        self.fp16 = False
        k = layer.kernel
        self.affine = FullyConnected(cfg.w_dim, layer.in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(layer.out_channels, layer.in_channels, k, k))
        self.bias = nn.Parameter(torch.zeros(layer.out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.register_buffer("kernel", torch.empty(0), persistent=False)
        self.register_buffer("offset", torch.empty(0), persistent=False)
        self.register_buffer("squares", torch.empty(0), persistent=False)
        self.activation = None if layer.is_torgb else FilteredLeakyReLU(layer, self.clamp, compiled)
        self.register_load_state_dict_post_hook(lambda module, _: module.fold())  # type: ignore[no-untyped-call]
        self.fold()

    @torch.no_grad()
    def fold(self) -> None:
        """Compute the constants that follow from the weights; call it after changing them by hand."""
        weight, self.offset = self.weight.detach(), self.bias.detach()
        if not self.geometry.is_torgb:
            weight = weight * weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
            self.squares = weight.square().sum([2, 3]).t().contiguous()
        self.gain = float(self.magnitude_ema.rsqrt())
        if self.fp16:
            weight = self._in_fp16(weight)
        self.kernel = weight.contiguous(memory_format=torch.channels_last)
        self._transformed: Tensor | None = None

    def _in_fp16(self, weight: Tensor) -> Tensor:
        """The kernel in half precision, its results near one, and all that has its channels filled up with zeros."""
        if not self.geometry.is_torgb:
            fan_in = math.sqrt(weight[0].numel())
            weight, self.gain = weight / fan_in, self.gain * fan_in
            self.squares, self.offset = _widen(self.squares, 1), _widen(self.offset, 0)
        return _widen(_widen(weight, 0), 1).to(torch.float16)

    def style(self, w: Tensor) -> Tensor:
        """[B, w_dim] -> [B, C_in]: what this layer's input is to be multiplied by."""
        s: Tensor = self.affine(w)
        if self.geometry.is_torgb:
            return s / math.sqrt(self.geometry.in_channels)
        # Per sample; the original divides by the whole batch's, equal but for demodulation's 1e-8.
        return s * s.square().mean(1, keepdim=True).rsqrt()

    def forward(self, x: Tensor, style: Tensor, out_scale: Tensor) -> Tensor:
        """[B, C_in, in, in], multiplied by `style` already -> [B, C_out, out, out], times `out_scale` [B, C_out].

        x is larger on a canvas that is not square, and so is the result.

        In half precision C_out is rounded up to a multiple of CHANNELS, and so may C_in be; the rest is zero.
        """
        if self.fp16:
            x, out_scale = _widen(x, 1).to(torch.float16), _widen(out_scale, -1)
        x = self._convolve(x)
        if self.activation is None:
            x = x[:, : self.geometry.out_channels].to(torch.float32) * self.gain + self.offset[:, None, None]
            return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)
        demodulation = (style.square() @ self.squares + 1e-8).rsqrt() * self.gain
        y: Tensor = self.activation(x, demodulation, self.offset, out_scale)
        return y

    def _convolve(self, x: Tensor) -> Tensor:
        """Full convolution with the constant kernel, [B, C_in, n, n] -> [B, C_out, n + k - 1, n + k - 1]."""
        out_channels, in_channels, k, _ = self.kernel.shape
        cpu = x.device.type == "cpu" and x.dtype == torch.float32
        if cpu and k == 3 and min(in_channels, out_channels) >= winograd.LANES:
            if self._transformed is None:
                self._transformed = winograd.transform_weight(self.kernel, self.compiled)
            return winograd.conv3x3(x, self._transformed, out_channels, 2, self.compiled)
        if cpu and k == 1 and self.compiled and has_amx() and min(in_channels, out_channels) >= winograd.LANES:
            from akma_core.networks.kernels import pointwise_amx

            if self._transformed is None:
                self._transformed = pointwise_amx.pack(self.kernel)
            return pointwise_amx.conv1x1(x, self._transformed, out_channels)
        if cpu and mkldnn():  # conv2d leaves a single thread's 1x1 to a slower way
            y: Tensor = torch.mkldnn_convolution(x, self.kernel, None, [k - 1, k - 1], [1, 1], [1, 1], 1)
            return y
        return F.conv2d(x, self.kernel, padding=k - 1)


class SynthesisNetwork(nn.Module):
    """ws -> pictures."""

    def __init__(self, cfg: GeneratorConfig, compiled: bool) -> None:
        super().__init__()
        self.cfg = cfg
        self.num_ws = cfg.num_ws
        self.input = SynthesisInput(cfg)
        self.layer_names = [layer.name for layer in cfg.layers]
        for layer in cfg.layers:
            self.add_module(layer.name, SynthesisLayer(cfg, layer, compiled))

    @property
    def layers(self) -> list[SynthesisLayer]:
        """Layers in order, ToRGB last."""
        return [getattr(self, name) for name in self.layer_names]

    def use_fp16(self, wanted: bool = True) -> None:
        """Half precision in the layers made for it, those of the highest rates; `wanted` False: float32 in all again.

        Styles, demodulation and sums stay float32. Meant for a GPU; a CPU gives about the same pictures, slowly.
        """
        for layer in self.layers:
            layer.fp16 = wanted and layer.geometry.use_fp16
            layer.fold()

    def forward(
        self, ws: Tensor, transform: Tensor | None = None, canvas: tuple[int, int] = SQUARE, **_: Any
    ) -> Tensor:
        """[B, num_ws, w_dim] -> [B, img_channels, R, R], nominal -1..1. Keywords of other StyleGANs are ignored.

        `transform` [B, 3, 3] leads from each picture's coordinates, in widths from its middle, to the input's.
        `canvas`: columns and rows of the picture in sixteenths of R, even numbers. The input's coordinates go on beyond
        the square, and every layer is larger by as much: pads and filters, of which each sample sees no more than
        before, stay as they are. The square's area then holds the square picture.
        """
        ws = ws.to(torch.float32)
        layers = self.layers
        styles = [layer.style(ws[:, 1 + i]) for i, layer in enumerate(layers)]
        x = self.input(ws[:, 0], styles[0], transform, canvas)
        for layer, style, following in zip(layers, styles, [*styles[1:], torch.empty(0)], strict=True):
            x = layer(x, style, following)
        picture: Tensor = x * self.cfg.output_scale
        return picture


class Generator(nn.Module):
    """mapping and synthesis, under the names that StyleGAN users know.

    `compiled` kernels are used on a CPU wherever they can be; False is the same in plain torch.
    """

    def __init__(self, cfg: GeneratorConfig, compiled: bool | None = None) -> None:
        super().__init__()
        self.cfg = cfg
        self.z_dim, self.c_dim, self.w_dim = cfg.z_dim, cfg.c_dim, cfg.w_dim
        self.img_resolution, self.img_channels, self.num_ws = cfg.img_resolution, cfg.img_channels, cfg.num_ws
        self.mapping = MappingNetwork(cfg)
        self.synthesis = SynthesisNetwork(cfg, available() if compiled is None else compiled)
        self.requires_grad_(False).eval()

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """[B, z_dim] -> [B, img_channels, R, R]."""
        picture: Tensor = self.synthesis(self.mapping(z, c, truncation_psi, truncation_cutoff))
        return picture


def _widen(x: Tensor, dim: int) -> Tensor:
    """Zeros at the end of `dim`, to a multiple of CHANNELS."""
    missing = -x.shape[dim] % CHANNELS
    return F.pad(x, [0, 0] * (x.ndim - 1 - dim % x.ndim) + [0, missing]) if missing else x


def _normalize(x: Tensor) -> Tensor:
    """Divide each row by its root mean square."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()
