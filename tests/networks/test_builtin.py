import os
from pathlib import Path

import pytest

from akma_core.errors import RequestError
from akma_core.files import sha256_of
from akma_core.networks import builtin
from akma_core.networks.card import CARD, WEIGHTS, read_card


def test_every_name_is_a_network_whose_weights_are_there() -> None:
    assert "ink" in builtin.names()
    for name in builtin.names():
        folder, card = builtin.find(name)
        assert card.name == name
        assert sha256_of(folder / WEIGHTS) == card.weights_sha256
        assert card.licence
        assert (card.width, card.height) == (card.config["img_resolution"],) * 2


def test_inks_seeds_are_curated() -> None:
    _, card = builtin.find("ink")
    assert min(len(card.seeds_top), len(card.seeds_bottom)) >= 12
    assert len(set(card.seeds_top)) == len(card.seeds_top)
    assert len(set(card.seeds_bottom)) == len(card.seeds_bottom)


def test_a_folder_or_its_card(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert builtin.find(str(network)) == (network, read_card(network))
    assert builtin.find(str(network / CARD)) == (network, read_card(network))
    monkeypatch.chdir(network.parent)
    assert builtin.find("tiny") == (Path("tiny"), read_card(network))
    monkeypatch.chdir(network)
    assert builtin.find(".")[1] == read_card(network)
    assert builtin.find(CARD)[1] == read_card(network)


@pytest.mark.parametrize("model", ["", "inks", "INK", "./ink", "no/such/folder", "x" * 5000, "a\0b", "\n", os.sep])
def test_unknown_models(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match="unknown model") as caught:
        builtin.find(model)
    assert (caught.value.code, caught.value.field) == ("unknown_model", "model")
    assert "ink" in caught.value.message
    assert len(caught.value.message) < 300


def test_a_broken_card_is_not_an_unknown_model(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text("{}")
    with pytest.raises(RequestError, match="is not a network card"):
        builtin.find(str(tmp_path))
