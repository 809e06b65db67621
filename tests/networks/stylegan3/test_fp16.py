"""Half precision, on a CPU as a stand-in for a GPU: how far it is from float32, and that float32 is left alone."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from akma_core.networks import builtin
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator
from tests.support.golden import Golden


def psnr(a: Tensor, b: Tensor) -> float:
    """In decibels, of pictures in -1..1."""
    return 20 * math.log10(2 / float((a.clamp(-1, 1) - b.clamp(-1, 1)).square().mean().sqrt()))


@pytest.mark.parametrize("name", ["t64", "r64", "t64_clamp"])
def test_golden_pictures(name: str) -> None:
    golden = Golden(name)
    generator = golden.generator()
    generator.synthesis.use_fp16()
    img = generator.synthesis(golden["ws"])
    assert img.dtype == torch.float32
    assert 60 < psnr(img, golden["img"]) < 100  # nor are they the same: half precision was used


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("ink", 50), ("dunes", 48)])  # dunes' edges are steep slopes of fields
def test_built_in_networks(name: str, least: float) -> None:
    generator = file.load(Path(builtin.find(name)[0]))
    torch.manual_seed(0)
    ws = generator.mapping(torch.randn(2, generator.z_dim))
    full = generator.synthesis(ws)
    generator.synthesis.use_fp16()
    assert psnr(generator.synthesis(ws), full) > least


def test_layers_are_halved_as_configured() -> None:
    generator = Golden("t64").generator()
    cfg = generator.cfg.model_copy(update={"num_fp16_res": 1})
    small = Generator(GeneratorConfig(**cfg.model_dump()))
    small.load_state_dict(generator.state_dict())
    small.synthesis.use_fp16()
    kinds = [layer.kernel.dtype for layer in small.synthesis.layers]
    assert kinds == [torch.float16 if layer.geometry.use_fp16 else torch.float32 for layer in small.synthesis.layers]
    assert len(set(kinds)) == 2
    for layer in small.synthesis.layers:
        if layer.fp16:
            assert layer.kernel.shape[0] % 8 == layer.kernel.shape[1] % 8 == 0
    ws = Golden("t64")["ws"]
    assert psnr(small.synthesis(ws), generator.synthesis(ws)) > 60


def test_float32_again_is_what_it_was() -> None:
    golden = Golden("r64")
    generator = golden.generator()
    before = generator.synthesis(golden["ws"])
    generator.synthesis.use_fp16()
    assert not torch.equal(generator.synthesis(golden["ws"]), before)
    generator.synthesis.use_fp16(False)
    assert torch.equal(generator.synthesis(golden["ws"]), before)


def test_half_precision_survives_loading_weights() -> None:
    golden = Golden("t64")
    generator = golden.generator()
    generator.synthesis.use_fp16()
    expected = generator.synthesis(golden["ws"])
    weights = generator.state_dict()
    assert all(value.dtype == torch.float32 for value in weights.values())
    generator.load_state_dict(weights)
    assert torch.equal(generator.synthesis(golden["ws"]), expected)


def test_large_magnitudes_do_not_overflow() -> None:
    """What a layer's convolution sums over many channels is brought near one before it is rounded."""
    cfg = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=32, channel_base=8192, channel_max=256, conv_clamp=None)
    torch.manual_seed(0)
    generator = Generator(cfg)
    for layer in generator.synthesis.layers[:-1]:
        layer.weight.mul_(1e3)  # that normalisation takes back
        layer.magnitude_ema.fill_(0.01)  # each layer ten times as large
        layer.fold()
    ws = generator.mapping(torch.randn(1, 8))
    last = generator.synthesis.layers[3]
    generator.synthesis.use_fp16()
    x = torch.randn(1, 256, last.geometry.in_size, last.geometry.in_size)
    style = last.style(ws[:, 4])
    out = last(x * style[:, :, None, None], style, torch.ones(1, last.geometry.out_channels))
    assert out.isfinite().all()
    assert out.float().std() > 1
