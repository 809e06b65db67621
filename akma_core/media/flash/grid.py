"""Pictures made small for the flash meter: cells of about a tenth of a degree, or of about a degree.

A small picture holds all that the meter asks of a frame, so that chunks rendered apart can be judged together.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.standards import SCREEN

FINE = 4  # CSS pixels: WCAG 2.2 excepts patterns finer than 0.1 degree, 3.4 of the pixels of which 10 degrees have 341
ENOUGH = 8  # samples a side whose mean is a cell's: of larger pictures not every pixel is looked at
COARSE = 32  # cells along the longer side: 34 to 60 CSS pixels, 1 to 1.8 degrees; at most 3 kB a frame

# IEC 61966-2-1: 8-bit sRGB to linear light, 0 to 1, and back from linear light in 16 bits.
_CODES = np.arange(256) / 255
LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LIGHT = np.arange(65536) / 65535
_ENCODED = np.where(_LIGHT <= 0.0031308, _LIGHT * 12.92, 1.055 * _LIGHT ** (1 / 2.4) - 0.055)
_CODE_OF = np.rint(_ENCODED * 255).astype(np.uint8)


def css_pixels(width: int, height: int) -> float:
    """CSS pixels a pixel of a picture that fills the screen."""
    return min(SCREEN[0] / width, SCREEN[1] / height)


@dataclass(frozen=True)
class Grid:
    """Division of pictures of `width` x `height` pixels into `rows` x `columns` cells."""

    width: int
    height: int
    rows: int
    columns: int
    whole: bool
    """A cell is the mean of its pixels; else its middle pixel, as a mean over an edge is neither of the colours."""

    @classmethod
    def fine(cls, width: int, height: int) -> Self:
        """Cells of a whole number of pixels, nearest to 4 CSS pixels: for a finished video."""
        step = max(1, round(FINE / css_pixels(width, height)))
        return cls(width, height, max(1, height // step), max(1, width // step), False)

    @classmethod
    def coarse(cls, width: int, height: int) -> Self:
        """32 cells along the longer side: small enough to be kept for each frame of a render."""
        size = min(1.0, COARSE / max(width, height))
        return cls(width, height, max(1, round(height * size)), max(1, round(width * size)), True)

    @property
    def cell(self) -> tuple[float, float]:
        """Height and width of a cell in CSS pixels."""
        scale = css_pixels(self.width, self.height)
        return self.height / self.rows * scale, self.width / self.columns * scale

    def small(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The cells' mean light as 8-bit sRGB, uint8 [n, rows, columns, 3].

        frames: RGB, uint8 [n, h, w, 3], or an encoder's planes, uint8 [n, h * 3 // 2, w], BT.709 of limited range.
        ValueError for frames of another size.
        """
        planes = frames.ndim == 3
        expected = (self.height * 3 // 2, self.width) if planes else (self.height, self.width, 3)
        if frames.dtype != np.uint8 or frames.shape[1:] != expected:
            raise ValueError(f"expected uint8 frames of {self.width}x{self.height}, got {frames.dtype} {frames.shape}")
        small = np.empty((len(frames), self.rows, self.columns, 3), np.uint8)
        for frame, out in zip(frames, small, strict=True):
            rgb = _rgb(frame, self.height, self.width, self.rows) if planes else frame
            light = _means(rgb, self.rows, self.columns) if self.whole else _middles(rgb, self.rows, self.columns)
            np.take(_CODE_OF, (light * 65535 + 0.5).astype(np.uint16), out=out)
        return small


def _means(rgb: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Mean light of each cell, float32 [rows, columns, 3]; cells differ by at most a pixel in size."""
    height, width = rgb.shape[:2]
    tops, lefts = np.arange(rows) * height // rows, np.arange(columns) * width // columns
    sums = np.add.reduceat(np.add.reduceat(LINEAR[rgb], tops, axis=0), lefts, axis=1)
    areas = np.diff(tops, append=height)[:, None, None] * np.diff(lefts, append=width)[None, :, None]
    means: NDArray[np.float32] = sums / areas.astype(np.float32)
    return means


def _middles(rgb: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Light of the pixel in the middle of each cell, float32 [rows, columns, 3]."""
    down, across = rgb.shape[0] // rows, rgb.shape[1] // columns
    return LINEAR[rgb[down // 2 :: down, across // 2 :: across][:rows, :columns]]


def _rgb(planes: NDArray[np.uint8], height: int, width: int, rows: int) -> NDArray[np.uint8]:
    """RGB of planes, uint8 [h, w, 3]; at the chroma's half size where that has pixels enough, or every k-th there."""
    codes, halves = planes[:height], planes[height:].reshape(2, height // 2, width // 2)
    if rows <= height // 2:
        every = max(1, height // 2 // (ENOUGH * rows))
        first, step = 2 * (every // 2), 2 * every
        quads = [codes[first + y :: step, first + x :: step].astype(np.float32) for y in (0, 1) for x in (0, 1)]
        luma: NDArray[np.float32] = (quads[0] + quads[1] + quads[2] + quads[3]) / np.float32(4)
        chroma = halves[:, every // 2 :: every, every // 2 :: every].astype(np.float32)
    else:
        luma, chroma = codes.astype(np.float32), halves.repeat(2, axis=1).repeat(2, axis=2).astype(np.float32)
    # ITU-R BT.709-6, items 3.2 to 3.4, from limited range to codes of 0..255.
    luma = (luma - 16) * np.float32(255 / 219)
    blue, red = (chroma - 128) * np.float32(255 / 224)
    green = luma - (0.0722 * 1.8556 / 0.7152) * blue - (0.2126 * 1.5748 / 0.7152) * red
    rgb = np.stack([luma + 1.5748 * red, green, luma + 1.8556 * blue], axis=-1)
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)
