"""Shapes against the published ones, and configurations that make no sense."""

from typing import Any

import pytest

from akma_core.errors import RequestError
from akma_core.networks.stylegan2.config import GeneratorConfig
from tests.support.stylegan2_golden import NAMES, Golden

MODEST = {"z_dim": 64, "w_dim": 64, "img_resolution": 64}


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_the_published_ones(name: str) -> None:
    golden = Golden(name)
    found = {key: tuple(v.shape) for key, v in golden.state_dict.items() if not key.endswith("resample_filter")}
    assert GeneratorConfig(**golden.settings()).shapes() == found


@pytest.mark.parametrize(
    ("resolution", "base", "channels"),
    [
        (1024, 32768, (512, 512, 512, 512, 512, 256, 128, 64, 32)),
        (1024, 16384, (512, 512, 512, 512, 256, 128, 64, 32, 16)),
        (256, 16384, (512, 512, 512, 512, 256, 128, 64)),
    ],
)
def test_published_recipes(resolution: int, base: int, channels: tuple[int, ...]) -> None:
    cfg = GeneratorConfig(z_dim=512, w_dim=512, img_resolution=resolution, channel_base=base)
    assert tuple(block.channels for block in cfg.blocks) == channels
    assert cfg.num_ws == {1024: 18, 256: 14}[resolution]


def test_trainable_numbers_of_config_f() -> None:
    cfg = GeneratorConfig(z_dim=512, w_dim=512, img_resolution=1024)
    count = 0
    for name, shape in cfg.shapes().items():
        if not name.endswith(("noise_const", "w_avg")):
            size = 1
            for side in shape:
                size *= side
            count += size
    assert count == pytest.approx(30.4e6, rel=0.005)


def test_half_precision_blocks_and_rows_of_w() -> None:
    cfg = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=64, num_fp16_res=3)
    assert [block.use_fp16 for block in cfg.blocks] == [False, False, True, True, True]
    assert [block.first_w for block in cfg.blocks] == [0, 1, 3, 5, 7]
    everything = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=64, num_fp16_res=16)
    assert [block.use_fp16 for block in everything.blocks] == [False, True, True, True, True]
    none = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=64)
    assert not any(block.use_fp16 for block in none.blocks)


def test_wide_networks() -> None:
    cfg = GeneratorConfig.checked(MODEST | {"init_res": [4, 7]})
    assert (cfg.height, cfg.width) == (64, 112)
    shapes = cfg.shapes()
    assert shapes["synthesis.b4.const"] == (512, 4, 7)
    assert shapes["synthesis.b64.conv1.noise_const"] == (64, 112)


def test_a_configuration_survives_json() -> None:
    cfg = GeneratorConfig.checked(MODEST | {"channels": [9, 8, 7, 6, 5], "resample_filter": [1, 2, 1], "c_dim": 3})
    assert GeneratorConfig.checked(cfg.model_dump(mode="json")) == cfg


@pytest.mark.parametrize(
    "changes",
    [
        *({"img_resolution": value} for value in (2**20, 3, 0, -4, True, 64.0, "64", 96, None)),
        *({"channel_base": value} for value in (10**9, "32768", 0)),
        *({"mapping_layers": value} for value in (10**6, 0, True)),
        *({"architecture": value} for value in ("swagan", None, 1)),
        *({"conv_clamp": value} for value in (0, -1, float("nan"), float("inf"), "256", True)),
        *({"lr_multiplier": value} for value in (0, float("nan"), -1)),
        *(
            {"resample_filter": value}
            for value in ([1.0] * 10**6, [[1, 3], [3, 1]], [0, 0], [], [float("nan")], "1331")
        ),
        *({"resample_filter": value} for value in ([1, -1], [1e300], [True], None)),
        *({"init_res": value} for value in ([4], [0, 4], [64, 10**6], [4.0, 4], "44")),
        *({"channels": value} for value in ([8], [8] * 10**6, [8, 8, 8, 8, 0], [8, 8, 8, 8, 2**20])),
        *({"embedding": value} for value in ("other", None)),
        {"img_resolution": 4096, "init_res": [4, 64]},
        {"c_dim": -1},
        {"z_dim": 2**40},
        {"w_dim": "64"},
        {"use_noise": 1},
        {"num_fp16_res": -1},
        {"kernel_size": 9},
        {"activation": "sine"},
    ],
    ids=repr,
)
def test_nonsense_is_refused_in_one_line(changes: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        GeneratorConfig.checked(MODEST | changes)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300
