"""The built-in network is the one that its script makes, and is worth looking at."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from akma_core.modulation.walk import latent
from akma_core.networks import builtin
from akma_core.networks.picture import to_uint8
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.generator import Generator

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import make_ink


@pytest.fixture(scope="module")
def ink() -> Generator:
    folder, _ = builtin.find("ink")
    return file.load(folder)


def test_it_is_small_and_ours() -> None:
    folder, card = builtin.find("ink")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4e6
    assert (card.width, card.height, card.flavour, card.licence) == (256, 256, "R", "MIT")
    assert len(set(card.seeds_top)) >= 40
    assert len(set(card.seeds_bottom)) >= 40
    assert not set(card.seeds_top) & set(card.seeds_bottom)


@pytest.mark.slow
def test_the_script_makes_it_again(ink: Generator) -> None:
    """To the bit where it was made; elsewhere matrix products round otherwise, and calibration carries that on."""
    made = make_ink.make().state_dict()
    for name, value in ink.state_dict().items():
        assert torch.allclose(made[name], value, rtol=0.02, atol=0.02 * float(value.abs().max())), name


@pytest.mark.slow
def test_it_is_worth_looking_at(ink: Generator) -> None:
    """Contrast, colour, neither washed out nor black; loud seeds warm and bright, quiet ones cold and dark."""
    _, card = builtin.find("ink")

    def pictures(seeds: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        z = torch.from_numpy(np.stack([latent(seed, ink.z_dim) for seed in seeds]))
        with torch.inference_mode():
            return to_uint8(ink(z)).numpy().astype(np.float64)

    loud, quiet = pictures(card.seeds_top[::8]), pictures(card.seeds_bottom[::8])
    for batch in (loud, quiet):
        luminance = batch.mean(3)
        assert (luminance.std(axis=(1, 2)) > 20).all()
        assert ((batch == 0) | (batch == 255)).mean() < 0.35
        assert np.abs(batch[..., 0] - batch[..., 2]).mean() > 15
    assert loud.mean() > quiet.mean() + 20
    assert (loud[..., 0] - loud[..., 2]).mean() > (quiet[..., 0] - quiet[..., 2]).mean() + 40
