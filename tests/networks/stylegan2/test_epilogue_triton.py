"""The epilogue for a GPU against plain torch: on a GPU where there is one, else in Triton's interpreter."""

import importlib.util
import os

import pytest
import torch

from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.stylegan2 import filters

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed (pip install -e .[triton] runs its interpreter)", allow_module_level=True)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when the kernel is defined

from akma_core.networks.stylegan2 import convolution, epilogue_triton

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
F16, F32 = torch.float16, torch.float32
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
