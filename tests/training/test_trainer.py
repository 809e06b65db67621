"""The trainer on a handful of pictures of 16 pixels: what a state brings back, augmentation, a disk that fills up."""

import json
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from akma_core.errors import FailureError, RequestError
from akma_core.networks.card import read_card
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator
from training.checkpoint import NETWORK, read_facts
from training.distance import Distance
from training.options import Options
from training.pool import PicturePool
from training.trainer import Trainer

SMALL = GeneratorConfig(
    z_dim=8,
    w_dim=8,
    img_resolution=16,
    channel_base=64,
    channel_max=8,
    num_layers=3,
    conv_clamp=None,
    lr_multiplier=0.5,
)
MAKE = Callable[..., Trainer]


@pytest.fixture
def make(tmp_path: Path) -> MAKE:
    pool = PicturePool(40, 16, torch.device("cpu"), mirrored=False)
    pool.add(np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8), torch.zeros(40, 0))

    def made(config: GeneratorConfig = SMALL, **options: Any) -> Trainer:
        torch.manual_seed(0)
        every: dict[str, Any] = {"channels": 4, "channels_max": 8, "batch": 4, "augment_target": 0.6}
        real = pool.pictures.float() / 127.5 - 1
        return Trainer(
            Options(out=tmp_path, **(every | {"minutes": 1} | options)), Generator(config, compiled=False), pool,
            lambda: None, torch.randn(16, 8), real[:16], paired=False, facts={"name": "a"}, started=time.monotonic(),
            distance=Distance(real),
        )  # fmt: skip

    return made


def _facts(trainer: Trainer) -> dict[str, Any]:
    facts = read_facts(trainer.options.out)
    assert facts is not None
    return facts


def test_goes_on_with_the_same_steps(make: MAKE) -> None:
    first = make(augment_pictures=100)
    for _ in range(5):
        first.train_step(0.3)
    first.save(0.3)
    second = make(augment_pictures=100)
    second.resume(_facts(second))
    assert (second.step, second.made) == (5, 20)
    assert second.augment is not None
    assert first.augment is not None
    assert second.augment.p == first.augment.p > 0
    assert 0 < second.spent < 60
    # The observed signs of a half-finished group are not kept, so that p may differ by one adjustment from here.
    for trainer in (first, second):
        torch.manual_seed(1)
        trainer.train_step(0.3)
    state, again = first._tensors(), second._tensors()
    assert state.keys() == again.keys()
    for name, tensor in state.items():
        torch.testing.assert_close(tensor, again[name], msg=name)
    rows = second.sheets._moments
    assert len(rows) == 1
    assert rows[0].shape == (16, 16 * 8, 3)


def test_time_goes_on(make: MAKE) -> None:
    first = make(minutes=1)
    first.started -= 30
    first.save(0.5)
    second = make(minutes=1)
    second.resume(_facts(second))
    assert second.progress == pytest.approx(0.5, abs=0.05)
    assert second.moments[0] > 0.5
    longer = make(minutes=2)
    longer.resume(_facts(longer))
    assert longer.progress == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("other", [{"channels": 8}, {"config": SMALL.model_copy(update={"num_layers": 4})}], ids=str)
def test_does_not_go_on_with_other_networks(make: MAKE, other: dict[str, Any]) -> None:
    make().save(0.0)
    trainer = make(**other)
    with pytest.raises(RequestError, match="another --out"):
        trainer.resume(_facts(trainer))


def test_half_the_rate_after_it_diverged(make: MAKE) -> None:
    trainer = make()
    trainer.train_step(0.0)
    trainer.save(0.0)
    kept = trainer.ema.average.mapping.w_avg.clone()
    with torch.no_grad():
        next(trainer.ema.average.parameters()).fill_(torch.nan)
    trainer.save(0.1)
    assert trainer.learning_rate == Options.learning_rate / 2
    assert torch.equal(trainer.ema.average.mapping.w_avg, kept)
    again = make()
    again.resume(_facts(again))
    assert again.learning_rate == Options.learning_rate / 2


def test_a_full_disk_is_waited_for(make: MAKE, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = make()
    trainer.train_step(0.0)
    trainer.save(0.0)
    digest = read_card(tmp_path / NETWORK).digest
    trainer.train_step(0.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        trainer.save(0.1)
        assert "not saved: no room left to write" in capsys.readouterr().out
        with pytest.raises(FailureError, match="no room left"):
            trainer.save(1.0, needed=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_card(tmp_path / NETWORK).digest == digest
    assert _facts(trainer)["step"] == 1
    trainer.save(0.2)
    assert read_card(tmp_path / NETWORK).digest != digest


def test_an_interrupt_saves(make: MAKE, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make()
    step = trainer.train_step

    def interrupted(progress: float) -> None:
        step(progress)
        if trainer.step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert _facts(trainer)["step"] == 3


def test_learns_the_colour_of_the_pictures(make: MAKE, tmp_path: Path) -> None:
    """Adversarially alone: of dark red noise the network becomes dark red, and its distance falls."""
    trainer = make(learning_rate=0.04, r1_every=4)
    red = torch.tensor([100, 10, 10])[:, None, None] + torch.randint(0, 20, (40, 3, 16, 16))
    trainer.pool.pictures.copy_(red)
    trainer.distance = Distance(trainer.pool.pictures.float() / 127.5 - 1)
    trainer.options = replace(trainer.options, ema_pictures=100)
    before = trainer.distance.of(trainer.pictures(trainer.measured_z))
    for _ in range(22):
        trainer.train_step(0.0)
    trainer.save(1.0)
    trainer.log(1.0, 0.0)
    after = json.loads((tmp_path / "log.jsonl").read_text())["distance"]
    assert after < before / 3
    made = trainer.pictures(trainer.measured_z).mean([0, 2, 3])
    assert made[0] - made[1:].max() > 0.3
