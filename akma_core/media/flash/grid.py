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
POINTS = 48  # likewise, of which single pixels are looked at: at most 7 kB a frame

# IEC 61966-2-1: 8-bit sRGB to linear light, 0 to 1, and back from linear light in 16 bits.
_CODES = np.arange(256) / 255
LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LIGHT = np.arange(65536) / 65535
_ENCODED = np.where(_LIGHT <= 0.0031308, _LIGHT * 12.92, 1.055 * _LIGHT ** (1 / 2.4) - 0.055)
CODE_OF = np.rint(_ENCODED * 255).astype(np.uint8)


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
    def points(cls, width: int, height: int) -> Self:
        """48 pixels along the longer side, spread evenly: a sample of the fine grid's, to be kept for each frame.

        Each flashes as it does in the fine grid, however fine the forms are; only their number is estimated.
        """
        size = min(1.0, POINTS / max(width, height))
        return cls(width, height, max(1, round(height * size)), max(1, round(width * size)), False)

    @classmethod
    def coarse(cls, width: int, height: int) -> Self:
        """32 means along the longer side, as the tracks of renders had them before: fine forms that flash are lost."""
        size = min(1.0, COARSE / max(width, height))
        return cls(width, height, max(1, round(height * size)), max(1, round(width * size)), True)

    @property
    def cell(self) -> tuple[float, float]:
        """Height and width of a cell in CSS pixels."""
        scale = css_pixels(self.width, self.height)
        return self.height / self.rows * scale, self.width / self.columns * scale

    @property
    def middles(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of the cells' middle pixels."""
        rows, columns = np.arange(self.rows), np.arange(self.columns)
        return (2 * rows + 1) * self.height // (2 * self.rows), (2 * columns + 1) * self.width // (2 * self.columns)

    def small(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The cells' colours, of means the mean light's, as 8-bit sRGB, uint8 [n, rows, columns, 3].

        frames: RGB, uint8 [n, h, w, 3], or an encoder's planes, uint8 [n, h * 3 // 2, w], BT.709 of limited range.
        ValueError for frames of another size.
        """
        planes = frames.ndim == 3
        expected = (self.height * 3 // 2, self.width) if planes else (self.height, self.width, 3)
        if frames.dtype != np.uint8 or frames.shape[1:] != expected:
            raise ValueError(f"expected uint8 frames of {self.width}x{self.height}, got {frames.dtype} {frames.shape}")
        if not self.whole:
            return self._middle_colours(frames, planes)
        small = np.empty((len(frames), self.rows, self.columns, 3), np.uint8)
        for frame, out in zip(frames, small, strict=True):
            light = _means(_reduced(frame, self.height, self.width, self.rows) if planes else frame, *small.shape[1:3])
            np.take(CODE_OF, (light * 65535 + 0.5).astype(np.uint16), out=out)
        return small

    def _middle_colours(self, frames: NDArray[np.uint8], planes: bool) -> NDArray[np.uint8]:
        down, across = self.middles
        if not planes:
            return frames[:, down[:, None], across]
        luma = frames[:, down[:, None], across].astype(np.float32)
        halves = frames[:, self.height :].reshape(-1, 2, self.height // 2, self.width // 2)
        chroma = halves[:, :, down[:, None] // 2, across // 2].astype(np.float32)
        return _rgb(luma, chroma[:, 0], chroma[:, 1])


def _means(rgb: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Mean light of each cell, float32 [rows, columns, 3]; cells differ by at most a pixel in size."""
    height, width = rgb.shape[:2]
    tops, lefts = np.arange(rows) * height // rows, np.arange(columns) * width // columns
    sums = np.add.reduceat(np.add.reduceat(LINEAR[rgb], tops, axis=0), lefts, axis=1)
    areas = np.diff(tops, append=height)[:, None, None] * np.diff(lefts, append=width)[None, :, None]
    means: NDArray[np.float32] = sums / areas.astype(np.float32)
    return means


def _reduced(planes: NDArray[np.uint8], height: int, width: int, rows: int) -> NDArray[np.uint8]:
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
    return _rgb(luma, chroma[0], chroma[1])


def _rgb(luma: NDArray[np.float32], blue: NDArray[np.float32], red: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGB of codes of luma and chroma, uint8 [..., 3]."""
    # ITU-R BT.709-6, items 3.2 to 3.4, from limited range to codes of 0..255.
    luma = (luma - 16) * np.float32(255 / 219)
    blue, red = (blue - 128) * np.float32(255 / 224), (red - 128) * np.float32(255 / 224)
    green = luma - (0.0722 * 1.8556 / 0.7152) * blue - (0.2126 * 1.5748 / 0.7152) * red
    rgb = np.stack([luma + 1.5748 * red, green, luma + 1.8556 * blue], axis=-1)
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)
