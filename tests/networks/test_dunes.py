"""The built-in network "dunes" is the one that its script makes, has large forms and rest, and moves without jumps."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.modulation.walk import latent
from akma_core.networks import builtin
from akma_core.networks.picture import to_uint8
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.generator import Generator

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import make_dunes

BLOCK, CALM = 16, 6.0  # pixels, standard deviation in levels
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def dunes() -> Generator:
    return file.load(builtin.find("dunes")[0])


def ws_of(generator: Generator, seeds: tuple[int, ...]) -> Tensor:
    ws: Tensor = generator.mapping(torch.from_numpy(np.stack([latent(seed, generator.z_dim) for seed in seeds])))
    return ws


def pictures(generator: Generator, ws: Tensor) -> Floats:
    with torch.inference_mode():
        return to_uint8(generator.synthesis(ws)).numpy().astype(np.float64)


def calm(levels: Floats) -> float:
    """Share of the blocks of pictures [n, y, x, 3] in which next to nothing happens."""
    n, height, width, _ = levels.shape
    blocks = levels.mean(3).reshape(n, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return float((blocks.std(axis=(2, 4)) < CALM).mean())


def test_it_is_small_and_ours() -> None:
    folder, card = builtin.find("dunes")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3e6
    assert (card.width, card.height, card.flavour, card.canvas, card.licence) == (256, 256, "R", "wide", "MIT")
    assert min(len(set(card.seeds_top)), len(set(card.seeds_bottom))) >= 40
    assert not set(card.seeds_top) & set(card.seeds_bottom)


@pytest.mark.slow
def test_the_script_makes_it_again(dunes: Generator) -> None:
    """To the bit where it was made; elsewhere the deviations of w, which its rows are scaled by, round otherwise."""
    made = make_dunes.make().state_dict()
    for name, value in dunes.state_dict().items():
        assert torch.allclose(made[name], value, rtol=0.02, atol=0.002 * float(value.abs().max())), name


@pytest.mark.slow
def test_large_forms_and_rest(dunes: Generator) -> None:
    """At least a third of the picture is calm; of ink's next to nothing is."""
    ink, seeds = file.load(builtin.find("ink")[0]), (0, 50, 114, 183)
    assert calm(pictures(dunes, ws_of(dunes, seeds))) > 0.34
    assert calm(pictures(ink, ws_of(ink, seeds))) < 0.2


@pytest.mark.slow
def test_loud_is_day_and_quiet_is_night(dunes: Generator) -> None:
    _, card = builtin.find("dunes")
    loud, quiet = (pictures(dunes, ws_of(dunes, seeds[::12])) for seeds in (card.seeds_top, card.seeds_bottom))
    for batch in (loud, quiet):
        assert (batch.mean(3).std(axis=(1, 2)) > 15).all()
        assert ((batch == 0) | (batch == 255)).mean() < 0.25
    assert loud.mean() > quiet.mean() + 20
    assert (loud[..., 0] - loud[..., 2]).mean() > (quiet[..., 0] - quiet[..., 2]).mean() + 40


@pytest.mark.slow
def test_it_moves_without_jumps(dunes: Generator) -> None:
    """Twice the way in w changes the picture about twice as much, wherever the walk is: nothing pops or boils."""
    a, b = ws_of(dunes, (20, 183))
    for t in (0.2, 0.5, 0.8):
        levels = pictures(dunes, torch.stack([torch.lerp(a, b, t + step) for step in (0, 1 / 60, 2 / 60)]))
        once, twice = (float(np.abs(levels[k] - levels[0]).mean()) for k in (1, 2))
        assert 0.3 < once < 0.05 * 255
        assert 1.6 < twice / once < 2.2
