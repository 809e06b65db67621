"""Winograd's convolution against the library's in float64, over the space of shapes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from akma_core.networks import winograd


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 2),
    channels=st.integers(1, 40),
    out_channels=st.integers(1, 40),
    height=st.integers(1, 21),
    width=st.integers(1, 21),
    padding=st.integers(1, 2),
    seed=st.integers(0, 9),
    compiled=st.booleans(),
)
def test_any_shape(
    batch: int, channels: int, out_channels: int, height: int, width: int, padding: int, seed: int, compiled: bool
) -> None:
    torch.manual_seed(seed)
    x, weight = torch.randn(batch, channels, height, width), torch.randn(out_channels, channels, 3, 3)
    out = winograd.conv3x3(x, winograd.transform_weight(weight), out_channels, padding, compiled)
    expected = F.conv2d(x.double(), weight.double(), padding=padding)
    assert out.shape == expected.shape
    assert (out - expected).abs().max() < 2e-5 * (1 + expected.abs().max())


def test_many_blocks_of_tiles_and_threads() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(1, 17, 130, 101), torch.randn(19, 17, 3, 3)
    u = winograd.transform_weight(weight)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        out = winograd.conv3x3(x, u, 19, 2, True)
        torch.set_num_threads(1)
        again = winograd.conv3x3(x, u, 19, 2, True)
    finally:
        torch.set_num_threads(before)
    expected = F.conv2d(x.double(), weight.double(), padding=2)
    close = 2e-5 * expected.abs().max()
    assert (out - expected).abs().max() < close
    assert (out - again).abs().max() < close
    assert (winograd.conv3x3(x, u, 19, 2, False) - expected).abs().max() < close


def test_without_padding_it_refuses_what_has_no_room() -> None:
    with pytest.raises(ValueError, match="negative"):
        winograd.conv3x3(torch.randn(1, 16, 1, 1), winograd.transform_weight(torch.randn(16, 16, 3, 3)), 16, 0, True)
