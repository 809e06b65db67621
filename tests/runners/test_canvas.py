"""The way in which a network fills a canvas, and pictures made to it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from akma_core.networks.builtin import find
from akma_core.networks.card import read_card, write_card
from akma_core.render.plan import CanvasPart
from runners.canvas import Shaper, choose, even
from runners.network import NetworkRunner

RNG = np.random.default_rng(0)
TEXTURE = RNG.integers(0, 256, (4, 48, 48, 3), dtype=np.uint8)


def test_ink_goes_on_and_its_own_shape_is_none() -> None:
    folder, card = find("ink")
    chosen = choose("16:9", card, folder)
    assert chosen is not None
    assert (chosen.way, chosen.note) == ("wide", "")
    assert choose("1:1", card, folder) is None
    assert choose(None, card, folder) is None


def test_even_pictures_have_outer_thirds_like_their_middle() -> None:
    assert even(TEXTURE, across=True)
    face = np.full_like(TEXTURE, 120)
    face[:, :, 16:32] = TEXTURE[:, :, 16:32]
    assert not even(face, across=True)
    assert even(face, across=False)
    lit = TEXTURE // 2
    lit[:, :, :16] += 100
    assert not even(lit, across=True)


@pytest.mark.parametrize(("canvas", "ways"), [("square", ("mirrored", "fitted")), (None, ("wide", "fitted"))])
def test_other_cards_are_looked_at(network: Path, tmp_path: Path, canvas: str | None, ways: tuple[str, str]) -> None:
    for name in ("network.json", "network.safetensors"):
        (tmp_path / name).write_bytes((network / name).read_bytes())
    card = read_card(tmp_path).model_copy(update={"canvas": canvas})
    write_card(tmp_path, card)
    chosen = choose("16:9", card, tmp_path)
    assert chosen is not None
    assert chosen.way in ways
    assert "outer thirds" in chosen.note


def test_mirrored_and_fitted() -> None:
    picture = torch.from_numpy(TEXTURE[:1])
    mirrored = Shaper(CanvasPart(way="mirrored", columns=56, rows=16), (168, 48))(picture)
    assert mirrored.shape == (1, 48, 168, 3)
    assert (mirrored[:, :, 60:108] == picture).all()
    assert (mirrored[:, :, 12:60] == picture.flip(2)).all()
    assert (mirrored[:, :, 108:156] == picture.flip(2)).all()
    fitted = Shaper(CanvasPart(way="fitted", columns=32, rows=16), (96, 48))(picture)
    assert (fitted[:, :, 24:72] == picture).all()
    assert fitted[:, :, :24].float().std() < picture.float().std() / 3


def test_a_runner_draws_the_canvas() -> None:
    folder, _ = find("ink")
    wide = CanvasPart(way="wide", columns=22, rows=16)
    runner = NetworkRunner(folder, torch.device("cpu"), 1, size=(340, 256), canvas=wide)
    w = np.zeros((1, 512), np.float32)
    assert runner.pictures(w).shape == (1, 256, 340, 3)
