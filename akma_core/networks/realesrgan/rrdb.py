"""RRDBNet, the large network of Real-ESRGAN (x4plus, x4plus-anime, x2plus), for inference.

Parameter names are upstream's, so that official weights load as they are. The densely connected convolutions read and
write one buffer of channels, `features`: its first `num_feat` channels are the picture that all blocks work on in
place, the rest is what the block at hand has grown.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from akma_core.networks.kernels.compiled import fused
from akma_core.networks.kernels.convolution import Conv3x3

SLOPE = 0.2  # of every leaky ReLU
RESIDUAL = 0.2  # weight of every residual branch
# Pixels. At 23 blocks, on photographs and noise, cutting there moves a result by 0.08 of an 8-bit step; at 32, by 9.
ENOUGH = 80
GROWTHS = 4  # convolutions of a dense block that add channels; the fifth gathers them


class ResidualDenseBlock(nn.Module):
    def __init__(self, num_feat: int, num_grow: int) -> None:
        super().__init__()
        self.ends = [num_feat + k * num_grow for k in range(GROWTHS + 1)]
        for k, end in enumerate(self.ends, start=1):
            self.add_module(f"conv{k}", Conv3x3(end, num_grow if k <= GROWTHS else num_feat))
        self._split: list[Tensor] | None = None

    def forward(self, features: Tensor) -> None:
        *growing, gather = self.children()
        slope = features.new_full((self.ends[0],), SLOPE)
        for conv, end, new_end in zip(growing, self.ends[:-1], self.ends[1:], strict=True):
            conv(features[:, :end], slope[: new_end - end], features[:, end:new_end])
        features[:, : self.ends[0]].add_(gather(features), alpha=RESIDUAL)

    def on_gpu(self, x: Tensor) -> Tensor:
        """[n, num_feat, h, w], channels last -> the same with this block's residual added.

        Each picture of channels is convolved once, for all the convolutions that read it: a convolution of few results
        leaves a GPU's tensor cores idle, and one that reads a slice of channels would have it copied first.
        """
        from akma_core.networks.kernels import sum_triton

        if self._split is None or self._split[0].dtype != x.dtype:
            self._split = self._weights_by_input()
        n, _, h, w = x.shape
        grown = self.ends[1] - self.ends[0]
        slope = x.new_full((grown,), SLOPE)
        *growing, gather = (conv.bias for conv in self._convolutions)
        shape = n, GROWTHS * grown, h, w
        grows = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        results: list[Tensor] = []
        latest = x
        for k, bias in enumerate(growing):
            results.append(F.conv2d(latest, self._split[k], padding=1))
            parts = [result[:, (k - j) * grown : (k - j + 1) * grown] for j, result in enumerate(results)]
            latest = torch.empty_like(parts[0], memory_format=torch.channels_last)
            also = grows[:, k * grown : (k + 1) * grown]
            sum_triton.finish(parts, bias, slope, out=latest, also=also)
        last = F.conv2d(grows, self._split[GROWTHS], padding=1)
        return sum_triton.finish([results[0][:, GROWTHS * grown :], last], gather, out=last, residual=x, gain=RESIDUAL)

    @property
    def _convolutions(self) -> list[Conv3x3]:
        return [getattr(self, f"conv{k}") for k in range(1, GROWTHS + 2)]

    def _weights_by_input(self) -> list[Tensor]:
        """Weights of all convolutions by what they read: the picture, each growth; the fifth reads those at once."""
        weights = [conv.weight for conv in self._convolutions]
        bounds = [0, *self.ends]
        split = []
        for k in range(GROWTHS):
            readers = weights[k:] if k == 0 else weights[k:GROWTHS]
            split.append(torch.cat([weight[:, bounds[k] : bounds[k + 1]] for weight in readers]))
        split.append(weights[GROWTHS][:, self.ends[0] :])
        return [weight.contiguous(memory_format=torch.channels_last) for weight in split]


class RRDB(nn.Module):
    """Residual in residual dense block."""

    def __init__(self, num_feat: int, num_grow: int) -> None:
        super().__init__()
        self.num_feat = num_feat
        self.rdb1 = ResidualDenseBlock(num_feat, num_grow)
        self.rdb2 = ResidualDenseBlock(num_feat, num_grow)
        self.rdb3 = ResidualDenseBlock(num_feat, num_grow)

    def forward(self, features: Tensor) -> None:
        picture = features[:, : self.num_feat]
        before = picture.clone()
        for block in (self.rdb1, self.rdb2, self.rdb3):
            block(features)
        picture.mul_(RESIDUAL).add_(before)

    def on_gpu(self, x: Tensor) -> Tensor:
        """As `forward`, of the picture alone: [n, num_feat, h, w], channels last."""
        y = x
        for block in (self.rdb1, self.rdb2, self.rdb3):
            y = block.on_gpu(y)
        return torch.add(x, y, alpha=RESIDUAL)


class RRDBNet(nn.Module):
    """Dense blocks at the input's size (half of it for scale 2), then two enlargements by two.

    `num_block`: 23 in x4plus, 6 in x4plus-anime. `scale`: 4 or 2.
    """

    def __init__(self, num_feat: int = 64, num_block: int = 23, num_grow: int = 32, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.modulus = 4 // scale
        """Height and width of the input must be multiples of it: the pixel-unshuffle of scale 2."""
        self.overlap = min(15 * num_block + 4, ENOUGH) * self.modulus
        """Input pixels on each side that decide an output pixel: the receptive field, or what is seen of it."""
        width = num_feat + GROWTHS * num_grow
        self.numbers_held = (3 * 16 * num_feat + width) // self.modulus**2
        """Numbers in memory at once for an input pixel: three full pictures at the output's size."""
        self.width = width
        self.conv_first = Conv3x3(3 * self.modulus**2, num_feat)
        self.body = nn.ModuleList([RRDB(num_feat, num_grow) for _ in range(num_block)])
        self.conv_body = Conv3x3(num_feat, num_feat)
        self.conv_up1 = Conv3x3(num_feat, num_feat)
        self.conv_up2 = Conv3x3(num_feat, num_feat)
        self.conv_hr = Conv3x3(num_feat, num_feat)
        self.conv_last = Conv3x3(num_feat, 3)

    def forward(self, x: Tensor) -> Tensor:
        """RGB [n, 3, h, w] in 0..1 -> [n, 3, scale * h, scale * w], about 0..1."""
        first = self.conv_first(F.pixel_unshuffle(x, self.modulus))
        slope = first.new_full((first.shape[1],), SLOPE)
        y = _enlarged(self.conv_body, self._trunk(first), None, first)
        y = _enlarged(self.conv_up1, y, slope, None)
        for conv in (self.conv_up2, self.conv_hr):
            y = conv(y, slope)
        last: Tensor = self.conv_last(y)
        return last

    def _trunk(self, y: Tensor) -> Tensor:
        if fused(y):
            for name, _ in self.body.named_children():
                rrdb: RRDB = getattr(self.body, name)
                y = rrdb.on_gpu(y)
            return y
        n, num_feat, h, w = y.shape
        features = torch.empty((n, self.width, h, w), dtype=y.dtype, device=y.device, memory_format=torch.channels_last)
        features[:, :num_feat] = y
        for block in self.body:
            block(features)
        return features[:, :num_feat]


def _enlarged(conv: Conv3x3, x: Tensor, slope: Tensor | None, residual: Tensor | None) -> Tensor:
    """The convolution's result and the residual added, twice as large; on a GPU by the pass after the convolution."""
    if not fused(x):
        y: Tensor = conv(x, slope)
        return F.interpolate(y if residual is None else y.add_(residual), scale_factor=2, mode="nearest")
    from akma_core.networks.kernels import sum_triton

    y = F.conv2d(x, conv.weight, padding=1)
    n, channels, h, w = y.shape
    size = n, channels, 2 * h, 2 * w
    out = torch.empty(size, dtype=y.dtype, device=y.device, memory_format=torch.channels_last)
    return sum_triton.finish([y], conv.bias, slope, out=out, residual=residual)
