"""Pictures of the studio's presets: each preset has one, small, of the size that the page leaves room for."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # the scripts are no package
from preset_strips import OUTPUT, PICTURES, changes

from akma_core.modulation.presets import preset_names

MOST = 120_000  # bytes of all: the page has 300 kB, and 155 are its own


def test_every_preset_has_its_strip() -> None:
    found = {path.stem: path for path in OUTPUT.glob("*.webp")}
    assert set(found) == set(preset_names())
    assert sum(path.stat().st_size for path in found.values()) < MOST
    for path in found.values():
        with Image.open(path) as picture:
            assert picture.size == (526, 90), path
            levels = np.asarray(picture.convert("RGB"), np.float64)
        # Pictures, not one colour; and they move.
        tiles = [levels[:64, k * 66 : k * 66 + 64] for k in range(PICTURES)]
        assert min(tile.std() for tile in tiles) > 5, path
        assert min(float(np.abs(a - b).mean()) for a, b in pairwise(tiles)) > 1, path


def test_changes_are_mean_differences() -> None:
    frames = [Image.new("RGB", (4, 4), (level,) * 3) for level in (0, 10, 10, 4)]
    assert changes(frames).tolist() == [10, 0, 6]
