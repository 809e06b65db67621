"""Shared fixtures: a network of 64 pixels that renders a hundred frames a second, and a song of 3 seconds."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.command import akma
from tests.support.songs import write_song

__all__ = ["akma"]


def save_network(folder: Path, *, classes: int = 0, **card: Any) -> Path:
    """An untrained StyleGAN3 of 64x64 pixels in a new `folder`, the same weights every time.

    No smaller: x264's macroblock tree gives other bytes now and then for pictures of six macroblocks and fewer.
    """
    import torch  # not at the top: most tests do without

    from akma_core.networks.stylegan3 import file
    from akma_core.networks.stylegan3.config import GeneratorConfig
    from akma_core.networks.stylegan3.generator import Generator

    config = GeneratorConfig(
        z_dim=32, w_dim=32, c_dim=classes, img_resolution=64, channel_max=16, num_layers=6, output_scale=1.0
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        generator = Generator(config)
        generator.mapping.w_avg.normal_()
    folder.mkdir()
    file.save(generator, folder, **{"name": folder.name, **card})
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole systems first: the longest files end together with the many short ones, instead of alone behind them."""
    items.sort(key=lambda item: "/e2e/" not in str(item.path))


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("networks") / "tiny")


@pytest.fixture(scope="session")
def conditional_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with 3 classes."""
    return save_network(tmp_path_factory.mktemp("networks") / "conditional", classes=3)


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_song(tmp_path_factory.mktemp("songs") / "song.wav", 3)
