"""Energy of pictures: which of them suit loud passages and which quiet ones, for any network."""

import numpy as np
from numpy.typing import NDArray

SIDE = 64  # pixels a side on which detail is measured: what is seen at a glance
LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


def energies(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Energy of each picture, uint8 [H, W, 3] of one size -> float64 [n], 1 for what is usual among them.

    The geometric mean of contrast (deviation of luma), detail (difference of neighbouring pixels at 64 a side) and
    colour, each over its median: Hasler and Suesstrunk's colourfulness (Human Vision and Electronic Imaging 2003).
    """
    measured = np.array([_measures(picture) for picture in pictures])
    relative = (measured + 1.0) / (np.median(measured, axis=0) + 1.0)  # a level of 255, so that grey ones count too
    found: NDArray[np.float64] = np.exp(np.log(relative).mean(1))
    return found


def _measures(picture: NDArray[np.uint8]) -> tuple[float, float, float]:
    high, wide = picture.shape[:2]
    rows, columns = (np.arange(min(SIDE, size)) * size // min(SIDE, size) for size in (high, wide))
    sums = np.add.reduceat(np.add.reduceat(picture.astype(np.float64), rows, 0), columns, 1)
    areas = np.diff(rows, append=high)[:, None, None] * np.diff(columns, append=wide)[None, :, None]
    small = sums / areas
    luma = small @ np.array(LUMA)
    detail = np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean()
    red_green, yellow_blue = small[..., 0] - small[..., 1], small[..., :2].mean(2) - small[..., 2]
    spread, mean = np.hypot(red_green.std(), yellow_blue.std()), np.hypot(red_green.mean(), yellow_blue.mean())
    return float(luma.std()), float(detail), float(spread + 0.3 * mean)
