"""The synthesis of an ordinary StyleGAN3 generator as gradients need it: nothing folded, the same weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.stylegan3.generator import Generator, SynthesisLayer

from .resample import Resampling


class TrainableSynthesis(nn.Module):
    """ws -> pictures with the weights of `generator`, which it trains; see the generator for what each step is.

    The style multiplies the input of one convolution that the whole batch shares, demodulation its result.
    `resampling`: that of another synthesis with the same configuration, shared.
    """

    def __init__(self, generator: Generator, dtype: torch.dtype, resampling: nn.ModuleList | None = None) -> None:
        super().__init__()
        self.generator = generator
        self.dtype = dtype
        if resampling is None:
            activations = [layer.activation for layer in generator.synthesis.layers]
            resampling = nn.ModuleList(Resampling(each) for each in activations if each is not None).to(dtype)
        self.resampling = resampling

    def forward(self, ws: Tensor, magnitude_decay: float | None = None) -> Tensor:
        """[B, num_ws, w_dim] -> float32 [B, img_channels, R, R].

        `magnitude_decay`: what a moving average of the mean square of each layer's input keeps; None: as it is.
        """
        network = self.generator.synthesis
        layers = network.layers
        ones = torch.ones(len(ws), layers[0].geometry.in_channels, device=ws.device)
        x: Tensor = network.input(ws[:, 0], ones)
        for i, layer in enumerate(layers):
            if magnitude_decay is not None:
                magnitude = x.detach().float().square().mean()
                layer.magnitude_ema.copy_(magnitude.lerp(layer.magnitude_ema, magnitude_decay))
            style = layer.style(ws[:, i + 1])
            x = self._torgb(layer, x, style) if layer.activation is None else self._layer(i, layer, x, style)
        return x * network.cfg.output_scale

    def _layer(self, i: int, layer: SynthesisLayer, x: Tensor, style: Tensor) -> Tensor:
        weight = layer.weight * layer.weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
        squares = weight.square().sum([2, 3]).t()
        demodulation = (style.square() @ squares + 1e-8).rsqrt() * layer.magnitude_ema.rsqrt()
        x = x.to(self.dtype) * style[:, :, None, None].to(self.dtype)
        kernel = weight.to(self.dtype, memory_format=torch.channels_last)
        x = F.conv2d(x.contiguous(memory_format=torch.channels_last), kernel, padding=layer.geometry.kernel - 1)
        bias, scale = layer.bias[:, None, None].to(self.dtype), demodulation[:, :, None, None].to(self.dtype)
        y: Tensor = self.resampling[i](torch.addcmul(bias, x, scale))
        return y

    @staticmethod
    def _torgb(layer: SynthesisLayer, x: Tensor, style: Tensor) -> Tensor:
        x = F.conv2d(x.float() * style[:, :, None, None], layer.weight) * layer.magnitude_ema.rsqrt()
        x = x + layer.bias[:, None, None]
        return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)
