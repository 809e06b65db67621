"""What a generator and a discriminator are trained by."""

import torch
from torch import Tensor
from torch.nn import functional as F

Logits = tuple[Tensor, Tensor]
"""One a picture [B], one a patch [B, n, n]."""
GRIDS = (16, 8, 4)
"""Cells a side in which mean colours are compared."""
BANDS = 4
"""Octaves of detail whose contrast is compared, the finest first."""


def discriminator_loss(real: Logits, fake: Logits) -> Tensor:
    """The logistic loss (Goodfellow et al. 2014)."""
    return sum((F.softplus(f).mean() + F.softplus(-r).mean() for r, f in zip(real, fake, strict=True)), torch.zeros(()))


def generator_loss(fake: Logits) -> Tensor:
    """The same, not saturating."""
    return sum((F.softplus(-logits).mean() for logits in fake), torch.zeros(()))


def gradient_penalty(real: Logits, pictures: Tensor) -> Tensor:
    """Mean squared gradient of the logits by real pictures: R1 (Mescheder et al. 2018)."""
    total = real[0].sum() + real[1].mean([1, 2]).sum()
    (gradient,) = torch.autograd.grad(total, pictures, create_graph=True)
    return gradient.square().sum([1, 2, 3]).mean()


def likeness_loss(fake: Tensor, real: Tensor) -> Tensor:
    """How far pictures [B, 3, n, n] are from those drawn from the same z: mean colours and contrast, cell by cell.

    Contrast is the mean absolute difference of neighbours, across and down, an octave at a time: two seas of the same
    wind have the same though no wave of theirs is at the same place, so that waves do not blur into their mean.
    """
    size = fake.shape[-1]
    colours = [F.l1_loss(F.avg_pool2d(fake, size // n), F.avg_pool2d(real, size // n)) for n in GRIDS]
    contrasts = []
    for band in range(BANDS):
        cell = max(1, fake.shape[-1] // GRIDS[0])
        for dim in (2, 3):
            a, b = (F.avg_pool2d(_steps(x, dim), cell) for x in (fake, real))
            contrasts.append((a - b).abs().mean())
        if band < BANDS - 1:
            fake, real = F.avg_pool2d(fake, 2), F.avg_pool2d(real, 2)
    return torch.stack(colours).mean() + 2 * torch.stack(contrasts).mean()


def _steps(x: Tensor, dim: int) -> Tensor:
    """Absolute differences of neighbours along `dim`, as many as there are elements: the last one is nothing."""
    count = x.shape[dim] - 1
    steps = (x.narrow(dim, 1, count) - x.narrow(dim, 0, count)).abs()
    return F.pad(steps, [0, 0, 0, 1] if dim == 2 else [0, 1])
