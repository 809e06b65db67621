"""The sum of convolutions for a GPU against plain torch: on a GPU where there is one, else in Triton's interpreter."""

from tests.support.triton_device import DEVICE, F16, F32

# isort: split


import pytest
import torch
from torch import Tensor

from akma_core.networks.kernels import convolution, sum_triton
from akma_core.networks.kernels.convolution import Conv3x3
from akma_core.networks.realesrgan import rrdb
from akma_core.networks.realesrgan.rrdb import RRDBNet

CLOSE = {F16: 3e-3, F32: 2e-6}


def picture(channels: int, first: int = 0, more: int = 0, dtype: torch.dtype = F32) -> Tensor:
    """Channels last, a slice of more channels."""
    x = torch.randn(2, first + channels + more, 5, 7, device=DEVICE).to(dtype, memory_format=torch.channels_last)
    return x[:, first : first + channels]


@pytest.mark.parametrize("dtype", [F16, F32])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("more", [False, True])
def test_against_plain_torch(dtype: torch.dtype, count: int, more: bool) -> None:
    torch.manual_seed(count)
    parts = [picture(20, k, 3 * k, dtype) for k in range(count)]
    bias, slope = (torch.rand(20, device=DEVICE).to(dtype) for _ in range(2))
    residual = picture(20, 4, 0, dtype) if more else None
    expected = torch.stack([part.float() for part in parts]).sum(0)
    if more:
        expected = expected + bias.float()[:, None, None]
        expected = torch.where(expected < 0, expected * slope.float()[:, None, None], expected)
        assert residual is not None
        expected = residual.float() + 0.2 * expected
    out, also = picture(20, 0, 0, dtype), picture(20, 8, 8, dtype)
    more_of = {"also": also, "residual": residual, "gain": 0.2} if more else {}
    got = sum_triton.finish(parts, bias if more else None, slope if more else None, out=out, **more_of)  # type: ignore[arg-type]
    assert got is out
    assert (out.float() - expected).abs().max() < CLOSE[dtype] * float(expected.abs().max())
    assert not more or (also == out).all()


def test_what_does_not_fit_is_refused() -> None:
    x = picture(4)
    for wrong in (picture(5), torch.zeros(2, 4, 5, 7, device=DEVICE), x[:, :, :, ::2], x[:, ::2]):
        with pytest.raises(ValueError, match="channels last"):
            sum_triton.finish([x, wrong], out=x)
        with pytest.raises(ValueError, match="channels last"):
            sum_triton.finish([x], out=wrong)
    with pytest.raises(ValueError, match="expected 1 to 4"):
        sum_triton.finish([x] * 5, out=x)


@torch.inference_mode()
def test_a_convolution_for_a_gpu() -> None:
    torch.manual_seed(0)
    conv, x, slope = Conv3x3(6, 5).to(DEVICE), picture(6), torch.rand(5, device=DEVICE)
    expected = torch.nn.functional.prelu(torch.nn.Conv2d.forward(conv, x), slope)
    assert (conv._finished(x, slope, None) - expected).abs().max() < 1e-5
    out = picture(5, 3, 3)
    assert conv._finished(x, slope, out) is out
    assert (out - expected).abs().max() < 1e-5


def test_an_enlarged_picture_has_every_pixel_four_times() -> None:
    torch.manual_seed(0)
    x, residual = picture(6), picture(6)
    out = torch.zeros(2, 6, 10, 14, device=DEVICE).to(memory_format=torch.channels_last)
    sum_triton.finish([x], out=out, residual=residual)
    expected = torch.nn.functional.interpolate(residual + x, scale_factor=2, mode="nearest")
    assert (out - expected).abs().max() < 1e-6


@torch.inference_mode()
@pytest.mark.parametrize("scale", [2, 4])
def test_the_large_network_for_a_gpu(monkeypatch: pytest.MonkeyPatch, scale: int) -> None:
    torch.manual_seed(0)
    network = RRDBNet(12, 2, 4, scale)
    x = torch.rand(2, 3, 8, 6).to(memory_format=torch.channels_last)
    expected = network(x)
    for module in (rrdb, convolution):
        monkeypatch.setattr(module, "fused", lambda _: True)
    got = network.to(DEVICE)(x.to(DEVICE))
    assert (got.cpu() - expected).abs().max() < 1e-5
