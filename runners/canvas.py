"""Pictures on canvases of another shape: which way suits a network, and pictures made to it."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from akma_core.modulation.walk import latent
from akma_core.networks import kinds
from akma_core.networks.canvas import Canvas, Way, canvas_of, goes_on
from akma_core.networks.card import NetworkCard
from akma_core.networks.picture import to_uint8
from akma_core.render.plan import CanvasPart

LOOKED_AT = 6  # pictures whose statistics decide
ALIKE = 0.67  # least quotient of contrast and of detail, outer thirds over the middle, either way round
SAME = 0.25  # most difference of their mean brightness, over the pictures' contrast
SOFT = 16  # a fitted picture's sides are as sharp as its sixteenth


@dataclass(frozen=True)
class Chosen:
    """A way for a network, and why, a sentence for people (none where the network draws any shape)."""

    way: Way
    canvas: Canvas
    note: str = ""


def choose(shape: str | None, card: NetworkCard, folder: Path) -> Chosen | None:
    """The way in which the network in `folder` fills `shape`; None where that is its own. RequestError."""
    if shape is None:
        return None
    canvas, kind = canvas_of(shape, card), kinds.of(card)
    if (canvas.width, canvas.height) == (card.width, card.height):
        return None
    if kind.ANY_SIZE or goes_on(card):
        return Chosen("wide", canvas)
    even = _even(folder, across=canvas.width * card.height > canvas.height * card.width)
    why = "outer thirds that look like its middle" if even else "outer thirds that do not look like its middle"
    if kind.WIDE and card.canvas is None and even:
        return Chosen("wide", canvas, f"network {card.name} has {why}: drawn on beyond its square")
    way: Way = "mirrored" if even else "fitted"
    return Chosen(way, canvas, f"network {card.name} draws {card.width}x{card.height}, with {why}: {way}")


@functools.cache
def _even(folder: Path, *, across: bool) -> bool:
    """True if pictures of some seeds are everywhere alike along one side: contrast, detail and brightness by thirds."""
    generator = kinds.load(folder)
    z = torch.from_numpy(np.stack([latent(seed, generator.z_dim) for seed in range(LOOKED_AT)]))
    c = torch.eye(max(generator.c_dim, 1))[[0] * LOOKED_AT, : generator.c_dim]
    with torch.inference_mode():
        pictures = torch.cat(
            [generator.synthesis(generator.mapping(z[k : k + 1], c[k : k + 1])) for k in range(LOOKED_AT)]
        )
    return even(to_uint8(pictures).numpy(), across=across)


def even(pictures: NDArray[np.uint8], *, across: bool) -> bool:
    """True if the outer thirds of pictures [n, H, W, 3] look like their middle; by columns, or by rows."""
    grey = pictures.astype(np.float64).mean(3)
    parts = np.array_split(grey if across else grey.transpose(0, 2, 1), 3, axis=2)
    contrast = np.array([part.std((1, 2)).mean() for part in parts])
    detail = np.array([np.abs(np.diff(part, axis=1)).mean() + np.abs(np.diff(part, axis=2)).mean() for part in parts])
    # Of all pictures together: what they have in common tells a place, such as a face's in the middle.
    mean = np.array([part.mean() for part in parts])
    outer = np.array([0, 2])
    quotients = np.concatenate([values[outer] / max(values[1], 1e-9) for values in (contrast, detail)])
    alike = bool((np.minimum(quotients, 1 / np.maximum(quotients, 1e-9)) >= ALIKE).all())
    return alike and float(np.abs(mean[outer] - mean[1]).max()) <= SAME * max(float(contrast.mean()), 1.0)


class Shaper:
    """Cuts, mirrors or fits pictures to a canvas."""

    def __init__(self, part: CanvasPart, size: tuple[int, int]) -> None:
        """`size`: width and height of the canvas, pixels."""
        self._way, (self._width, self._height) = part.way, size

    def __call__(self, rgb: Tensor) -> Tensor:
        """uint8 [n, H, W, 3] -> uint8 [n, height, width, 3]."""
        high, wide = rgb.shape[1:3]
        if self._way == "wide":  # sixteenths stand over
            top, left = (high - self._height) // 2, (wide - self._width) // 2
            return rgb[:, top : top + self._height, left : left + self._width].contiguous()
        rows, columns = _reflected(self._height, high, rgb.device), _reflected(self._width, wide, rgb.device)
        mirrored = rgb[:, rows][:, :, columns]
        if self._way == "mirrored":
            return mirrored
        return self._fitted(rgb, mirrored)

    def _fitted(self, rgb: Tensor, around: Tensor) -> Tensor:
        """The picture in the middle of `around` out of focus."""
        planes = around.permute(0, 3, 1, 2).float()
        small = F.interpolate(planes, scale_factor=1 / SOFT, mode="area")
        soft = F.interpolate(small, size=(self._height, self._width), mode="bicubic").clamp(0, 255)
        out = soft.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        high, wide = rgb.shape[1:3]
        top, left = (self._height - high) // 2, (self._width - wide) // 2
        out[:, top : top + high, left : left + wide] = rgb
        return out


def _reflected(count: int, size: int, device: torch.device) -> Tensor:
    """Samples 0..size in the middle of `count`, there and back again beyond, int64 [count]."""
    at = (torch.arange(count, device=device) - (count - size) // 2) % (2 * size)
    return torch.where(at < size, at, 2 * size - 1 - at)
