"""Adaptive augmentation: Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020.

The discriminator sees pictures that were changed at random, real and made ones alike, so that it cannot learn a few
pictures by heart. Each change is left out with probability 1 - p: what is then seen most often is the picture as it is,
and the generator does not learn the changes. p rises while the discriminator is too sure of real pictures.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SHIFT = 0.125
"""Share of the side: the most of whole shifts, the deviation of fractional ones."""
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5, 1.0
"""Deviations; of contrast and saturation in octaves."""
P_MOST = 0.8
"""Beyond it the changes begin to be learnt (section 3 there)."""
ADJUSTED_EVERY = 4


class Augmentation:
    """Changes batches with probability `p` each; `observe` adjusts p so that r_t stays at `target`.

    r_t is the mean sign of the logits of real pictures. pictures: how many take p from 0 to 1.
    """

    def __init__(self, target: float, pictures: int, p: float = 0.0) -> None:
        self.target, self.pictures, self.p = target, pictures, p
        self.r_t = 0.0
        self._signs: list[Tensor] = []

    def observe(self, logits: Tensor) -> None:
        """Take note of the logits of a batch of real pictures, [B]."""
        self._signs.append(logits.detach().sign().mean())
        if len(self._signs) == ADJUSTED_EVERY:
            self.r_t = float(torch.stack(self._signs).mean())
            self._signs.clear()
            step = ADJUSTED_EVERY * len(logits) / self.pictures
            self.p = min(P_MOST, max(0.0, self.p + math.copysign(step, self.r_t - self.target)))

    def __call__(self, x: Tensor) -> Tensor:
        """[B, 3, n, n], -1..1 -> the same shape."""
        if self.p <= 0:
            return x
        return _colour(_move(x, self.p), self.p)


def _chosen(values: Tensor, p: float, otherwise: float) -> Tensor:
    """values [B, ...], of each row with probability p, else `otherwise`."""
    keep = torch.rand(len(values), *[1] * (values.ndim - 1), device=values.device) < p
    return torch.where(keep, values, otherwise)


def _move(x: Tensor, p: float) -> Tensor:
    """Flip from side to side, shift by whole pixels, shift by any amount; beyond the edge the picture is mirrored."""
    batch, side, device = len(x), x.shape[-1], x.device
    flip = _chosen((torch.rand(batch, device=device) < 0.5) * -2.0 + 1, p, 1.0)
    whole = (torch.rand(batch, 2, device=device) * 2 - 1) * SHIFT * side
    fractional = torch.randn(batch, 2, device=device) * SHIFT * side
    shift = _chosen(whole.round(), p, 0.0) + _chosen(fractional, p, 0.0)
    matrix = torch.zeros(batch, 2, 3, device=device)
    matrix[:, 0, 0], matrix[:, 1, 1] = flip, 1.0
    matrix[:, :, 2] = shift * 2 / side  # the sampling grid spans -1..1
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _colour(x: Tensor, p: float) -> Tensor:
    """Brightness, contrast, lightness mirrored, hue turned, saturation: one matrix of colours and an offset."""
    batch, device = len(x), x.device
    eye = torch.eye(3, device=device)
    grey = torch.full((3, 3), 1 / 3, device=device)  # the projection on grey
    offset = _chosen(torch.randn(batch, 1, device=device) * BRIGHTNESS, p, 0.0).expand(batch, 3)
    contrast = _chosen(torch.exp2(torch.randn(batch, device=device) * CONTRAST), p, 1.0)
    matrix, offset = eye * contrast[:, None, None], offset * contrast[:, None]
    mirrored = _chosen((torch.rand(batch, device=device) < 0.5) * 1.0, p, 0.0)
    saturation = _chosen(torch.exp2(torch.randn(batch, device=device) * SATURATION), p, 1.0)
    angle = _chosen((torch.rand(batch, device=device) * 2 - 1) * math.pi, p, 0.0)
    for change in (eye - 2 * grey * mirrored[:, None, None], _turn(angle), _saturate(eye, grey, saturation)):
        matrix, offset = change @ matrix, (change @ offset[:, :, None])[:, :, 0]
    y: Tensor = torch.einsum("bij,bjhw->bihw", matrix, x) + offset[:, :, None, None]
    return y


def _saturate(eye: Tensor, grey: Tensor, amount: Tensor) -> Tensor:
    return grey + (eye - grey) * amount[:, None, None]


def _turn(angle: Tensor) -> Tensor:
    """[B] radians -> [B, 3, 3]: the rotation about the axis of greys (Rodrigues' formula)."""
    device = angle.device
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=device) / math.sqrt(3)
    grey = torch.full((3, 3), 1 / 3, device=device)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return torch.eye(3, device=device) * cos + cross * sin + grey * (1 - cos)
