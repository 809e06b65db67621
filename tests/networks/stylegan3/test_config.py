"""Geometry against the tables of the specification, and configurations that make no sense."""

from typing import Any

import pytest
from pydantic import ValidationError

from akma_core.errors import RequestError
from akma_core.networks.stylegan3.config import GeneratorConfig
from tests.support.golden import NAMES, Golden

# i: rate, size, channels, cutoff, half width, up, pad lo, pad hi (StyleGAN3 specification, reference tables)
T1024 = {
    0: (16, 36, 512, 2.0000, 6.0000, 2, 9, 8),
    2: (32, 52, 512, 5.0397, 10.9603, 4, -6, -9),
    7: (256, 276, 323, 50.7968, 77.2032, 4, -6, -9),
    11: (1024, 1044, 51, 322.5398, 189.4602, 2, 9, 8),
    13: (1024, 1024, 32, 512.0000, 118.3459, 2, -11, -12),
    14: (1024, 1024, 3, 512.0000, 118.3459, 1, 0, 0),
}
R512 = {
    0: (16, 36, 1024, 2.0000, 6.0000, 2, 11, 10),
    7: (128, 148, 967, 33.9028, 30.0972, 2, 11, 10),
    10: (512, 532, 287, 114.0350, 141.9650, 4, -2, -5),
    13: (512, 512, 128, 256.0000, 59.1730, 2, -9, -10),
}
R = {"channel_base": 65536, "channel_max": 1024, "conv_kernel": 1, "use_radial_filters": True}


@pytest.mark.parametrize(("resolution", "options", "table"), [(1024, {}, T1024), (512, R, R512)])
def test_reference_tables(resolution: int, options: dict[str, Any], table: dict[int, tuple[float, ...]]) -> None:
    cfg = GeneratorConfig(z_dim=512, w_dim=512, img_resolution=resolution, **options)
    assert len(cfg.layers) == 15
    for i, row in table.items():
        layer = cfg.layers[i]
        geometry = (layer.out_rate, layer.out_size, layer.out_channels)
        found = (*geometry, layer.out_cutoff, layer.out_half_width, layer.up, layer.pad_lo, layer.pad_hi)
        assert found == pytest.approx(row, abs=5e-5)
    assert [layer.radial for layer in cfg.layers] == [bool(options)] * 12 + [False] * 3
    assert cfg.flavour == ("R" if options else "T")


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_the_published_ones(name: str) -> None:
    golden = Golden(name)
    cfg = GeneratorConfig.from_init_kwargs(golden.json("init_kwargs"))
    weights = {key: tuple(value.shape) for key, value in golden.state_dict.items() if not key.endswith("_filter")}
    assert cfg.shapes() == weights


@pytest.mark.parametrize("name", NAMES)
def test_golden_layers(name: str) -> None:
    golden = Golden(name)
    cfg = GeneratorConfig.from_init_kwargs(golden.json("init_kwargs"))
    expected = {key.split(".")[1] for key in golden.state_dict if key.startswith("synthesis.L")}
    assert {layer.name for layer in cfg.layers} == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"img_resolution": 2**20},
        {"num_layers": 10**6},
        {"channel_max": 10**9},
        {"num_critical": 14},
        {"first_cutoff": float("nan")},
        {"conv_kernel": 2},
        {"first_cutoff": 40.0},
        {"unheard_of": 1},
        {"mapping_kwargs": {"unheard_of": 1}},
        {"z_dim": "many"},
    ],
)
def test_nonsense_is_refused_in_one_line(changes: dict[str, Any]) -> None:
    kwargs = {"z_dim": 64, "c_dim": 0, "w_dim": 64, "img_resolution": 64, "img_channels": 3} | changes
    with pytest.raises(RequestError) as caught:
        GeneratorConfig.from_init_kwargs(kwargs)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


def test_a_configuration_survives_json() -> None:
    cfg = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=64, first_stopband=2**2.1)
    assert GeneratorConfig.model_validate_json(cfg.model_dump_json()) == cfg
    with pytest.raises(ValidationError):
        cfg.z_dim = 9
