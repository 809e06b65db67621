"""The distance of a network's pictures from the real ones: one figure, for runs on the same pictures.

It is the Frechet distance of two normal distributions, as in FID (Heusel et al. 2017), but of plain numbers and not of
an Inception network's: of each picture the mean colours of 4 x 4 cells, and the contrast of its lightness in four
octaves, across and down, in 2 x 2 cells; each number divided by its deviation among the real pictures. It knows
colours, composition and texture, and nothing of what is on a picture.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

CELLS = 4
CONTRAST_CELLS = 2
OCTAVES = 4

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean [n] and covariance [n, n]."""


class Distance:
    """The distance of made pictures from `real` ones, [n, 3, R, R], -1..1; smaller is better, 0 the same."""

    def __init__(self, real: Tensor) -> None:
        features = features_of(real)
        self.count = len(real)
        self._scale = 1 / (features.std(0) + 1e-3)
        self._real = _moments(features * self._scale)

    def of(self, made: Tensor) -> float:
        """Of as many pictures as there are real ones: with fewer it is larger."""
        return frechet(self._real, _moments(features_of(made) * self._scale))


def features_of(pictures: Tensor) -> NDArray[np.float64]:
    """[n, 3, R, R] -> [n, 80]."""
    x = pictures.float().clamp(-1, 1)
    found = [F.adaptive_avg_pool2d(x, CELLS).flatten(1)]
    lightness = x.mean(1, keepdim=True)
    for _ in range(OCTAVES):
        for steps in (lightness.diff(dim=2), lightness.diff(dim=3)):
            found.append(F.adaptive_avg_pool2d(steps.abs(), CONTRAST_CELLS).flatten(1))
        lightness = F.avg_pool2d(lightness, 2) if lightness.shape[-1] >= 4 else lightness
    features: NDArray[np.float64] = torch.cat(found, 1).cpu().double().numpy()
    return features


def frechet(a: Moments, b: Moments) -> float:
    """|m - n|^2 + tr(A + B - 2 (A B)^(1/2)); (A B)^(1/2) has the trace of (A^(1/2) B A^(1/2))^(1/2)."""
    values, vectors = np.linalg.eigh(a[1])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    crossed = np.sqrt(np.linalg.eigvalsh(root @ b[1] @ root).clip(0)).sum()
    return float(max(0.0, np.square(a[0] - b[0]).sum() + np.trace(a[1]) + np.trace(b[1]) - 2 * crossed))


def _moments(features: NDArray[np.float64]) -> Moments:
    return features.mean(0), np.cov(features, rowvar=False)
