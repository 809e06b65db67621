"""Chunks rendered apart are judged as the whole, from their files."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.track import join, pack, unpack
from tests.support.flashes import flicker, judged

GRID = Grid.coarse(64, 48)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 44), max_size=5))
def test_chunks_are_judged_as_the_whole(seed: int, cuts: list[int]) -> None:
    random = np.random.default_rng(seed)
    levels = random.choice([0, 90, 160, 250], 45)
    pictures = flicker(levels.tolist(), GRID, rows=int(random.integers(1, GRID.rows)))
    pictures[..., 1:] //= np.uint8(random.choice([1, 5]))
    chunks = [pack(part) for part in np.split(pictures, sorted(set(cuts)))]
    assert {str(name): verdict for name, verdict in join(GRID, 30, chunks).verdicts().items()} == judged(pictures, GRID)


def test_a_flash_across_a_seam_counts() -> None:
    pictures = flicker([60, 160] * 4, GRID)
    assert not join(GRID, 30, [pack(part) for part in np.split(pictures, 8)]).verdicts()["iso"].passed


def test_bytes_give_the_pictures_back() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (9, GRID.rows, GRID.columns, 3)).astype(np.uint8)
    assert (unpack(pack(pictures), GRID) == pictures).all()


def test_what_is_no_track_is_refused() -> None:
    good = pack(flicker([1, 2, 3], GRID))
    huge = good[:8] + (2**32 - 1).to_bytes(4, "little") + good[12:]
    longer = good[:12] + zlib.compress(bytes(10**6))
    other = pack(flicker([1], Grid.coarse(48, 64)))
    for data in (b"", b"AKF1", good[:-3], b"x" * 40, huge, longer, other, good[:12] + b"rubbish"):
        with pytest.raises(ValueError, match=r"flash track is .* render the chunk again"):
            unpack(data, GRID)
