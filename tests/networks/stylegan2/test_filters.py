"""The FIR filter against zeros inserted and convolved."""

import pytest
import torch

from akma_core.networks.stylegan2 import filters
from tests.support.stylegan2_oracle import upfirdn


@pytest.mark.parametrize("length", range(1, 13))
def test_any_length(length: int) -> None:
    torch.manual_seed(length)
    taps = torch.rand(length) + 0.1
    taps = taps / taps.sum()
    x = torch.randn(2, 3, 5, 8)
    before = (length + 1) // 2
    assert (filters.upsample(x, taps.tolist()) - upfirdn(x, taps, up=2, before=before)).abs().max() < 1e-5
    t = torch.randn(2, 3, 11, 17)
    assert (filters.blur(t, taps.tolist()) - upfirdn(t, taps, up=1, before=before - 1)).abs().max() < 1e-5


def test_the_border_darkens() -> None:
    bright = filters.upsample(torch.ones(1, 1, 4, 4), (1 / 8, 3 / 8, 3 / 8, 1 / 8))
    assert bright[0, 0, 0].tolist() == pytest.approx([0.5625, *[0.75] * 6, 0.5625])
    assert bright[0, 0, 3, 3] == 1
