"""Contact sheets: many pictures on one, each with its number."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

MAX_SIDE = 256  # pixels of a picture on the sheet


def contact_sheet(pictures: Sequence[NDArray[np.uint8]], labels: Sequence[str]) -> Image.Image:
    """`pictures` [H, W, 3] row by row, in a sheet about as wide as high, with `labels` in their corners."""
    columns = math.ceil(math.sqrt(len(pictures)))
    size = _size(pictures[0])
    sheet = Image.new("RGB", (columns * size[0], math.ceil(len(pictures) / columns) * size[1]))
    draw = ImageDraw.Draw(sheet)
    for k, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        x, y = k % columns * size[0], k // columns * size[1]
        sheet.paste(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS), (x, y))
        draw.text(
            (x + 4, y + 2), label, fill="white", stroke_width=2, stroke_fill="black", font_size=max(10, size[1] // 14)
        )
    return sheet


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W, 3] as small as it is on a sheet: to keep, where pictures are many."""
    return np.asarray(Image.fromarray(picture).resize(_size(picture), Image.Resampling.LANCZOS))


def _size(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height of a picture on the sheet."""
    height, width = picture.shape[:2]
    scale = min(1.0, MAX_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
