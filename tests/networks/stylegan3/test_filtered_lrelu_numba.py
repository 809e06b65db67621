"""The compiled filtered leaky ReLU against plain torch, over the space of its shapes."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.networks.stylegan3 import filtered_lrelu_numba
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.filtered_lrelu import FilteredLeakyReLU
from tests.support.oracle import filtered_lrelu


def layers(resolution: int, radial: bool) -> list[FilteredLeakyReLU]:
    options: dict[str, Any] = {"conv_kernel": 1, "use_radial_filters": True} if radial else {}
    cfg = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=resolution, **options)
    return [FilteredLeakyReLU(layer, 0.9, compiled=True) for layer in cfg.layers[:-1]]


CASES = [
    pytest.param(a, id=f"{r}-{'R' if q else 'T'}-{a.layer.index}")
    for r in (16, 64)
    for q in (0, 1)
    for a in layers(r, bool(q))
]


@pytest.mark.parametrize("activation", CASES)
@pytest.mark.parametrize("threads", [1, 3])
def test_every_layer_of_two_networks(activation: FilteredLeakyReLU, threads: int) -> None:
    torch.manual_seed(activation.layer.index)
    channels, n = 21, activation.layer.conv_size
    x = torch.randn(2, channels, n, n)
    scale, out_scale, bias = torch.rand(2, channels) + 0.5, torch.rand(2, channels) + 0.5, torch.randn(channels)
    assert activation.plan is not None
    rows = x.permute(0, 2, 3, 1).contiguous().numpy()
    out = filtered_lrelu_numba.filtered_lrelu(
        rows, scale.numpy(), bias.numpy(), out_scale.numpy(), activation.plan, threads
    )
    expected = (
        filtered_lrelu(x * scale[:, :, None, None] + bias[:, None, None], activation) * out_scale[:, :, None, None]
    )
    assert np.abs(out.transpose(0, 3, 1, 2) - expected.numpy()).max() < 5e-6
    plain = activation.reference(x, scale, bias, out_scale)
    assert (plain - expected).abs().max() < 5e-6


@settings(max_examples=25, deadline=None)
@given(channels=st.integers(1, 50), batch=st.integers(1, 3), seed=st.integers(0, 99))
def test_any_channels_and_any_number_of_threads(channels: int, batch: int, seed: int) -> None:
    activation = layers(16, True)[seed % 14]
    rng = np.random.default_rng(seed)
    n = activation.layer.conv_size
    x = rng.standard_normal((batch, n, n, channels)).astype(np.float32)
    one = rng.random((batch, channels)).astype(np.float32)
    bias = rng.standard_normal(channels).astype(np.float32)
    assert activation.plan is not None
    first = filtered_lrelu_numba.filtered_lrelu(x, one, bias, one, activation.plan, 1)
    again = filtered_lrelu_numba.filtered_lrelu(x, one, bias, one, activation.plan, 4)
    assert (first == again).all()
    alone = filtered_lrelu_numba.filtered_lrelu(x[:1], one[:1], bias, one[:1], activation.plan, 1)
    assert (first[:1] == alone).all()
    tensor = torch.from_numpy(x).permute(0, 3, 1, 2)
    plain = activation.reference(tensor, torch.from_numpy(one), torch.from_numpy(bias), torch.from_numpy(one))
    assert np.abs(first.transpose(0, 3, 1, 2) - plain.numpy()).max() < 5e-6


def test_no_clamp() -> None:
    cfg = GeneratorConfig(z_dim=8, w_dim=8, img_resolution=16, conv_clamp=None)
    activation = FilteredLeakyReLU(cfg.layers[3], None, compiled=True)
    n = activation.layer.conv_size
    x = torch.full((1, 2, n, n), 1e6)
    one = torch.ones(1, 2)
    out = activation(x, one, torch.zeros(2), one)
    middle = out[..., n // 2, n // 2]
    assert torch.allclose(middle, torch.tensor(2**0.5 * 1e6), rtol=1e-3)
