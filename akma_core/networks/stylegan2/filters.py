"""The FIR filter that upsamples by two, in plain torch: on any device, of any length.

Samples between those there are count as zero, and so do those outside, which darkens a border a little.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def upsample(x: Tensor, taps: Sequence[float]) -> Tensor:
    """[B, C, H, W] -> [B, C, 2H, 2W]; `taps` sum to 1, and each axis has gain 2."""
    for dim in (3, 2):
        x = _upsample_axis(x, [2 * tap for tap in reversed(taps)], dim)
    return x


def blur(x: Tensor, taps: Sequence[float]) -> Tensor:
    """[B, C, 2H + 1, 2W + 1], a transposed convolution's result, -> [B, C, 2H, 2W]; gain 2 an axis."""
    length = len(taps)
    before, after = (length + 1) // 2 - 1, (length - 2) // 2
    x = F.pad(x, (before, after, before, after))
    for dim in (3, 2):
        size = x.shape[dim] - length + 1
        total = x.narrow(dim, 0, size) * (2 * taps[-1])
        for k in range(1, length):
            total.add_(x.narrow(dim, k, size), alpha=2 * taps[length - 1 - k])
        x = total
    return x


def _upsample_axis(x: Tensor, taps: list[float], dim: int) -> Tensor:
    size, length = x.shape[dim], len(taps)
    before = (length + 1) // 2
    margin = length // 2 + 1
    edges = (0, 0) * (3 - dim) + (margin, margin)
    padded = F.pad(x, edges)
    parts = []
    for phase in range(2):
        # Output 2q + phase lies over samples q + (phase - before + k) / 2, for the taps k where that is whole.
        total = torch.zeros_like(x)
        for k in range((before - phase) % 2, length, 2):
            total.add_(padded.narrow(dim, margin + (phase - before + k) // 2, size), alpha=taps[k])
        parts.append(total)
    return torch.stack(parts, dim + 1).flatten(dim, dim + 1)
