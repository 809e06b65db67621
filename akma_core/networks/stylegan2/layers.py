"""The layers of a StyleGAN2: a modulated convolution with all that follows it, and the one that makes colours.

The style multiplies the input and demodulation the output of ONE constant convolution that a whole batch shares. The
leaky ReLU's gain is multiplied into demodulation, noise and bias, as it may be: gain * lrelu(x) = lrelu(gain * x).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.fully_connected import FullyConnected
from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.kernels.winograd import LANES

from . import filters, noise
from .convolution import Convolution

SLOPE = 0.2
SAFE = 30000.0  # what half precision may hold where nothing else bounds it


class Modulated(nn.Module):
    """A layer with a style: its weights, and the constants that follow from them."""

    matrix: Tensor
    squares: Tensor
    offset: Tensor

    def __init__(self, in_channels: int, out_channels: int, side: int, w_dim: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, side, side))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        for name in ("matrix", "squares", "offset"):
            self.register_buffer(name, torch.empty(0), persistent=False)
        self.register_load_state_dict_post_hook(lambda module, _: module.fold())  # type: ignore[no-untyped-call]

    def fold(self) -> None:
        """Compute the constants that follow from the weights; call it after changing them by hand."""
        raise NotImplementedError


class SynthesisLayer(Modulated):
    """clamp(gain * lrelu(demodulated convolution + noise + bias)), of the same size or twice as large."""

    noise_const: Tensor
    noise_strength: Tensor
    field: Tensor
    scale: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: tuple[int, int],
        w_dim: int,
        *,
        index: int,
        up: bool = False,
        taps: Sequence[float] = (1 / 8, 3 / 8, 3 / 8, 1 / 8),
        use_noise: bool = True,
        clamp: float | None = None,
        gain: float = 1,
        compiled: bool = False,
    ) -> None:
        """`size` is the result's height and width; `index` counts layers, for their random noise."""
        super().__init__(in_channels, out_channels, 3, w_dim)
        self.size, self.index, self.use_noise, self.fp16 = size, index, use_noise, False
        self.gain = math.sqrt(2) * gain
        self.clamp = None if clamp is None else clamp * gain
        self.convolution = Convolution(up, taps, compiled)
        if use_noise:
            self.register_buffer("noise_const", torch.randn(size))
            self.register_buffer("noise_strength", torch.zeros([]))
        self.register_buffer("field", torch.empty(0), persistent=False)
        self.register_buffer("scale", torch.empty(0), persistent=False)
        self.fold()

    @torch.no_grad()
    def fold(self) -> None:
        weight, self.matrix = self.weight.detach(), self.affine.weight * self.affine.weight_gain
        self.offset = self.bias.detach() * self.gain
        if self.use_noise:
            self.field = self.noise_const * (self.noise_strength * self.gain)
        # Half precision: a result near one for an input near one. Demodulation takes it back.
        self.scale = torch.ones_like(self.offset)
        if self.fp16:
            self.scale = 1 / (weight.abs().amax([1, 2, 3]).clamp_min(1e-20) * math.sqrt(weight[0].numel()))
            weight = weight * self.scale[:, None, None, None]
        self.squares = weight.square().sum([2, 3]).t().contiguous()
        self.convolution.set_weight(weight.to(torch.float16) if self.fp16 else weight)

    def style(self, w: Tensor) -> Tensor:
        """[B, w_dim] -> [B, C_in]: what this layer's input is to be multiplied by."""
        return F.linear(w, self.matrix, self.affine.bias)

    def modulation(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C_in] -> what multiplies the input [B, C_in], and the convolution's result [B, C_out]."""
        least: Tensor | float = 1e-8
        if self.fp16:
            most = style.abs().amax(1, keepdim=True).clamp_min(1e-20)
            style, least = style / most, 1e-8 * (self.scale / most).square()
        return style, (style.square() @ self.squares + least).rsqrt() * self.gain

    def noise(self, mode: str, seeds: Tensor | None) -> Tensor | None:
        """[1 or B, H, W]: what is added to every channel; None for nothing."""
        if not self.use_noise or mode == "none":
            return None
        if mode == "const":
            return self.field[None]
        assert seeds is not None
        return noise.normal(seeds, self.index, *self.size) * (self.noise_strength * self.gain)

    def epilogue(self, style: Tensor, mode: str, seeds: Tensor | None) -> tuple[Tensor, Epilogue]:
        """For w's style [B, C_in]: what multiplies the input, and what is done to the convolution's result."""
        style, scale = self.modulation(style)
        clamp = min(self.clamp or SAFE, SAFE) if self.fp16 else self.clamp
        return style, Epilogue(scale, self.offset, self.noise(mode, seeds), SLOPE, clamp)

    def forward(self, x: Tensor, w: Tensor, mode: str = "const", seeds: Tensor | None = None) -> Tensor:
        """[B, C_in, h, w], [B, w_dim] -> [B, C_out, H, W], channels last."""
        style, epilogue = self.epilogue(self.style(w), mode, seeds)
        y: Tensor = self.convolution(x.to(torch.float16 if self.fp16 else torch.float32), style, epilogue)
        return y


class ToRGB(Modulated):
    """Colours of each pixel, a modulated 1x1 convolution without demodulation, on top of a picture half as large."""

    def __init__(
        self,
        in_channels: int,
        img_channels: int,
        w_dim: int,
        clamp: float | None,
        taps: Sequence[float],
        compiled: bool,
    ) -> None:
        super().__init__(in_channels, img_channels, 1, w_dim)
        self.clamp, self.taps, self.compiled = clamp, taps, compiled
        self.fold()

    @torch.no_grad()
    def fold(self) -> None:
        gain = 1 / math.sqrt(self.in_channels)
        self.matrix, self.offset = self.affine.weight * (self.affine.weight_gain * gain), self.affine.bias * gain

    def weights(self, w: Tensor) -> Tensor:
        """[B, w_dim] -> [B, img_channels, C_in], modulated."""
        return self.weight[None, :, :, 0, 0] * F.linear(w, self.matrix, self.offset)[:, None]

    def forward(self, x: Tensor, w: Tensor, below: Tensor | None = None) -> Tensor:
        """[B, C, H, W] channels last, [B, w_dim] -> [B, img_channels, H, W], float32.

        `below` [B, img_channels, H / 2, W / 2] is made twice as large and added.
        """
        weights = self.weights(w)
        if self.compiled and x.device.type == "cpu" and x.dtype == torch.float32:
            from . import colours_numba

            if len(self.taps) == colours_numba.TAPS and self.in_channels >= LANES:
                return colours_numba.picture(x, weights, self.bias, self.clamp, below, self.taps)
        y = self._colours(x, weights).add_(self.bias[:, None, None])
        y = y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)
        return y if below is None else filters.upsample(below, self.taps).add_(y)

    def _colours(self, x: Tensor, weights: Tensor) -> Tensor:
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
        if x.dtype == torch.float16:  # their products fit, whatever the style
            most = weights.abs().amax([1, 2], keepdim=True).clamp_min(1e-20) * math.sqrt(self.in_channels)
            y = pixels @ (weights / most).to(torch.float16).mT
            y = y.to(torch.float32) * most
        else:
            y = pixels @ weights.mT
        return y.mT.reshape(len(x), -1, *x.shape[2:])
