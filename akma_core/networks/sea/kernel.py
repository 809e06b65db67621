"""The picture compiled by Numba: rows of one picture, eight elements of a row at a time, each by itself."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from akma_core.networks.kernels import simd
from akma_core.networks.kernels.simd import jit

from . import gathers  # noqa: F401  what the sources below call is defined there
from .lanes import LANES, steps, store
from .ops import none, select
from .picture import CONE, OFFSETS_X, OFFSETS_Y, SAMPLE, SAMPLES, developed, place, ray
from .settle import settled
from .sky import sky
from .surface import approach, meet
from .texture import TILE
from .water import water


def _make_rows(sources: str) -> Any:
    @jit(error_model="numpy")
    def rows(waves, quads, statistics, lengths, noise, s, z, camera, width, height, top, left, out):
        """out [3, rows, columns] <- the part of a picture of width x height from (top, left) on; columns % 8 = 0."""
        _ = sources
        _, count, columns = out.shape
        for i in range(count):
            row = steps(top + i) * 0.0 + (top + i)
            for j in range(0, columns, LANES):
                column = steps(left + j)
                x, y = place(camera, width, height, column, row, 0.0, 0.0)
                dx, dy, dz, angle = ray(s, x, y)
                start = approach(quads, statistics, lengths, s, z, (dx, dy, dz), angle / height, CONE)
                r, g, b = 0.0 * x, 0.0 * x, 0.0 * x
                for k in range(SAMPLES):
                    x, y = place(camera, width, height, column, row, OFFSETS_X[k], OFFSETS_Y[k])
                    dx, dy, dz, angle = ray(s, x, y)
                    d, angle = (dx, dy, dz), angle * SAMPLE / height
                    t, wet = meet(quads, statistics, lengths, s, z, d, angle, start)
                    if none(wet):
                        c = sky(s, noise, dx, dy, dz, angle, 1.0)
                    else:
                        c = water(waves, statistics, lengths, noise, s, d, t, angle)
                        if not none(~wet):
                            e = sky(s, noise, dx, dy, dz, angle, 1.0)
                            c = select(wet, c[0], e[0]), select(wet, c[1], e[1]), select(wet, c[2], e[2])
                    r, g, b = r + developed(s, c[0]), g + developed(s, c[1]), b + developed(s, c[2])
                at = i * columns + j
                store(out, at, r * 0.25)
                store(out, at + count * columns, g * 0.25)
                store(out, at + 2 * count * columns, b * 0.25)

    return rows


def _make_settle(sources: str) -> Any:
    @jit(error_model="numpy")
    def settle(moves, traits, out):
        """out [8, TILE, TILE] <- settled() at every texel's centre."""
        _ = sources
        for i in range(TILE):
            y = (steps(i) * 0.0 + (i + 0.5)) / TILE
            for j in range(0, TILE, LANES):
                values = settled(moves, traits, (steps(j) + 0.5) / TILE, y)
                for channel in range(8):
                    store(out, (channel * TILE + i) * TILE + j, values[channel])

    return settle


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(simd.__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# Numba's cache looks at this file alone: what it calls is made part of the key.
rows, settle = _make_rows(_fingerprint()), _make_settle(_fingerprint())


def settle_tile(moves: Any, traits: Any) -> Any:
    """As tables.Settle."""
    planes = np.empty((8, TILE, TILE), np.float32)
    settle(moves, traits, planes)
    return planes.transpose(1, 2, 0)
