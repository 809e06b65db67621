"""The card that is shipped says what the script writes, and its pools are what they are called."""

import sys
from pathlib import Path

import numpy as np
import torch

from akma_core.networks.card import read_card
from akma_core.networks.sea.config import SeaConfig
from akma_core.networks.sea.generator import SeaGenerator
from akma_core.networks.sea.scene import WIND

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))

from make_sea import make_card

FOLDER = Path(__file__).parents[3] / "akma_core" / "networks" / "sea"


def test_the_card_is_the_scripts() -> None:
    card = read_card(FOLDER)
    assert card == make_card()
    assert SeaConfig(**card.config) == SeaConfig()


def test_the_pools_are_calm_and_stormy() -> None:
    card, sea = make_card(), SeaGenerator(SeaConfig())
    assert min(len(card.seeds_top), len(card.seeds_bottom)) >= 16

    def wind(seeds: tuple[int, ...]) -> torch.Tensor:
        z = np.stack([np.random.RandomState(seed).randn(sea.z_dim) for seed in seeds])
        return sea.mapping(torch.from_numpy(z))[:, WIND]

    assert wind(card.seeds_bottom).max() < -0.9
    assert wind(card.seeds_top).min() > 1.1
