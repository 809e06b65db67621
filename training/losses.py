"""Losses of a generator and a discriminator."""

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
    """The distance of pictures [B, 3, n, n] from those drawn from the same z: mean colours and contrast, cell by cell.

    Contrast is the mean absolute difference of neighbours, across and down, an octave at a time: two seas of the same
    wind have the same though no wave of theirs is at the same place, so that waves do not blur into their mean.
    """
    both, cell = torch.cat([fake, real]), fake.shape[-1] // GRIDS[0]
    colours = [_distance(F.avg_pool2d(both, fake.shape[-1] // n)) for n in GRIDS]
    contrasts = []
    for band in range(BANDS):
        contrasts += [_distance(F.avg_pool2d(_steps(both, dim), max(1, cell >> band))) for dim in (2, 3)]
        both = F.avg_pool2d(both, 2)
    return torch.stack(colours).mean() + 2 * torch.stack(contrasts).mean()


def _distance(both: Tensor) -> Tensor:
    fake, real = both.chunk(2)
    return (fake - real).abs().mean()


def _steps(x: Tensor, dim: int) -> Tensor:
    """Absolute differences of neighbours along `dim`, as many as elements: the first follows the last."""
    return (x - x.roll(-1, dim)).abs()
