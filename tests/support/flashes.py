"""Labelled flashing sequences, and pictures that flash."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.meter import FlashMeter, Verdict

GRID = Grid.fine(1920, 1080)
Pixels = NDArray[np.uint8]
Case = dict[str, Any]


@cache
def _arrays() -> dict[str, NDArray[Any]]:
    with np.load(Path(__file__).parents[1] / "golden" / "flash" / "cases.npz") as file:
        return dict(file)


@cache
def labelled() -> dict[str, Case]:
    """The cases by their names."""
    return {case["name"]: case for case in json.loads(str(_arrays()["cases"]))}


def drawn(case: Case) -> Pixels:
    """A case's pictures on `GRID`, uint8 [n, 270, 480, 3]."""
    layers = case["layers"]
    sequences = [_arrays()["sequence/" + layer["sequence"]] for layer in layers]
    pictures = np.empty((len(sequences[0]), GRID.rows, GRID.columns, 3), np.uint8)
    pictures[:] = [int(value) for value in case["background"].strip("()").split(",")[:3]]
    for layer, colours in zip(layers, sequences, strict=True):
        bits = np.unpackbits(_arrays()["mask/" + layer["mask"]], count=GRID.rows * GRID.columns)
        pictures[:, bits.reshape(GRID.rows, GRID.columns) == 1] = colours[:, None]
    return pictures


def flicker(levels: list[int], grid: Grid, rows: int | None = None) -> Pixels:
    """Grey pictures of those 8-bit levels, uint8 [n, rows, columns, 3]; below the first `rows` they stay at 0."""
    pictures = np.zeros((len(levels), grid.rows, grid.columns, 3), np.uint8)
    pictures[:, :rows] = np.array(levels, np.uint8)[:, None, None, None]
    return pictures


def judged(pictures: Pixels, grid: Grid, fps: float = 30.0) -> dict[str, Verdict]:
    """All verdicts on small pictures."""
    meter = FlashMeter(grid, fps)
    meter.add(pictures)
    return {str(name): verdict for name, verdict in meter.verdicts().items()}
