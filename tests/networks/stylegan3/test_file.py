"""AKMA's own format: what is saved is loaded to the bit, what is damaged is refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from akma_core.errors import RequestError
from akma_core.files import sha256_of
from akma_core.networks.card import CARD, WEIGHTS, read_card, write_card
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.generator import Generator
from tests.support.golden import Golden


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Golden("t64_clamp").generator()


@pytest.fixture
def folder(tmp_path: Path, generator: Generator) -> Path:
    file.save(generator, tmp_path, name="small", licence="MIT")
    return tmp_path


def test_round_trip(folder: Path, generator: Generator) -> None:
    golden = Golden("t64_clamp")
    again = file.load(folder)
    assert again.cfg == generator.cfg
    assert (again.synthesis(golden["ws"]) == generator.synthesis(golden["ws"])).all()


def test_the_card_says_what_it_is(folder: Path, generator: Generator) -> None:
    card = read_card(folder)
    assert (card.width, card.height, card.classes, card.flavour) == (64, 64, 0, "T")
    other = folder / "other"
    other.mkdir()
    assert file.save(generator, other, name="another name").digest == card.digest
    generator.synthesis.layers[0].bias[0] += 1
    assert file.save(generator, other, name="small").digest != card.digest
    generator.synthesis.layers[0].bias[0] -= 1


def damage(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS)
        card = read_card(folder)
        write_card(folder, card.model_copy(update={"weights_sha256": sha256_of(folder / WEIGHTS)}))

    return apply


def nan(weights: dict[str, torch.Tensor]) -> None:
    weights["mapping.w_avg"][3] = float("nan")


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "weights of another network": lambda folder: save_file({"a": torch.zeros(1)}, folder / WEIGHTS),
    "weights cut": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:5000]),
    "weights missing": lambda folder: (folder / WEIGHTS).unlink(),
    "card missing": lambda folder: (folder / CARD).unlink(),
    "card is text": lambda folder: (folder / CARD).write_text("hello"),
    "card of another format": lambda folder: (folder / CARD).write_text('{"format": "x"}'),
    "a weight missing": damage(lambda weights: weights.pop("mapping.w_avg")),
    "a weight too many": damage(lambda weights: weights.update(extra=torch.zeros(2))),
    "a weight misshapen": damage(lambda weights: weights.update({"mapping.w_avg": torch.zeros(7)})),
    "not a number": damage(nan),
}


@pytest.mark.parametrize("break_it", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged(folder: Path, break_it: Callable[[Path], Any]) -> None:
    break_it(folder)
    with pytest.raises(RequestError) as caught:
        file.load(folder)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


def test_a_card_of_another_size(folder: Path) -> None:
    write_card(folder, read_card(folder).model_copy(update={"width": 128}))
    with pytest.raises(RequestError, match="another size"):
        file.load(folder)


def test_a_configuration_that_is_none(folder: Path) -> None:
    card = read_card(folder)
    write_card(folder, card.model_copy(update={"config": {"z_dim": 10**9}}))
    with pytest.raises(RequestError, match="cannot be loaded"):
        file.load(folder)
