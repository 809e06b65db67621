from itertools import pairwise

import numpy as np

from akma_core.modulation.palettes import SectionedWalk, draw_palettes
from akma_core.modulation.resolve import Section
from akma_core.modulation.ring_walk import Ring

from .analyses import FPS, Network

SECTIONS = [Section(start=start, label=label) for start, label in ((0, "A"), (4, "B"), (8, "A"), (12, "C"))]
LOUD = np.repeat([0.1, 1.0, 0.12, 0.9], 120)
network = Network()


def test_labels_have_seeds_of_their_own() -> None:
    top, bottom = range(100, 150), range(200, 250)
    palettes = draw_palettes(SECTIONS, LOUD, FPS, (top, bottom), np.random.default_rng(0))
    assert list(palettes) == ["A", "B", "C"]
    seeds = [seed for palette in palettes.values() for seed in (*palette.top, *palette.bottom)]
    assert len(set(seeds)) == len(seeds) == 30
    assert set(palettes["A"].top) <= set(bottom)  # a quiet part draws both from the quiet pictures
    assert set(palettes["B"].top) <= set(top)
    assert draw_palettes(SECTIONS, LOUD, FPS, (top, bottom), np.random.default_rng(0)) == palettes


def test_few_seeds_are_used_again() -> None:
    palettes = draw_palettes(SECTIONS, LOUD, FPS, ([1, 2, 3], [4, 5]), np.random.default_rng(0))
    assert all((len(palette.top), len(palette.bottom)) == (6, 4) for palette in palettes.values())


def walk(position: np.ndarray) -> SectionedWalk:
    rings = {label: Ring(tuple(range(k, k + 6)), network) for k, label in ((10, "A"), (20, "B"), (30, "C"))}
    return SectionedWalk(rings, SECTIONS, position, FPS)


def test_a_section_that_comes_back_shows_the_same_pictures() -> None:
    w = walk(np.arange(480) / 30)(0, 480)
    assert np.abs(w[:100] - w[240:340]).max() < 1e-9
    assert np.array_equal(w[120], network.of(20))  # each begins with its first seed, on the boundary
    assert np.array_equal(w[360], network.of(30))


def test_the_change_ends_on_the_boundary_and_is_the_largest_step() -> None:
    made = walk(np.zeros(480))
    w = made(0, 480)
    assert np.array_equal(w[108], w[0])  # 0.4 s before it nothing has changed
    half = (w[0] + network.of(20)) / 2
    assert np.abs(w[114] - half).max() < 1e-12
    assert np.array_equal(np.concatenate([made(a, b) for a, b in pairwise((0, 7, 110, 121, 300, 480))]), w)
