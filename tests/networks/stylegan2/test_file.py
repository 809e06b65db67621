"""Our own format: what is written is read again, and what is wrong is refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.networks import card
from akma_core.networks.stylegan2 import file
from akma_core.networks.stylegan2.config import GeneratorConfig
from akma_core.networks.stylegan2.file import build, load, save
from tests.support.stylegan2_golden import Golden


@pytest.mark.parametrize("name", ["t64", "cond", "resnet", "orig", "ros"])
def test_written_and_read_again(name: str, tmp_path: Path) -> None:
    golden = Golden(name)
    written = save(golden.generator(), tmp_path, name=name)
    assert (written.kind, written.classes) == ("stylegan2", golden.settings().get("c_dim", 0))
    assert card.read_card(tmp_path) == written
    assert (load(tmp_path).synthesis(golden["ws"][:1]) == golden.generator().synthesis(golden["ws"][:1])).all()


def spoilt(change: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    if change == "missing":
        del weights["synthesis.b32.conv0.weight"]
    elif change == "unknown":
        weights["synthesis.b4.conv0.weight"] = torch.zeros(1)
    elif change == "misshapen":
        weights["synthesis.b8.conv1.noise_const"] = torch.zeros(1, 1)
    elif change == "strength":
        weights["synthesis.b8.conv1.noise_strength"] = torch.zeros(24)
    elif change == "nan":
        weights["synthesis.b8.conv1.noise_const"][0, 0] = float("nan")
    return weights


@pytest.mark.parametrize("change", ["missing", "unknown", "misshapen", "strength", "nan"])
def test_wrong_weights(change: str) -> None:
    golden = Golden("t64")
    with pytest.raises(RequestError) as caught:
        build(GeneratorConfig(**golden.settings()), spoilt(change, golden.state_dict))
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("field", "value"),
    [("width", 128), ("classes", 4), ("config", {}), ("weights_sha256", "0" * 64)],
)
def test_a_card_that_says_something_else(field: str, value: Any, tmp_path: Path) -> None:
    save(Golden("t64").generator(), tmp_path, name="t64")
    path = tmp_path / card.CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(RequestError) as caught:
        load(tmp_path)
    assert "\n" not in caught.value.message


def test_damaged_weights(tmp_path: Path) -> None:
    save(Golden("t64").generator(), tmp_path, name="t64")
    weights = load_file(tmp_path / card.WEIGHTS)
    weights["mapping.w_avg"] += 1
    save_file(weights, tmp_path / card.WEIGHTS)
    with pytest.raises(RequestError, match="copy it again"):
        file.load(tmp_path)
