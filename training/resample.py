"""The filtered leaky ReLU that gradients flow through: its filters as matrices, one product an axis.

More arithmetic than convolutions, and far quicker on tensor cores: channels lie last, so that every product is one
large matrix product whose columns are the channels.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.stylegan3.config import Layer
from akma_core.networks.stylegan3.filtered_lrelu import SLOPE, FilteredLeakyReLU

ALIGNMENT = 8
"""Numbers to which a matrix's rows are filled up: tensor cores read 16 bytes at a time."""


class Resampling(nn.Module):
    """down(clamp(lrelu(up(x)) sqrt(2))) of one layer."""

    up: Tensor
    down: Tensor

    def __init__(self, activation: FilteredLeakyReLU) -> None:
        super().__init__()
        self.clamp = activation.clamp
        self.layer = activation.layer
        # The activation's gain is applied before it, which is the same: it scales without bending.
        up = _up_matrix(activation.up_filter.cpu(), self.layer) * 2**0.25
        self.register_buffer("up", _aligned(up), persistent=False)
        radial = activation.down_filter.ndim == 2
        down = activation.down_filter if radial else _aligned(_down_matrix(activation.down_filter.cpu(), self.layer))
        self.register_buffer("down", down, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, conv, conv] -> [B, C, out, out], channels last, in the dtype of x."""
        rows = x.permute(0, 2, 3, 1).contiguous()
        columns = self.layer.conv_size
        y = _along_columns(_along_rows(rows, self.up, columns), self.up, columns, active=True)
        if self.clamp is not None:
            y = y.clamp(-self.clamp, self.clamp)
        if self.layer.radial:
            channels = y.shape[3]
            taps = self.down.to(y.dtype).expand(channels, 1, *self.down.shape)
            return F.conv2d(y.permute(0, 3, 1, 2), taps, stride=self.layer.down, groups=channels)
        columns = y.shape[2]
        return _along_rows(_along_columns(y, self.down, columns), self.down, columns).permute(0, 3, 1, 2)


def _along_rows(x: Tensor, matrix: Tensor, columns: int) -> Tensor:
    """[B, H, W, C] -> [B, H', W, C]. bmm, since matmul would copy x in order to fold its batch."""
    batch, height, width, channels = x.shape
    matrix = matrix[:, :columns].to(x.dtype).expand(batch, -1, -1)
    return torch.bmm(matrix, x.reshape(batch, height, width * channels)).view(batch, -1, width, channels)


def _along_columns(x: Tensor, matrix: Tensor, columns: int, active: bool = False) -> Tensor:
    """[B, H, W, C] -> [B, H, W', C], `active`: the leaky ReLU of it."""
    batch, height, width, channels = x.shape
    matrix = matrix[:, :columns].to(x.dtype).expand(batch * height, -1, -1)
    y = torch.bmm(matrix, x.reshape(batch * height, width, channels))
    # In place before it is viewed: afterwards the gradient would be copied twice.
    y = F.leaky_relu_(y, SLOPE) if active else y
    return y.view(batch, height, -1, channels)


def _up_matrix(taps: Tensor, layer: Layer) -> Tensor:
    """[upsampled, conv]: zeros inserted, padded, filtered with gain `up`."""
    length = layer.conv_size * layer.up + layer.pad_lo + layer.pad_hi - len(taps) + 1
    place = torch.arange(length)[:, None] + len(taps) - 1 - layer.pad_lo - layer.up * torch.arange(layer.conv_size)
    return _banded(taps, place) * layer.up


def _down_matrix(taps: Tensor, layer: Layer) -> Tensor:
    """[out, upsampled]: filtered, every `down`-th sample kept."""
    length = (layer.out_size - 1) * layer.down + len(taps)
    return _banded(taps, layer.down * torch.arange(layer.out_size)[:, None] + len(taps) - 1 - torch.arange(length))


def _banded(taps: Tensor, place: Tensor) -> Tensor:
    """taps[place], zero outside."""
    inside = (place >= 0) & (place < len(taps))
    return torch.where(inside, taps[place.clamp(0, len(taps) - 1)], torch.zeros(()))


def _aligned(matrix: Tensor) -> Tensor:
    return F.pad(matrix, [0, math.ceil(matrix.shape[1] / ALIGNMENT) * ALIGNMENT - matrix.shape[1]])
