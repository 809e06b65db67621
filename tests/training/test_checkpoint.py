"""Checkpoints: a process killed at any moment, or a full disk, leaves a network and a state that can be used."""

import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from akma_core.errors import FailureError, RequestError
from akma_core.networks import builtin
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.file import load
from akma_core.networks.stylegan3.generator import Generator
from training.checkpoint import NETWORK, STATE, clean, read_facts, restore, save_network, save_state

SMALL = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=16, channel_base=64, channel_max=8, num_layers=3)


class Kill(BaseException):
    """The process ends here."""


def _generator(value: float) -> Generator:
    generator = Generator(SMALL, compiled=False)
    generator.mapping.w_avg.fill_(value)
    return generator


def _saved(out: Path) -> float:
    folder, _ = builtin.find(str(out / NETWORK))
    return float(load(folder).mapping.w_avg[0])


@pytest.mark.parametrize("call", ["mkdir", "write_bytes", "write_text", "rename", "symlink_to", "replace"])
def test_a_kill_leaves_a_pair(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_network(_generator(1), tmp_path, 1, name="a")

    def kill(*_: Any, **__: Any) -> None:
        raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(Path, call, kill)
        for tidy in ("training.checkpoint.shutil.rmtree", "pathlib.Path.unlink"):
            patch.setattr(tidy, lambda *_, **__: None)
        with pytest.raises(Kill):
            save_network(_generator(2), tmp_path, 2, name="a")
    assert _saved(tmp_path) == 1
    assert call == "mkdir" or len(list(tmp_path.iterdir())) > 2
    clean(tmp_path)
    assert not list(tmp_path.glob("*.tmp"))
    for step in (2, 3, 4):
        save_network(_generator(step), tmp_path, step, name="a")
        assert _saved(tmp_path) == step
    assert len(list(tmp_path.iterdir())) == 3  # the link and two networks


def test_who_followed_the_link_reads_one_checkpoint(tmp_path: Path) -> None:
    save_network(_generator(1), tmp_path, 1, name="a")
    folder, card = builtin.find(str(tmp_path / NETWORK))
    save_network(_generator(2), tmp_path, 2, name="a")
    assert load(folder).mapping.w_avg[0] == 1
    assert builtin.find(str(tmp_path / NETWORK))[1].weights_sha256 != card.weights_sha256


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    save_network(_generator(1), tmp_path, 1, name="a")
    save_state(tmp_path, {"x": torch.ones(2)}, {"step": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(FailureError, match="no room left"):
            save_network(_generator(2), tmp_path, 2, name="a")
        with pytest.raises(FailureError, match="no room left"):
            save_state(tmp_path, {"x": torch.zeros(1000)}, {"step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _saved(tmp_path) == 1
    assert read_facts(tmp_path) == {"step": 1}
    assert {path.name for path in tmp_path.iterdir()} == {NETWORK, f"{NETWORK}-00000001", STATE}


def test_the_state_comes_back(tmp_path: Path) -> None:
    assert read_facts(tmp_path) is None
    saved = {"a": torch.randn(2, 3), "b": torch.tensor(4.0)}
    save_state(tmp_path, saved, {"step": 7, "spent": 1.5})
    assert read_facts(tmp_path) == {"step": 7, "spent": 1.5}
    found = {"a": torch.zeros(2, 3), "b": torch.zeros(())}
    restore(tmp_path, found)
    assert torch.equal(found["a"], saved["a"])
    assert found["b"] == 4


@pytest.mark.parametrize("wrong", [{"a": torch.zeros(3)}, {"b": torch.zeros(2)}], ids=["shape", "name"])
def test_a_state_of_something_else(wrong: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_state(tmp_path, {"a": torch.ones(2)}, {})
    with pytest.raises(RequestError, match="another --out"):
        restore(tmp_path, wrong)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 100], ids=str)
def test_a_damaged_state(content: bytes, tmp_path: Path) -> None:
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(RequestError, match="remove that file"):
        read_facts(tmp_path)
