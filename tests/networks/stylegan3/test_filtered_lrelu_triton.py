"""The filtered leaky ReLU for a GPU against the formulas: on a GPU where there is one, else in Triton's interpreter."""

from tests.support.triton_device import DEVICE, F16, F32

# isort: split

from typing import Any

import numpy as np
import pytest
import torch

from akma_core.networks.stylegan3 import filtered_lrelu_triton
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.filtered_lrelu import FilteredLeakyReLU
from tests.support.oracle import filtered_lrelu

CLOSE = {F16: 3e-3, F32: 5e-6}  # of values of about one
RADIAL = {"conv_kernel": 1, "use_radial_filters": True}


def layers(resolution: int, radial: bool, clamp: float | None = 0.9) -> list[FilteredLeakyReLU]:
    options: dict[str, Any] = RADIAL if radial else {}
    cfg = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=resolution, **options)
    return [FilteredLeakyReLU(layer, clamp) for layer in cfg.layers[:-1]]


def run(
    activation: FilteredLeakyReLU, dtype: torch.dtype, channels: int, batch: int = 2
) -> tuple[torch.Tensor, torch.Tensor]:
    """The kernel's result and the expected one, float32 [B, C, n, n]."""
    torch.manual_seed(activation.layer.index)
    n = activation.layer.conv_size
    x = torch.randn(batch, channels, n, n).to(dtype)
    scale, out_scale, bias = torch.rand(batch, channels) + 0.5, torch.rand(batch, channels) + 0.5, torch.randn(channels)
    plan = activation.gpu_plan(dtype, DEVICE)
    assert plan is not None
    pixels = x.permute(0, 2, 3, 1).contiguous().to(DEVICE)
    got = filtered_lrelu_triton.filtered_lrelu(pixels, scale.to(DEVICE), bias.to(DEVICE), out_scale.to(DEVICE), plan)
    assert got.dtype == dtype
    moved = x.float() * scale[:, :, None, None] + bias[:, None, None]
    expected = filtered_lrelu(moved, activation) * out_scale[:, :, None, None]
    return got.permute(0, 3, 1, 2).float().cpu(), expected


def distinct(resolution: int, radial: bool) -> list[FilteredLeakyReLU]:
    """One layer of each geometry: some differ in nothing but their filter's numbers."""
    found = {
        (a.layer.conv_size, a.layer.out_size, a.layer.up, a.layer.radial): a for a in layers(resolution, radial)
    }  # fmt: skip
    return list(found.values())


CASES = [
    pytest.param(a, id=f"{r}-{'R' if q else 'T'}-{a.layer.index}")
    for r, q in ((32, False), (64, False), (64, True))
    for a in distinct(r, q)
]


@pytest.mark.parametrize("activation", CASES)
@pytest.mark.parametrize("dtype", [F16, F32], ids=str)
def test_every_geometry(activation: FilteredLeakyReLU, dtype: torch.dtype) -> None:
    """Negative padding, ragged tiles, ragged channels, both rates, filters of one, two and four terms."""
    got, expected = run(activation, dtype, channels=19)
    assert got.shape == expected.shape
    assert (got - expected).abs().max() < CLOSE[dtype]


def test_those_cases_cover_what_layers_are_made_of() -> None:
    plans = [a.gpu_plan(d, DEVICE) for q in (False, True) for a in distinct(64, q) for d in (F16, F32)]
    assert {(p.up, p.rank) for p in plans if p} >= {(2, 1), (4, 1), (2, 4), (4, 2)}
    assert any(p.out_size % p.used for p in plans if p)
    assert any(p.out_size > p.tile.strip for p in plans if p)


@pytest.mark.parametrize("channels", [1, 16, 40])
def test_any_number_of_channels(channels: int) -> None:
    got, expected = run(layers(32, False)[5], F16, channels, batch=1)
    assert (got - expected).abs().max() < CLOSE[F16]


