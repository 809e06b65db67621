"""A training on the sea, a few steps of a tiny one: it ends, and what it saves is a network of ours."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from akma_core.networks.card import read_card
from akma_core.networks.stylegan3.file import load
from training.__main__ import main
from training.checkpoint import read_facts
from training.sea_pictures import SeaPictures, latents, mirror, read_drawn


def test_trains_and_saves_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, out = tmp_path / "drawn", tmp_path / "out"
    drawn.mkdir()
    pictures = SeaPictures(16)
    for seed in range(24):
        Image.fromarray(pictures.draw(seed)).save(drawn / f"{seed}.webp", quality=90)
    sizes = "--size 16 --layers 3 --channel-base 64 --channel-max 8 --critic-base 4 --critic-max 8 --batch 4"
    command = f"training sea --out {out} --minutes 0.08 --device cpu --drawn {drawn} --renderers 0 --pool 24 {sizes}"
    monkeypatch.setattr("sys.argv", command.split())
    monkeypatch.setattr("training.__main__.STARTED", time.monotonic())
    monkeypatch.setattr("training.__main__.signal.signal", lambda *_: None)
    started = time.monotonic()
    assert main() == 0
    assert time.monotonic() - started < 60
    assert {path.name for path in out.iterdir() if not path.name.startswith("network-")} == {
        ".lock", "log.jsonl", "network", "progress.jpg", "sheet.jpg", "state.safetensors",
    }  # fmt: skip
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] >= 1
    card, generator = read_card(out / "network"), load(out / "network")
    assert (card.name, card.kind, card.width) == ("east-sea", "stylegan3", 16)
    assert latents(list(card.seeds_top))[:, 0].min() > latents(list(card.seeds_bottom))[:, 0].max()
    assert torch.isfinite(generator(latents([1, 2]))).all()
    minutes = read_facts(out)["spent"] / 60 + 0.07  # type: ignore[index]
    monkeypatch.setattr("sys.argv", command.replace("0.08", f"{minutes:.3f}").split())
    monkeypatch.setattr("training.__main__.STARTED", time.monotonic())
    assert main() == 0
    again = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert again[-1]["step"] > lines[-1]["step"]


def test_pictures_come_with_the_z_that_drew_them(tmp_path: Path) -> None:
    pixels = SeaPictures(64).draw(3)
    assert np.array_equal(pixels, SeaPictures(64).draw(3))
    Image.fromarray(pixels).save(tmp_path / "3.png")
    (tmp_path / "4.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("of no seed")
    read, z = read_drawn(tmp_path, 64)
    assert np.array_equal(read, pixels[None])
    assert torch.equal(z, latents([3]))
    assert z.square().mean() == pytest.approx(1, abs=1e-5)
    assert (z * mirror() != z).sum() == 2
