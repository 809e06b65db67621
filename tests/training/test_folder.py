"""The command that trains on a folder: it ends, goes on, begins from a network, and refuses in one line."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from akma_core.files import lock_file
from akma_core.networks import builtin
from akma_core.networks.card import read_card
from akma_core.networks.stylegan3.file import load, save
from akma_core.networks.stylegan3.generator import Generator
from tests.training.test_trainer import SMALL
from training.__main__ import main
from training.checkpoint import read_facts

SIZES = "--size 16 --layers 3 --channel-base 64 --channel-max 8 --critic-base 4 --critic-max 8 --batch 4 --device cpu"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    for k in range(20):
        Image.fromarray(random.integers(0, 256, (16, 20, 3), np.uint8)).save(tmp_path / "pictures" / f"{k}.png")
    return tmp_path / "pictures"


def _train(monkeypatch: pytest.MonkeyPatch, words: str) -> int:
    monkeypatch.setattr("sys.argv", ["training", *words.split()])
    monkeypatch.setattr("training.__main__.STARTED", time.monotonic())
    monkeypatch.setattr("training.__main__.signal.signal", lambda *_: None)
    return main()


def test_trains_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (folder / "notes.txt").write_text("none")
    command = f"folder {folder} --out {out} {SIZES} --pool 17 --name mine"
    assert _train(monkeypatch, f"{command} --minutes 0.08") == 0
    printed = capsys.readouterr().out
    assert printed.count("left out: notes.txt") == 1
    assert "with 17 pictures" in printed
    names = {path.name for path in out.iterdir() if not path.name.startswith("network-")}
    assert names == {".lock", "log.jsonl", "network", "progress.jpg", "sheet.jpg", "state.safetensors"}
    found, card = builtin.find(str(out / "network"))
    assert (card.name, card.kind, card.width) == ("mine", "stylegan3", 16)
    assert torch.isfinite(load(found)(torch.randn(2, 256))).all()
    assert _train(monkeypatch, f"{command} --minutes 0.08") == 0
    assert "give more --minutes to go on" in capsys.readouterr().out
    minutes = read_facts(out)["spent"] / 60 + 0.07  # type: ignore[index]
    assert _train(monkeypatch, f"{command} --minutes {minutes:.3f}") == 0
    assert "goes on from step" in capsys.readouterr().out
    assert read_card(out / "network").digest != card.digest


def test_begins_from_a_network(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin, out = tmp_path / "origin", tmp_path / "out"
    origin.mkdir()
    generator = Generator(SMALL, compiled=False)
    generator.synthesis.input.phases.fill_(0.25)  # no training changes them
    save(generator, origin, name="origin")
    words = f"folder {folder} --out {out} {SIZES} --minutes 0.07 --from {origin} --no-augment --mirror"
    assert _train(monkeypatch, words) == 0
    trained = load(out / "network")
    assert trained.cfg == SMALL
    assert (trained.synthesis.input.phases == 0.25).all()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("folder nowhere --out out --minutes 1", "cannot read the folder nowhere"),
        ("folder empty --out out --minutes 1", "there is nothing in empty"),
        (
            "folder useless --out out --minutes 1 --size 16",
            "0 of 1 files in useless can be used: 16 pictures are needed",
        ),
        ("folder pictures --out pictures/out --minutes 1", "is among the pictures"),
        ("folder pictures --out out --minutes 0", "not above 0"),
        ("folder pictures --out out --minutes 1 --size 50", "no power of two"),
        ("folder pictures --out out --minutes 1 --device none", "--device none is not on this machine"),
        ("folder pictures --out out --minutes 1 --size 16 --layers 2", "no generator can be made"),
        ("folder pictures --out out --minutes 1 --name ink", "cannot be a name"),
        ("folder pictures --out out --minutes 1 --size 16 --from sea", "is a sea"),
        ("folder pictures --out out --minutes 1 --size 16 --from ink", "give --size 256"),
        ("folder pictures --out out --minutes 1 --size 16 --from ./no", "unknown model"),
        ("folder pictures --out out --minutes 1 --size 16 --from ./no.pkl", "no.pkl is not a file"),
        ("sea --out taken --minutes 1", "is a folder of something else"),
        ("sea --out useless/a.txt --minutes 1", "cannot write"),
    ],
)
def test_refuses_in_a_line(
    words: str, says: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    Path("useless").mkdir()
    Path("useless/a.txt").write_text("none")
    Path("taken/network").mkdir(parents=True)
    assert _train(monkeypatch, words) == (1 if "write" in says else 2)
    printed = capsys.readouterr().err
    assert says in printed
    assert printed.count("\n") == 1


def test_one_training_a_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder.parent / "out"
    out.mkdir()
    lock = lock_file(out / ".lock")
    assert lock is not None
    with lock:
        assert _train(monkeypatch, f"folder {folder} --out {out} {SIZES} --minutes 0.07") == 2
    assert "another training is writing" in capsys.readouterr().err