@pytest.mark.slow
@pytest.mark.parametrize("radial", [False, True])
def test_large_layers(radial: bool) -> None:
    for activation in distinct(256, radial)[-3:]:
        got, expected = run(activation, F16, 3, batch=1)
        assert (got - expected).abs().max() < CLOSE[F16]


def test_a_picture_does_not_depend_on_its_company() -> None:
    activation = layers(32, False)[3]
    both, _ = run(activation, F16, 5, batch=2)
    plan = activation.gpu_plan(F16, DEVICE)
    assert plan is not None
    torch.manual_seed(activation.layer.index)
    n = activation.layer.conv_size
    x = torch.randn(2, 5, n, n).to(F16)
    scale, out_scale, bias = torch.rand(2, 5) + 0.5, torch.rand(2, 5) + 0.5, torch.randn(5)
    pixels = x[1:].permute(0, 2, 3, 1).contiguous().to(DEVICE)
    one = scale[1:].to(DEVICE), bias.to(DEVICE), out_scale[1:].to(DEVICE)
    alone = filtered_lrelu_triton.filtered_lrelu(pixels, *one, plan)
    assert torch.equal(alone.permute(0, 3, 1, 2).float().cpu()[0], both[1])


def test_no_clamp_keeps_large_values_finite() -> None:
    activation = layers(16, False, None)[3]
    n = activation.layer.conv_size
    plan = activation.gpu_plan(F16, DEVICE)
    assert plan is not None
    one = torch.ones(1, 2, device=DEVICE)
    x = torch.full((1, n, n, 2), 1e4, dtype=F16, device=DEVICE)
    out = filtered_lrelu_triton.filtered_lrelu(x, one, torch.zeros(2, device=DEVICE), one, plan)
    assert torch.allclose(out[0, n // 2, n // 2].float().cpu(), torch.tensor(2**0.5 * 1e4), rtol=2e-3)
    huge = filtered_lrelu_triton.filtered_lrelu(x * 5, one, torch.zeros(2, device=DEVICE), one, plan)
    assert huge.isfinite().all()


def test_what_it_does_not_cover() -> None:
    assert layers(32, True)[11].gpu_plan(F32, DEVICE) is None  # a filter of five terms; larger networks have four
    assert layers(32, True)[11].gpu_plan(F16, DEVICE) is not None
    a = layers(32, False)[0]
    arguments = (38, 36, 2, 9, a.up_filter, a.down_filter, None)
    assert filtered_lrelu_triton.make_plan(*arguments, dtype=torch.bfloat16, device=DEVICE) is None
    assert filtered_lrelu_triton.make_plan(38, 36, 3, 9, *arguments[4:], dtype=F16, device=DEVICE) is None
    assert filtered_lrelu_triton.make_plan(38, 36, 4, 9, *arguments[4:], dtype=F16, device=DEVICE) is None
    rng = np.random.default_rng(0).standard_normal((12, 12))
    random = torch.from_numpy((rng + rng.T).astype(np.float32))
    assert filtered_lrelu_triton.make_plan(*arguments[:5], random, None, dtype=F16, device=DEVICE) is None


def test_wrong_arguments_are_refused() -> None:
    a = layers(32, False)[0]
    plan = a.gpu_plan(F16, DEVICE)
    assert plan is not None
    x, one = torch.zeros(1, 38, 38, 4, dtype=F16, device=DEVICE), torch.ones(1, 4, device=DEVICE)
    for wrong in (x.float(), x[:, 1:], x.transpose(1, 2), x[:, :, :37]):
        with pytest.raises(ValueError, match="expected contiguous"):
            filtered_lrelu_triton.filtered_lrelu(wrong, one, one[0], one, plan)
    with pytest.raises(ValueError, match=r"expected scales \[1, 4\]"):
        filtered_lrelu_triton.filtered_lrelu(x, one, one[0], one[:, :3], plan)
