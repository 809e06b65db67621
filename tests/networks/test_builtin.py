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


def test_renders_made_before_can_be_made_again() -> None:
    """A network is its digest: one that changes gets another name."""
    digests = {
        "ink": "7a4cf673bfbd7b61d557a1170db6d97c734c5829ee50994ab7fe342d494e0a5e",
        "east-sea": "7938d3a21bdccda8f2ff70d57bea947a5b33784cb34a36b7e9dff2af2978d41b",
        "dunes": "bb1759d20c26798b1ade72535dbb1669e37bc06ed75567712ce68f26ca62fab5",
    }
    assert {name: builtin.find(name)[1].digest for name in digests} == digests


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
