"""The picture compiled by Numba: rows of one picture, each element by itself."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from akma_core.networks.kernels.simd import jit

from .picture import CONE, OFFSETS_X, OFFSETS_Y, SAMPLE, SAMPLES, developed, heave, place, ray, wet
from .sky import sky
from .surface import approach, meet
from .water import water


def _make(sources: str) -> Any:
    @jit(error_model="numpy")
    def rows(waves, lengths, variances, noise, s, camera, width, height, top, left, out):
        """out [3, rows, columns] <- the part of a picture of width x height from (top, left) on."""
        _ = sources
        z = heave(waves, lengths, s)
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                x, y = place(camera, width, height, left + j, top + i, 0.0, 0.0)
                dx, dy, dz, angle = ray(s, x, y)
                start = approach(waves, lengths, s, z, (dx, dy, dz), angle / height, CONE)
                r, g, b = 0.0, 0.0, 0.0
                for k in range(SAMPLES):
                    x, y = place(camera, width, height, left + j, top + i, OFFSETS_X[k], OFFSETS_Y[k])
                    dx, dy, dz, angle = ray(s, x, y)
                    d, angle = (dx, dy, dz), angle * SAMPLE / height
                    t, mx, my, last = meet(waves, lengths, s, z, d, angle, start)
                    if wet(dz, t, last):
                        c = water(waves, lengths, variances, noise, s, d, (t, mx, my), z, angle)
                    else:
                        c = sky(s, noise, dx, dy, dz, angle, 1.0)
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
