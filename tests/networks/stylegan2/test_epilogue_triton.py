"""The epilogue for a GPU against plain torch: on a GPU where there is one, else in Triton's interpreter."""

from tests.support.triton_device import DEVICE, F16, F32

# isort: split


import pytest
import torch

from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.stylegan2 import convolution, epilogue_triton, filters, layers
from akma_core.networks.stylegan2.config import GeneratorConfig
from akma_core.networks.stylegan2.generator import Generator

CLOSE = {F16: 3e-3, F32: 5e-6}  # of values of about one
TAPS = (0.1, 0.2, 0.3, 0.4)


def epilogue_for(channels: int, size: tuple[int, int], noises: int, clamp: float | None) -> Epilogue:
    noise = torch.randn(noises, *size, device=DEVICE) if noises else None
    scale, bias = torch.rand(2, channels, device=DEVICE) + 0.5, torch.randn(channels, device=DEVICE)
    return Epilogue(scale, bias, noise, 0.2, clamp)


@pytest.mark.parametrize("dtype", [F16, F32])
@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize(("channels", "size"), [(5, (4, 4)), (64, (9, 20)), (70, (6, 35))])
@pytest.mark.parametrize(("noises", "clamp"), [(0, None), (1, 0.7), (2, 0.7)])
def test_against_plain_torch(
    dtype: torch.dtype, filtered: bool, channels: int, size: tuple[int, int], noises: int, clamp: float | None
) -> None:
    torch.manual_seed(channels)
    more = 1 if filtered else 0
    x = torch.randn(2, channels, size[0] + more, size[1] + more, device=DEVICE).to(dtype)
    epilogue = epilogue_for(channels, size, noises, clamp)
    got = epilogue_triton.finish(x, epilogue, TAPS if filtered else None)
    expected = epilogue(filters.blur(x.float(), TAPS) if filtered else x.float())
    assert got.dtype == dtype
    assert got.shape == expected.shape
    assert got.is_contiguous(memory_format=torch.channels_last)
    assert (got.float() - expected).abs().max() < CLOSE[dtype] * max(1, float(expected.abs().max()))


def test_a_picture_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    x, epilogue = torch.randn(2, 20, 9, 9, device=DEVICE), epilogue_for(20, (8, 8), 2, 1.0)
    assert epilogue.scale is not None
    assert epilogue.noise is not None
    second = Epilogue(epilogue.scale[1:], epilogue.bias, epilogue.noise[1:], 0.2, 1.0)
    whole = epilogue_triton.finish(x, epilogue, TAPS)
    assert (epilogue_triton.finish(x[1:], second, TAPS) == whole[1:]).all()


@pytest.mark.parametrize("up", [False, True])
def test_layers_for_a_gpu(up: bool) -> None:
    """What a layer does on a GPU, convolution and epilogue, is what it does on a CPU."""
    torch.manual_seed(0)
    layer = convolution.Convolution(up, TAPS, compiled=False).to(DEVICE)
    layer.set_weight(torch.randn(24, 20, 3, 3, device=DEVICE))
    x = torch.randn(2, 20, 12, 10, device=DEVICE)
    epilogue = epilogue_for(24, (24, 20) if up else (12, 10), 1, None)
    expected = epilogue(layer.convolve(x))
    assert (layer._finished(x, epilogue) - expected).abs().max() < 1e-5 * float(expected.abs().max())


def test_other_epilogues_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        epilogue_triton.finish(torch.zeros(1, 4, 4, 4, device=DEVICE), Epilogue())


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [F16, F32])
@pytest.mark.parametrize(
    ("filtered", "channels", "size"), [(True, 5, (4, 6)), (False, 33, (10, 34)), (True, 40, (10, 4))]
)
@pytest.mark.parametrize("below", [False, True])
def test_style_and_colours(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, filtered: bool, channels: int, size: tuple[int, int],
    below: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(epilogue_triton, "SMALL", 8)  # so that a program has several rows
    torch.manual_seed(channels)
    more = 1 if filtered else 0
    x = torch.randn(2, channels, size[0] + more, size[1] + more, device=DEVICE).to(dtype)
    epilogue, style = epilogue_for(channels, size, 2, 0.9), torch.rand(2, channels, device=DEVICE)
    torgb = layers.ToRGB(channels, 3, 8, 0.8, TAPS, compiled=False).to(DEVICE)
    torgb.bias.data.normal_()
    weights = torch.randn(2, 3, channels, device=DEVICE) / channels
    shown = torch.randn(2, 3, size[0] // 2, size[1] // 2, device=DEVICE) if below else None
    colours = epilogue_triton.Colours(weights, torgb.bias, torgb.clamp, shown, TAPS)
    taps = TAPS if filtered else None
    out, picture = epilogue_triton.finish_coloured(x, epilogue, colours, taps, style=style, dtype=F32)
    alone, same = epilogue_triton.finish_coloured(x, epilogue, colours, taps)
    y = epilogue(filters.blur(x.float(), TAPS) if filtered else x.float())
    monkeypatch.setattr(torgb, "weights", lambda _: weights)
    expected = torgb(y, weights, shown)
    assert alone is None
    assert out is not None
    assert (same == picture).all()
    assert (out - y * style[:, :, None, None]).abs().max() < 5e-6 * max(1, float(y.abs().max()))
    assert (picture - expected).abs().max() < 5e-6 * max(1, float(expected.abs().max()))


@pytest.mark.parametrize(("mode", "clamp"), [("const", 256.0), ("none", None), ("random", 256.0)])
def test_the_fused_network(mode: str, clamp: float | None) -> None:
    """All passes fused is what the layers do one by one, in whole precision and in half."""
    torch.manual_seed(1)
    cfg = GeneratorConfig(
        z_dim=8, w_dim=8, img_resolution=8, channel_base=64, channel_max=12, conv_clamp=clamp, num_fp16_res=1
    )
    network = Generator(cfg, compiled=False).synthesis.to(DEVICE)
    for block in network.blocks:
        for layer in block.layers:
            layer.noise_strength.fill_(0.3)
            layer.bias.data.normal_()
            layer.fold()
    ws, seeds = torch.randn(2, network.num_ws, 8, device=DEVICE), torch.tensor([3, 4], device=DEVICE)
    expected = network.cpu()(ws.cpu(), mode, seeds.cpu())
    network.to(DEVICE)
    got = network.fused_picture(ws, mode, seeds).cpu()
    assert (got - expected).abs().max() < 1e-5 * float(expected.abs().max())
    network.use_fp16()
    half = network.fused_picture(ws, mode, seeds).cpu()
    assert (half - expected).abs().max() < 0.01 * float(expected.abs().max())
