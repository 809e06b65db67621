"""The 1x1 convolution in AMX against the library's in float64, over the space of shapes."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.support.convolutions import LEFT_OUT_BY_AMX, needs_amx
from tests.support.threads import by_threads

pytestmark = needs_amx


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(16, 100),
    out_channels=st.integers(1, 100),
    height=st.integers(1, 21),
    width=st.integers(1, 40),
)
def test_any_shape(batch: int, channels: int, out_channels: int, height: int, width: int) -> None:
    from akma_core.networks.kernels import pointwise_amx

    torch.manual_seed(1)
    x, weight = torch.randn(batch, channels, height, width), torch.randn(out_channels, channels, 1, 1)
    out = pointwise_amx.conv1x1(x, pointwise_amx.pack(weight), out_channels)
    expected = F.conv2d(x.double(), weight.double())
    assert out.shape == expected.shape
    terms = F.conv2d(x.double().abs(), weight.double().abs())
    assert ((out - expected).abs() < LEFT_OUT_BY_AMX * terms).all()


def test_threads_change_nothing() -> None:
    from akma_core.networks.kernels import pointwise_amx

    torch.manual_seed(0)
    x, packed = torch.randn(2, 431, 50, 31), pointwise_amx.pack(torch.randn(271, 431, 1, 1))
    results = list(by_threads(lambda: pointwise_amx.conv1x1(x, packed, 271), 1, 2, 5))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
