"""Sheets of what a network makes, beside real pictures."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from akma_core.files import write_whole
from akma_core.networks.picture import to_uint8

QUALITY = 90
PROGRESS = "progress.jpg"
ROWS = 8
"""Rows of progress at most, besides the real pictures."""


class Sheets:
    """`sheet.jpg`, the pictures of fixed z under the real ones, and `progress.jpg`, a row of them a moment.

    real [2 n, 3, size, size], -1..1: n calm ones, then n stormy ones, of the z that the network gets.
    """

    def __init__(self, folder: Path, real: Tensor) -> None:
        self._folder = folder
        self.real = real.cpu()
        half = len(real) // 2
        quarter = max(1, half // 2)
        self._shown = [*range(quarter), *range(half, half + quarter)]
        self._moments: list[NDArray[np.uint8]] = []

    def resume(self) -> None:
        """Take the rows of progress of an earlier run from its file; none where it is not there."""
        side = self.real.shape[-1]
        try:
            with Image.open(self._folder / PROGRESS, formats=("JPEG",)) as picture:
                pixels = np.asarray(picture.convert("RGB"))
        except (OSError, ValueError):
            return
        if pixels.shape[1] == side * len(self._shown):
            self._moments = [pixels[k : k + side] for k in range(side, pixels.shape[0], side)][-ROWS:]

    def write(self, made: Tensor, moment: bool) -> None:
        """`made`: as `real`. A `moment` is kept as a row of progress."""
        made, half = made.float().cpu(), len(self.real) // 2
        rows = [_row(x) for first in (0, half) for x in (self.real[first : first + half], made[first : first + half])]
        _save(np.concatenate(rows), self._folder / "sheet.jpg")
        if moment:
            self._moments = [*self._moments, _row(made[self._shown])][-ROWS:]
            _save(np.concatenate([_row(self.real[self._shown]), *self._moments]), self._folder / PROGRESS)


def _row(pictures: Tensor) -> NDArray[np.uint8]:
    """[n, 3, h, w] -> [h, n w, 3]."""
    array: NDArray[np.uint8] = to_uint8(torch.cat(list(pictures), 2)[None])[0].numpy()
    return array


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    write_whole(path, lambda part: Image.fromarray(pixels).save(part, "JPEG", quality=QUALITY))
