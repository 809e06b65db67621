"""The upsampling convolution in AMX against the library's in float64, over the space of shapes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.networks.kernels.epilogue import Epilogue
from tests.support.convolutions import LEFT_OUT_BY_AMX, needs_amx, upsampled, upsampling
from tests.support.threads import by_threads

TAPS = (0.1, 0.2, 0.3, 0.4)

pytestmark = needs_amx


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(16, 80),
    out_channels=st.integers(16, 200),
    height=st.integers(1, 25),
    width=st.integers(1, 40),
    noises=st.integers(0, 2),
    clamp=st.sampled_from([None, 0.5]),
)
def test_any_shape(channels: int, out_channels: int, height: int, width: int, noises: int, clamp: float | None) -> None:
    from akma_core.networks.stylegan2 import transposed_amx

    case = upsampling(channels, out_channels, height, width, noises, clamp, TAPS)
    packed = transposed_amx.pack(case.weight)
    out = transposed_amx.upsample3x3(case.x, packed, out_channels, TAPS, case.style, case.epilogue)
    assert out.shape == case.expected.shape
    assert case.epilogue.scale is not None
    scale = case.epilogue.scale.abs()
    terms = upsampled(case.x.abs(), case.weight.abs(), TAPS, case.style.abs(), scale, None)
    assert ((out - case.expected).abs() < LEFT_OUT_BY_AMX * (1 + terms)).all()


@pytest.mark.parametrize("size", [(9, 11), (300, 90)])
@pytest.mark.parametrize("batch", [1, 3])
def test_threads_change_nothing(size: tuple[int, int], batch: int) -> None:
    from akma_core.networks.stylegan2 import transposed_amx

    torch.manual_seed(0)
    x, packed = torch.randn(batch, 32, *size), transposed_amx.pack(torch.randn(70, 32, 3, 3))
    style = torch.randn(batch, 32)
    results = list(by_threads(lambda: transposed_amx.upsample3x3(x, packed, 70, TAPS, style, Epilogue()), 1, 2, 5))
    assert (results[0] == results[1]).all()
    assert (results[0] == results[2]).all()
    alone = transposed_amx.upsample3x3(x[:1], packed, 70, TAPS, style[:1], Epilogue())
    assert (alone == results[0][:1]).all()
