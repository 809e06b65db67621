"""The upscaler in the pass: upscaling the network's own pictures gives the same, in the size that was asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from akma_core.cli.main import main
from akma_core.errors import RequestError
from akma_core.networks.card import read_card
from akma_core.networks.realesrgan.load import load_upscaler
from akma_core.render.plan import RenderPlan
from akma_core.render.planner import make_plan
from akma_core.settings import RenderSettings
from runners.network import NetworkRunner, device_part
from runners.realesrgan import find_upscaler, finish, upscale_part
from tests.support.media import decode_video
from tests.support.songs import reader

CPU = torch.device("cpu")
FAST = "realesr-animevideov3"


def make(network: Path, **fields: Any) -> RenderPlan:
    settings = RenderSettings.parse({"fps": 4, **fields})
    card = read_card(network)
    part = upscale_part(find_upscaler(settings, CPU))
    return make_plan(settings, reader(2), "5" * 64, card, device_part(CPU, card), part)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (64, 64)),
        ({"upscale": FAST}, (256, 256)),
        ({"upscale": FAST, "outscale": 2.5}, (160, 160)),
        ({"upscale": FAST, "size": "192x108"}, (192, 108)),
        ({"outscale": 1.5}, (96, 96)),
        ({"size": "65x33"}, (64, 32)),
    ],
)
def test_sizes_and_pictures(network: Path, fields: dict[str, Any], size: tuple[int, int]) -> None:
    plan = make(network, **fields)
    assert (plan.width, plan.height) == size
    upscaler = find_upscaler(plan.settings, CPU)
    plain = NetworkRunner(network, CPU, 1)
    whole = NetworkRunner(network, CPU, 1, "float32", finish(plan, upscaler))
    w = plain.mapping(plan.network, [1, 2]).astype(np.float32)
    pictures = whole.pictures(w)
    assert pictures.shape == (2, plan.height, plan.width, 3)
    if fields == {"upscale": FAST}:
        expected = load_upscaler(FAST)(plain.pictures(w))
        assert (pictures == expected).all()


def test_the_plan_knows_its_upscaler(network: Path) -> None:
    plain, large = make(network), make(network, upscale=FAST)
    assert plain.digest != large.digest
    assert plain.digest != make(network, size="96x64").digest
    with pytest.raises(RequestError, match="not the plan's"):
        finish(large, None)
    with pytest.raises(RequestError, match="not the plan's"):
        finish(plain, find_upscaler(large.settings, CPU))


@pytest.mark.parametrize(
    "fields",
    [
        {"upscale": "waifu2x"},
        {"upscale": "/no/such.pth"},
        {"outscale": 0.5},
        {"outscale": 5},
        {"size": "8x8"},
        {"size": "9000x9000"},
        {"size": "640"},
        {"size": "640x360", "outscale": 2},
    ],
)
def test_what_cannot_be(network: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        make(network, **fields)
    assert "\n" not in caught.value.message
    assert caught.value.field in (*fields, "size")


def test_through_the_command(network: Path, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, again = tmp_path / "big.mp4", tmp_path / "again.mp4"
    arguments = ["render", str(song), "--model", str(network), "--fps", "2", "--upscale", FAST, "--outscale", "2"]
    assert main([*arguments, "-o", str(video)]) == 0, capsys.readouterr().err
    planes, _ = decode_video(video)
    assert planes.shape == (6, 192, 128)
    assert main(["render", str(song), "--manifest", str(video.with_suffix(".json")), "-o", str(again)]) == 0
    assert again.read_bytes() == video.read_bytes()
