"""The picture compiled by Numba: rows of one picture, each element by itself."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from akma_core.networks.kernels.simd import jit

from .ops import sqrt  # noqa: F401
from .picture import developed, heave, light

SAMPLES = 4
OFFSETS_X, OFFSETS_Y = (-0.125, 0.375, -0.375, 0.125), (-0.375, -0.125, 0.125, 0.375)
"""Places of the samples in a pixel: four columns and four rows, a turned grid."""


def _make(sources: str) -> Any:
    @jit()
    def rows(waves, lengths, variances, noise, s, camera, width, height, top, left, out):
        """out [3, rows, columns] <- the part of a picture of width x height from (top, left) on."""
        _ = sources
        z = heave(waves, lengths, s)
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                r, g, b = 0.0, 0.0, 0.0
                for k in range(SAMPLES):
                    u = (left + j + 0.5 + OFFSETS_X[k] - 0.5 * width) / height
                    v = (top + i + 0.5 + OFFSETS_Y[k] - 0.5 * height) / height
                    x = camera[0, 0] * u + camera[0, 1] * v + camera[0, 2]
                    y = camera[1, 0] * u + camera[1, 1] * v + camera[1, 2]
                    c = light(waves, lengths, variances, noise, s, z, x, y, 0.5 / height)
                    r += developed(s, c[0])
                    g += developed(s, c[1])
                    b += developed(s, c[2])
                out[0, i, j] = np.float32(r * 0.25)
                out[1, i, j] = np.float32(g * 0.25)
                out[2, i, j] = np.float32(b * 0.25)

    return rows


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# Numba's cache looks at this file alone: what it calls is made part of the key.
rows = _make(_fingerprint())
