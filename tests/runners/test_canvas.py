"""The way in which a network fills a canvas, and pictures made to it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from akma_core.errors import RequestError
from akma_core.networks import kinds
from akma_core.networks.builtin import find
from akma_core.networks.card import read_card, write_card
from akma_core.render.plan import CanvasPart
from runners.canvas import Shaper, choose, even
from runners.network import NetworkRunner
from tests.support.golden import FOLDER

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


def test_panels_are_as_few_as_cover_the_canvas() -> None:
    picture, other = torch.from_numpy(TEXTURE[:1]), torch.from_numpy(TEXTURE[1:2])
    two = Shaper(CanvasPart(way="panelled", columns=28, rows=16), (84, 48))(picture, other)
    assert (two[:, :, :42] == picture[:, :, 3:45]).all()
    assert (two[:, :, 42:] == other[:, :, 3:45]).all()
    four = Shaper(CanvasPart(way="panelled", columns=64, rows=16), (192, 48))(picture, other)
    assert (four == torch.cat([picture, other, picture.flip(2), other.flip(2)], 2)).all()
    grid = Shaper(CanvasPart(way="panelled", columns=32, rows=32), (96, 96))(picture, other)
    assert (grid[:, 48:, :48] == other).all()
    assert (grid[:, 48:, 48:] == picture.flip(2)).all()


def test_a_wish_is_kept_or_refused_by_name(network: Path) -> None:
    card = read_card(network)
    for wish in ("mirrored", "fitted", "panelled"):
        chosen = choose("16:9", card, network, wish)
        assert chosen is not None
        assert (chosen.way, chosen.note) == (wish, "")
    folder, sea = find("sea")
    with pytest.raises(RequestError, match="network sea draws any shape as such") as caught:
        choose("16:9", sea, folder, "mirrored")
    assert caught.value.field == "canvas"
    folder, ink = find("ink")
    with pytest.raises(RequestError, match="as large as the network's picture"):
        choose("192x192", ink, folder, "panelled")


def test_a_stylegan2_is_not_drawn_on(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    card = kinds.convert(FOLDER / "sg2_cond.pkl", tmp_path / "net", name="faces")
    with pytest.raises(RequestError, match="draws nothing beyond its picture"):
        choose("16:9", card, tmp_path / "net", "wide")


def test_a_runner_draws_panels_of_w_and_its_opposite(network: Path) -> None:
    card = read_card(network)
    size = 2 * card.width, card.height
    part = CanvasPart(way="panelled", columns=32, rows=16)
    runner = NetworkRunner(network, torch.device("cpu"), 1, size=size, canvas=part)
    plain = NetworkRunner(network, torch.device("cpu"), 1)
    average = kinds.load(network).mapping.w_avg.numpy()
    w = np.random.default_rng(0).standard_normal((1, average.size)).astype(np.float32)
    both = runner.pictures(w)
    assert (both[:, :, : card.width] == plain.pictures(w)).all()
    assert (both[:, :, card.width :] == plain.pictures(2 * average - w)).all()


def test_a_runner_draws_the_canvas() -> None:
    folder, _ = find("ink")
    wide = CanvasPart(way="wide", columns=22, rows=16)
    runner = NetworkRunner(folder, torch.device("cpu"), 1, size=(340, 256), canvas=wide)
    w = np.zeros((1, 512), np.float32)
    assert runner.pictures(w).shape == (1, 256, 340, 3)
