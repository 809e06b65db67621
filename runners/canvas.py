"""Pictures on canvases of another shape: which way suits a network, and pictures made to it."""

import functools
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from akma_core.errors import RequestError
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


def choose(shape: str | None, card: NetworkCard, folder: Path, wish: Literal["auto"] | Way = "auto") -> Chosen | None:
    """The way in which the network in `folder` fills `shape`; None where that is its own. RequestError.

    `wish`: as settings.canvas has it.
    """
    if shape is None:
        return None
    canvas, kind = canvas_of(shape, card), kinds.of(card)
    if (canvas.width, canvas.height) == (card.width, card.height):
        return None
    if wish != "auto" and wish != "wide":
        return _wished(wish, canvas, card)
    if kind.ANY_SIZE or goes_on(card) or (wish == "wide" and kind.WIDE):
        return Chosen("wide", canvas)
    if wish == "wide":
        message = f"network {card.name} draws nothing beyond its picture: leave canvas at auto, or take panelled"
        raise RequestError(message, code="bad_setting", field="canvas")
    even = _even(folder, across=canvas.width * card.height > canvas.height * card.width)
    why = "outer thirds that look like its middle" if even else "outer thirds that do not look like its middle"
    if kind.WIDE and card.canvas is None and even:
        return Chosen("wide", canvas, f"network {card.name} has {why}: drawn on beyond its square")
    way: Way = "mirrored" if even else "fitted"
    return Chosen(way, canvas, f"network {card.name} draws {card.width}x{card.height}, with {why}: {way}")


def _wished(way: Way, canvas: Canvas, card: NetworkCard) -> Chosen:
    if kinds.of(card).ANY_SIZE:
        message = f"network {card.name} draws any shape as such: leave canvas at auto"
        raise RequestError(message, code="bad_setting", field="canvas")
    if canvas.width < card.width or canvas.height < card.height:
        message = f"a canvas that is {way} is as large as the network's picture: give a larger shape, or no canvas"
        raise RequestError(message, code="bad_setting", field="canvas")
    return Chosen(way, canvas)


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
    """Cuts, mirrors or fits pictures to a canvas, or sets them side by side."""

    def __init__(self, part: CanvasPart, size: tuple[int, int]) -> None:
        """`size`: width and height of the canvas, pixels."""
        self._way, (self._width, self._height) = part.way, size
        self.panelled = part.way == "panelled"

    def __call__(self, rgb: Tensor, opposite: Tensor | None = None) -> Tensor:
        """uint8 [n, H, W, 3] -> uint8 [n, height, width, 3]; `opposite`: of what is panelled, every other picture."""
        high, wide = rgb.shape[1:3]
        if opposite is not None:
            return self._panels(rgb, opposite)
        if self._way == "wide":  # sixteenths stand over
            top, left = (high - self._height) // 2, (wide - self._width) // 2
            return rgb[:, top : top + self._height, left : left + self._width].contiguous()
        rows, columns = _reflected(self._height, high, rgb.device), _reflected(self._width, wide, rgb.device)
        mirrored = rgb[:, rows][:, :, columns]
        if self._way == "mirrored":
            return mirrored
        return self._fitted(rgb, mirrored)

    def _panels(self, rgb: Tensor, opposite: Tensor) -> Tensor:
        """As few as cover the canvas, of one size, each the middle of a picture; the second pair is mirrored."""
        high, wide = rgb.shape[1:3]
        pairs = rgb, opposite, rgb.flip(2), opposite.flip(2)
        rows = [
            torch.cat(
                [
                    _middle(pairs[(i + j) % len(pairs)], bottom - top, right - left)
                    for j, (left, right) in enumerate(pairwise(_edges(self._width, wide)))
                ],
                dim=2,
            )
            for i, (top, bottom) in enumerate(pairwise(_edges(self._height, high)))
        ]
        return torch.cat(rows, dim=1)

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


def _edges(count: int, size: int) -> list[int]:
    """Borders of the fewest equal parts of `count` that are at most `size`."""
    parts = -(-count // size)
    return [count * k // parts for k in range(parts + 1)]


def _middle(rgb: Tensor, height: int, width: int) -> Tensor:
    top, left = (rgb.shape[1] - height) // 2, (rgb.shape[2] - width) // 2
    return rgb[:, top : top + height, left : left + width]


def _reflected(count: int, size: int, device: torch.device) -> Tensor:
    """Samples 0..size in the middle of `count`, there and back again beyond, int64 [count]."""
    at = (torch.arange(count, device=device) - (count - size) // 2) % (2 * size)
    return torch.where(at < size, at, 2 * size - 1 - at)
