"""The discriminator: residual, after Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020.

It judges a picture as a whole and, from half way down, patch by patch (Isola et al. 2017); where pictures come with the
z that drew them, by how well they fit it too (projection: Miyato and Koyama 2018).
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.fully_connected import FullyConnected

GROUP = 4
"""Pictures of a batch that are compared with one another."""
PATCHES = 16
"""Patches a side."""
SLOPE = 0.2


class Convolution(nn.Module):
    """Convolution whose weights have unit variance and are scaled when used (Karras et al. 2018), in the dtype of x.

    `active`: a leaky ReLU follows, which leaves the variance as it was.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, active: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.gain = math.sqrt((2 if active else 1) / (in_channels * kernel * kernel))
        self.active = active
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight * self.gain).to(x.dtype, memory_format=torch.channels_last)
        y = F.conv2d(x, weight, self.bias.to(x.dtype), padding=self.padding)
        return F.leaky_relu_(y, SLOPE) if self.active else y


class Block(nn.Module):
    """[B, in, n, n] -> [B, out, n / 2, n / 2]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = Convolution(in_channels, in_channels, 3)
        self.second = Convolution(in_channels, out_channels, 3)
        self.skip = Convolution(in_channels, out_channels, 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.skip(F.avg_pool2d(x, 2))
        y: Tensor = (skip + self.second(F.avg_pool2d(self.first(x), 2))) * math.sqrt(0.5)
        return y


class Discriminator(nn.Module):
    """Pictures (and z) -> logits of being real: one a picture, and one a patch."""

    def __init__(self, size: int, channels: int, channels_max: int, z_dim: int = 0, img_channels: int = 3) -> None:
        super().__init__()
        widths = [min(channels * 2**k, channels_max) for k in range(int(math.log2(size)) - 1)]
        self.from_rgb = Convolution(img_channels, widths[0], 1)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in itertools.pairwise(widths))
        last = widths[-1]
        self.patch_after = max(0, len(self.blocks) - 1 - int(math.log2(PATCHES / 4)))
        across = widths[self.patch_after + 1]
        self.patch = Convolution(across, across, 1)
        self.patch_logit = Convolution(across, 1, 1, active=False)
        self.mixed = Convolution(last + 1, last, 3)
        self.whole = FullyConnected(last * 16, last)
        self.logit = FullyConnected(last, 1)
        self.z_dim = z_dim
        if z_dim:
            self.embed = nn.Sequential(FullyConnected(z_dim, last), nn.LeakyReLU(SLOPE), FullyConnected(last, last))
            self.embed_patch = FullyConnected(last, across)
            self.embed_whole = FullyConnected(last, last)

    def forward(self, x: Tensor, z: Tensor | None, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """[B, img_channels, R, R], [B, z_dim] -> [B], [B, patches, patches], float32."""
        x = x.to(dtype, memory_format=torch.channels_last)
        x = self.from_rgb(x)
        embedded = F.leaky_relu(self.embed(z), SLOPE) if self.z_dim else None
        patches = torch.zeros(len(x), 1, 1, device=x.device)
        for k, block in enumerate(self.blocks):
            x = block(x)
            if k == self.patch_after:
                patches = self._judge_patches(self.patch(x).float(), embedded)
        x = x.float()
        x = self.mixed(torch.cat([x, _deviation(x)], 1))
        x = F.leaky_relu(self.whole(x.flatten(1)), SLOPE) * math.sqrt(2)
        logit = self.logit(x)[:, 0]
        if embedded is not None:
            logit = logit + (self.embed_whole(embedded) * x).sum(1) / math.sqrt(x.shape[1])
        return logit, patches

    def _judge_patches(self, x: Tensor, embedded: Tensor | None) -> Tensor:
        logits: Tensor = self.patch_logit(x)[:, 0]
        if embedded is None:
            return logits
        return logits + torch.einsum("bchw,bc->bhw", x, self.embed_patch(embedded)) / math.sqrt(x.shape[1])


def _deviation(x: Tensor) -> Tensor:
    """[B, 1, n, n]: how much the pictures of a group differ, so that a generator that repeats itself is found out.

    A group is pictures that follow one another: real ones or made ones.
    """
    group = math.gcd(GROUP, len(x))
    deviation = (x.reshape(-1, group, *x.shape[1:]).var(1, unbiased=False) + 1e-8).sqrt().mean([1, 2, 3])
    return deviation.repeat_interleave(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])
